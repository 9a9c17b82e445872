import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastFile, sourceOf, verdict } from '../../lib/attempt.js';

const job = (read, rejected) => ({ contract: 1, counts: { read, rejected } });
const outlook = (read, rejected) => ({ sample: { counts: { read, rejected } } });

test('the difference to what was rejected is said in words', () => {
  for (const [before, now, expected] of [
    [
      job(949, 23),
      outlook(949, 335),
      'Version 2 would reject 312 more: 335 of 949 records, where version 1 rejected 23.',
    ],
    [
      job(949, 23),
      outlook(949, 0),
      'Version 2 would reject 23 fewer: 0 of 949 records, where version 1 rejected 23.',
    ],
    [job(1, 1), outlook(1, 1), 'Version 2 would reject as many as before: 1 of 1 record.'],
    // A part is not compared with all.
    [
      job(1_000_000, 5),
      outlook(9_000, 12),
      'Version 2 would reject 12 of the first 9,000 records; ' +
        'version 1 rejected 5 of all 1,000,000.',
    ],
  ])
    assert.equal(verdict(before, now, 2), expected);
});

test('the last file is one object that landed and may be read again', () => {
  const landed = (key, more) => ({ status: 'SUCCEEDED', source: { key }, ...more });
  const jobs = [
    landed('inbox/a/5.csv', { status: 'FAILED' }),
    landed('jobs/1/mended-1.csv', { replayOf: '1' }),
    landed('elsewhere/4.csv'),
    { status: 'SUCCEEDED', source: { prefix: 'inbox/a/' } },
    landed('staged/a/x/3.csv'),
    landed('inbox/a/2.csv'),
  ];
  assert.equal(lastFile(jobs).source.key, 'staged/a/x/3.csv');
  assert.equal(lastFile(jobs.slice(0, 4)), undefined);
  const source = { bucket: 'b', key: 'k', version: 'v', etag: 'e' };
  assert.deepEqual(sourceOf({ source }), { bucket: 'b', key: 'k', version: 'v' });
});
