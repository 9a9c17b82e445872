import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsSoFar } from '../../lib/faults.js';

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
