import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notable, tally } from '../../lib/shards.js';

const shard = (at, more = {}) => ({ shard: at, status: 'DONE', milliseconds: 10, ...more });

test('shards are counted by where they stand, those that need somebody first', () => {
  const all = [shard(0), shard(1, { status: 'OPEN' }), shard(2, { status: 'FAILED' }), shard(3)];
  assert.equal(tally(all), '1 failed, 1 open, 2 done');
  assert.equal(tally([]), '');
});

test('what failed comes first, then what was run again, then the slowest', () => {
  const all = [
    shard(0),
    shard(1, { attempts: 2 }),
    shard(2, { again: 'wrong-start' }),
    shard(3, { milliseconds: 90 }),
    shard(4, { status: 'FAILED', milliseconds: undefined }),
  ];
  assert.deepEqual(
    notable(all).map((one) => one.shard),
    [4, 1, 2, 3],
  );
  // The slowest is named once.
  assert.deepEqual(notable([shard(0, { attempts: 3, milliseconds: 50 }), shard(1)]).length, 1);
  assert.deepEqual(notable([shard(0, { status: 'OPEN', milliseconds: undefined })]), []);
});
