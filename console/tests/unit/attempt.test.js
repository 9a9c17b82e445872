import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compare,
  lastFile,
  rejectsTone,
  rejectsVerdict,
  tone,
  tryRejects,
  verdict,
} from '../../lib/attempt.js';

const outlook = (read, rejected) => ({ sample: { counts: { read, rejected } } });
const failure = { failure: { error: 'HeaderMismatch', cause: '-' } };
const nothing = { plan: {} };

test('the difference to what the registered version rejects is said in words', () => {
  for (const [registered, edited, total, colour, expected] of [
    [
      outlook(972, 23),
      outlook(972, 145),
      972,
      'warn',
      'This text would reject 122 more: 145 of 972 records, where version 2 rejects 23.',
    ],
    [
      outlook(949, 23),
      outlook(949, 0),
      949,
      'good',
      'This text would reject 23 fewer: 0 of 949 records, where version 2 rejects 23.',
    ],
    [
      outlook(1, 1),
      outlook(1, 1),
      1,
      'good',
      'This text would reject as many as version 2: 1 of 1 record.',
    ],
    // Both looked at the same part.
    [
      outlook(9_000, 5),
      outlook(9_000, 12),
      1_000_000,
      'warn',
      'This text would reject 7 more: 12 of the first 9,000 records, where version 2 rejects 5.',
    ],
    // Another delimiter or quote makes other records.
    [
      outlook(972, 23),
      outlook(900, 12),
      900,
      'good',
      'This text would reject 12 of 900 records, where version 2 rejects 23 of 972.',
    ],
    [
      failure,
      outlook(6, 4),
      6,
      'good',
      'This text would reject 4 of 6 records. Version 2 can’t land it.',
    ],
    [nothing, outlook(6, 4), 6, 'good', 'This text would reject 4 of 6 records.'],
    [outlook(6, 1), failure, 6, 'bad', 'This text can’t land it, but version 2 can.'],
    [failure, failure, 6, 'bad', 'This text can’t land it, and neither can version 2.'],
    [nothing, nothing, 6, '', 'No record of it was tried.'],
  ]) {
    assert.equal(verdict({ registered, edited }, 2, total), expected);
    assert.equal(tone({ registered, edited }), colour);
  }
});

test('the registered version and the text are tried on the same object', async () => {
  const asked = [];
  const api = {
    async post(path, body) {
      asked.push([path, body]);
      return outlook(6, body.contract ? 4 : 1);
    },
  };
  const source = { bucket: 'b', key: 'k', version: 'v', etag: 'e' };
  const found = await compare(api, { dataset: 'a', job: { source }, text: 'name: a\n' });
  assert.deepEqual(found, { registered: outlook(6, 1), edited: outlook(6, 4) });
  const run = {
    dataset: 'a',
    source: { bucket: 'b', key: 'k', version: 'v' },
    force: true,
    dryRun: true,
  };
  assert.deepEqual(asked, [
    ['/jobs', run],
    ['/jobs', { ...run, contract: 'name: a\n' }],
  ]);
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
});

test('what a text makes of open rejects is said in words', () => {
  for (const [tried, open, colour, expected] of [
    [outlook(23, 3), 23, 'good', 'Of 23 open rejects, this text would take 20 and reject 3.'],
    [outlook(1, 1), 1, 'warn', 'Of 1 open reject, this text would take 0 and reject 1.'],
    [outlook(2, 0), 2, 'good', 'Of 2 open rejects, this text would take 2 and reject 0.'],
    // The first ones of many, or those of one layout.
    [
      outlook(9_000, 12),
      100_000,
      'good',
      'Of 9,000 of 100,000 open rejects, this text would take 8,988 and reject 12.',
    ],
    [failure, 3, 'bad', 'This text can’t land them.'],
    [nothing, 3, '', 'None of them was tried.'],
  ]) {
    assert.equal(rejectsVerdict(tried, open), expected);
    assert.equal(rejectsTone(tried), colour);
  }
});

test('a text is tried on open rejects and nothing is landed', async () => {
  const asked = [];
  const api = {
    async post(path, body) {
      asked.push([path, body]);
      return outlook(2, 0);
    },
  };
  assert.deepEqual(await tryRejects(api, { job: 'a~1', text: 'name: a\n' }), outlook(2, 0));
  assert.deepEqual(asked, [['/jobs/a~1/replay', { dryRun: true, contract: 'name: a\n' }]]);
});
