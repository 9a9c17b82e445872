import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../../lib/format.js';

/** What a function makes of each input. */
const check = (of, cases) => {
  for (const [input, expected] of cases) assert.equal(of(...[input].flat()), expected, `${input}`);
};

test('numbers have the digits that a reader needs', () => {
  check(format.count, [
    [0, '0'],
    [336776, '336,776'],
  ]);
  check(format.counted, [
    [[1, 'row'], '1 row'],
    [[2, 'row'], '2 rows'],
    [[0, 'match', 'matches'], '0 matches'],
  ]);
  check(format.short, [
    [9999, '9,999'],
    [12345, '12.3k'],
    [336776, '337k'],
    [5_400_000, '5.4M'],
    [2e9, '2.0G'],
  ]);
  check(format.bytes, [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [441713, '442 kB'],
    [5.4e6, '5.4 MB'],
  ]);
  check(format.rate, [
    [[1000, 500], '2,000 rows/s'],
    [[10, 0], '10.0k rows/s'],
  ]);
});

test('amounts of money are never rounded to nothing', () => {
  check(format.money, [
    [0, '$0'],
    [0.00031432, '$0.00031'],
    [0.0012, '$0.0012'],
    [0.05, '$0.050'],
    [12.345, '$12.35'],
  ]);
  for (let exponent = -8; exponent < 3; exponent += 1) {
    assert.notEqual(Number(format.money(3.3 * 10 ** exponent).slice(1)), 0);
  }
});

test('a share that is not nothing is not shown as nothing, nor almost all as all', () => {
  check(format.percent, [
    [0, '0 %'],
    [1, '100 %'],
    [0.2, '20 %'],
    [0.00001, '< 0.1 %'],
    [0.99999, '> 99.9 %'],
    [0.1234, '12.3 %'],
  ]);
});

test('times are told by their two largest units', () => {
  check(format.duration, [
    [-5, '0.0 s'],
    [240, '0.2 s'],
    [18_000, '18 s'],
    [59_600, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ]);
  const now = Date.parse('2026-03-01T12:00:00Z');
  const ago = (seconds) => format.ago(new Date(now - seconds * 1000).toISOString(), now);
  check(ago, [
    [0, 'just now'],
    [-9, 'just now'],
    [60, '1 min ago'],
    [7200, '2 h ago'],
    [-7200, 'in 2 h'],
    [200_000, '2 d ago'],
  ]);
});

test('a source is called by the name that its file had', () => {
  check(format.sourceName, [
    [{ key: 'inbox/flights/june.csv' }, 'june.csv'],
    [{ key: 'inbox/flights/2026/june.csv' }, '2026/june.csv'],
    [{ key: 'staged/flights/7b1c/a</b>.csv' }, 'a</b>.csv'],
    [{ key: 'jobs/job-1/mended-ab.csv' }, 'mended rejects'],
    [{ prefix: 'inbox/flights/', glob: '**.csv' }, 'inbox/flights/**.csv'],
    [{ manifest: { key: 'inbox/flights/list.json' } }, 'list.json'],
    [{ objects: [{}, {}] }, '2 objects'],
    [{ batch: { files: 12, bytes: 345 } }, '12 files'],
    [{}, 'unknown source'],
  ]);
  assert.equal(
    format.fileName('lake/flights/month=1/job-0123456789012345678901234567-000.parquet'),
    'month=1/…678901234567-000.parquet',
  );
});
