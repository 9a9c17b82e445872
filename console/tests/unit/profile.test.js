import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differs, drawing, nulls, paired, spread, top } from '../../lib/profile.js';
import { chance } from './texts.js';

/** The profile of a column of numbers, as the API tells it. */
function column(values, more = {}) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
  const quantiles = Object.fromEntries(
    [1, 5, 25, 50, 75, 95, 99].map((part) => [`p${String(part).padStart(2, '0')}`, at(part / 100)]),
  );
  const ends = { min: sorted[0], max: sorted.at(-1) };
  return {
    name: 'n',
    type: 'integer',
    count: values.length,
    nulls: 0,
    ...ends,
    quantiles,
    ...more,
  };
}
const sum = (shares) => shares.reduce((total, share) => total + share, 0);
const near = (a, b, most = 1e-9) => assert.ok(Math.abs(a - b) < most, `${a} is not ${b}`);

test('all of a column is in its ranges, whatever it holds', () => {
  const next = chance(7);
  for (let turn = 0; turn < 300; turn += 1) {
    const kinds = 2 + next(40);
    const values = Array.from({ length: 30 + next(500) }, () => next(kinds) - 5);
    const found = spread(column(values));
    if (!found) {
      assert.equal(new Set(values).size, 1);
      continue;
    }
    assert.ok(found.shares.every((share) => share >= 0));
    // Where the ends are left out, so are their values.
    if (!found.isCut) near(sum(found.shares), 1);
  }
});

test('even values are spread evenly, and one value that many have stands out', () => {
  const even = spread(column(Array.from({ length: 2_400 }, (_, at) => at)));
  for (const share of even.shares) near(share, 1 / 24, 0.01);
  assert.deepEqual([even.from, even.to, even.isCut, even.before], ['0', '2399', false, undefined]);
  const many = spread(
    column([...Array(80).fill(50), ...Array.from({ length: 21 }, (_, n) => n * 5)]),
  );
  const most = Math.max(...many.shares);
  assert.equal(many.shares.indexOf(most), 12);
  assert.ok(most > 0.5, `${most}`);
});

test('a value that lies far off does not press the others together', () => {
  const values = Array.from({ length: 1_000 }, (_, at) => at);
  const found = spread(column([...values, 1e9]));
  assert.ok(found.isCut);
  assert.deepEqual([found.from, found.to], ['10', '990']);
});

test('an earlier profile has the same ranges', () => {
  const [low, high] = [0, 100].map((first) =>
    column(Array.from({ length: 100 }, (_, at) => first + at)),
  );
  const found = spread(high, low);
  assert.deepEqual([found.from, found.to], ['0', '199']);
  near(sum(found.shares.slice(0, 12)), 0, 0.02);
  near(sum(found.before.slice(12)), 0, 0.02);
  // A column that had another type is not drawn beside this one.
  assert.equal(spread(high, { ...low, type: 'number' }).before, undefined);
});

test('days, moments, times and decimals are spread as what they are', () => {
  const of = (type, values) => {
    const [min, p01, p05, p25, p50, p75, p95, p99, max] = values;
    const quantiles = { p01, p05, p25, p50, p75, p95, p99 };
    return spread({ name: 'c', type, count: 9, nulls: 0, min, max, quantiles });
  };
  const nine = (text) => Array.from({ length: 9 }, (_, at) => text(at + 1));
  for (const [type, text] of [
    ['date', (at) => `2026-03-0${at}`],
    ['datetime', (at) => `2026-03-0${at}T10:00:00Z`],
    ['time', (at) => `0${at}:00:00`],
    ['number', (at) => `${at}.50`],
  ]) {
    const found = of(type, nine(text));
    near(sum(found.shares), 1);
    assert.deepEqual([found.from, found.to], [text(1), text(9)]);
  }
  // What is no number, or is the same everywhere, is not drawn.
  assert.equal(
    of(
      'string',
      nine((at) => `x${at}`),
    ),
    undefined,
  );
  assert.equal(
    of(
      'integer',
      nine(() => 7),
    ),
    undefined,
  );
  assert.equal(spread({ name: 'c', type: 'string', count: 1, nulls: 0 }), undefined);
});

test('columns are paired by name, with those that came and those that went', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name }));
  assert.deepEqual(paired({ columns: [b, a] }, { columns: [a, c] }), [
    { name: 'b', now: b, before: undefined },
    { name: 'a', now: a, before: a },
    { name: 'c', before: c },
  ]);
  assert.deepEqual(paired({ columns: [a] }), [{ name: 'a', now: a, before: undefined }]);
});

test('frequent values have their shares, now and before', () => {
  const now = {
    count: 10,
    frequent: [
      { value: 'x', count: 5 },
      { value: 'y', count: 1 },
    ],
  };
  const before = { count: 4, frequent: [{ value: 'x', count: 1 }] };
  assert.deepEqual(top(now, before), [
    { value: 'x', share: 0.5, was: 0.25 },
    { value: 'y', share: 0.1, was: undefined },
  ]);
  assert.deepEqual(top({ count: 3 }), []);
  // An estimate may be too high.
  assert.equal(top({ count: 3, frequent: [{ value: 'x', count: 4 }] })[0].share, 1);
});

test('nulls that grow are pointed at, and noise is not', () => {
  assert.equal(nulls({ count: 3, nulls: 1 }), 0.25);
  assert.equal(nulls({ count: 0, nulls: 0 }), 0);
  assert.deepEqual(
    [differs(0.2, 0.1), differs(0.1, 0.2), differs(0.02, 0), differs(0.2, undefined)],
    [true, true, false, false],
  );
});

test('a histogram is drawn beside that of the commit before, on one axis', () => {
  const of = (from, to, counts, type = 'integer') => ({
    ...column([0, 1, 2, 3]),
    type,
    histogram: { from, to, counts },
  });
  const same = drawing(of(0, 4, [1, 3]), of(0, 4, [1, 1]));
  const parts = (bars) => bars.map(({ at, wide, tall, share }) => [at, wide, tall, share]);
  assert.deepEqual(parts(same.bars), [
    [0, 0.5, 1 / 3, 0.25],
    [0.5, 0.5, 1, 0.75],
  ]);
  assert.deepEqual(
    same.bars.map(({ from, to, was }) => [from, to, was]),
    [
      ['0', '2', 0.5],
      ['2', '4', 0.5],
    ],
  );
  near(same.before[0].tall, 2 / 3);
  assert.deepEqual([same.from, same.to, same.isCut], ['0', '4', false]);
  // Other bins stand at their places, as tall as makes the area the share.
  const other = drawing(of(0, 4, [1, 1]), of(2, 10, [1]));
  assert.deepEqual(parts(other.bars), [
    [0, 0.2, 1, 0.5],
    [0.2, 0.2, 1, 0.5],
  ]);
  assert.deepEqual(parts(other.before), [[0.2, 0.8, 0.5, 1]]);
  assert.equal(other.bars[0].was, undefined);
  assert.deepEqual([other.from, other.to], ['0', '10']);
  // That of another type is left out.
  assert.equal(drawing(of(0, 4, [1]), of(0, 4, [1], 'number')).before, undefined);
});

test('where few values lie far off, or there is no histogram, quantiles are drawn', () => {
  const values = Array.from({ length: 1_000 }, (_, at) => at);
  const histogram = { from: 0, to: 1e9, counts: [1_000, ...Array(18).fill(0), 1] };
  const far = drawing({ ...column([...values, 1e9]), histogram });
  assert.deepEqual([far.isCut, far.bars.length, far.from], [true, 24, '10']);
  assert.equal(drawing(column(values)).bars.length, 24);
  assert.equal(drawing({ name: 'c', type: 'string', count: 1, nulls: 0 }), undefined);
});

test('edges of bins are shown as values of the column are', () => {
  for (const [type, from, to, counts, expected] of [
    ['number', '0.00', '20.16', [1, 1], ['0.00', '10.08', '20.16']],
    ['number', 0.5, 1.5625, [1, 1], ['0.5', '1.03125', '1.5625']],
    ['date', '2024-10-04', '2024-11-05', [1, 1], ['2024-10-04', '2024-10-20', '2024-11-05']],
    ['time', '00:00:00', '24:10:40', [1, 1], ['00:00:00', '12:05:20', '24:00:00']],
    [
      'datetime',
      '2024-10-04T00:00:00Z',
      '2024-10-04T02:00:00Z',
      [1, 1],
      ['2024-10-04T00:00:00', '2024-10-04T01:00:00', '2024-10-04T02:00:00'],
    ],
    ['integer', '18014398509481984', '18014398509482000', [1], []],
  ]) {
    const { bars } = drawing({ ...column([1]), type, histogram: { from, to, counts } });
    if (!expected.length) assert.equal(bars[0].from, from);
    else assert.deepEqual([bars[0].from, bars[1].from, bars[1].to], expected);
  }
});
