import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, lanes, segments } from '../../lib/lanes.js';

const AT = Date.parse('2026-01-31T12:00:00.000Z');
const moment = (ms) => new Date(AT + ms).toISOString();
const shard = (at, from, ms, more = {}) => ({
  shard: at,
  round: 1,
  started: moment(from),
  milliseconds: ms,
  ...more,
});

test('each attempt at a shard is a segment of its round', () => {
  const failed = { round: 1, started: moment(0), milliseconds: 5, error: 'StoreUnavailable' };
  const lost = { round: 1, started: moment(20), milliseconds: 3 };
  const before = { round: 1, started: moment(10), milliseconds: 20 };
  const found = segments([
    shard(0, 10, 30, { otherAttempts: [failed, lost] }),
    shard(1, 50, 10, { round: 2, otherAttempts: [before] }),
    // At work, or of a version that did not note when one began.
    { shard: 2, round: 1, status: 'OPEN' },
    { shard: 3, round: 1, status: 'DONE', milliseconds: 9 },
  ]);
  const segment = (of, from, to, kind, error) => ({
    shard: of,
    from: AT + from,
    to: AT + to,
    kind,
    ...(kind === 'done' ? {} : { error }),
  });
  assert.deepEqual(found, [
    [
      segment(0, 0, 5, 'failed', 'StoreUnavailable'),
      segment(0, 20, 23, 'lost', undefined),
      segment(0, 10, 40, 'done'),
      segment(1, 10, 30, 'again', undefined),
    ],
    [segment(1, 50, 60, 'done')],
  ]);
  assert.deepEqual(segments([]), []);
  // Whatever of a round is not known, the rounds stay in their order.
  assert.deepEqual(
    segments([shard(0, 0, 1, { round: 2 })]).map((round) => round.length),
    [0, 1],
  );
});

test('there are as many lanes as ran at once', () => {
  const [round] = segments([
    shard(0, 0, 10),
    shard(1, 2, 10),
    shard(2, 10, 5),
    shard(3, 11, 5),
    shard(4, 12, 9),
  ]);
  const of = (all) => all.map((lane) => lane.map((one) => one.shard));
  assert.deepEqual(of(lanes(round)), [[0, 2], [1, 4], [3]]);
  assert.equal(atOnce(round), 3);
  // Short ones stand beside each other where they would cover each other.
  const [short] = segments([shard(0, 0, 1), shard(1, 1, 1), shard(2, 30, 1)]);
  assert.deepEqual(of(lanes(short)), [[0, 1, 2]]);
  assert.deepEqual(of(lanes(short, 20)), [[0, 2], [1]]);
  assert.equal(atOnce(short), 1);
  assert.deepEqual(lanes([]), []);
  assert.equal(atOnce([]), 0);
});
