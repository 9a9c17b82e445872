import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsSoFar, withShards } from '../../lib/snapshot.js';

test('the most frequent fault comes first', () => {
  assert.deepEqual(faultsSoFar({ 'constraint-error': 3, 'type-error': 12, 'key-taken': 3 }), [
    { name: 'type-error', records: 12 },
    { name: 'constraint-error', records: 3 },
    { name: 'key-taken', records: 3 },
  ]);
});

test('where no faults are told, or none was found, none are shown', () => {
  for (const faults of [undefined, null, {}, { 'type-error': 0 }])
    assert.deepEqual(faultsSoFar(faults), []);
});

test('a map has done as many shards as a snapshot tells, and never fewer', () => {
  const of = (...runs) => ({ graph: 1, mapRuns: runs.map((counts) => ({ counts })) });
  const snapshot = (shards) => ({ planned: { shards: 9 }, progress: { shards } });
  const done = (execution) => execution.mapRuns.map(({ counts }) => counts?.succeeded);
  assert.deepEqual(done(withShards(of({ total: 9, succeeded: 0 }), snapshot(4))), [4]);
  assert.deepEqual(done(withShards(of({ total: 9, succeeded: 6 }), snapshot(4))), [6]);
  // Not those of another run, of a map that is no map of all shards, or without a snapshot.
  const two = of({ total: 9, succeeded: 9 }, { total: 9, succeeded: 0 });
  assert.deepEqual(done(withShards(two, snapshot(9))), [9, 0]);
  assert.deepEqual(done(withShards(of({ total: 2, succeeded: 0 }), snapshot(4))), [0]);
  assert.deepEqual(done(withShards(of(undefined), snapshot(4))), [undefined]);
  assert.deepEqual(done(withShards(of({ total: 9, succeeded: 0 }))), [0]);
  assert.equal(withShards(of(), snapshot(1)).graph, 1);
});
