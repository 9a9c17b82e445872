import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../lib/axis.js';

test('an axis has round marks, and neither too many nor too few', () => {
  for (const [ms, apart] of [
    [1, 100],
    [1100, 200],
    [9300, 2000],
    [61_000, 15_000],
    [86_400_000, 21_600_000],
  ])
    assert.equal(step(ms), apart, `${ms}`);
  for (let ms = 300; ms < 1e10; ms = Math.ceil(ms * 1.3)) {
    const marks = ms / step(ms);
    assert.ok(marks > 1.9 && marks <= 6, `${ms} has ${marks} steps of ${step(ms)}`);
  }
});
