import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hunks, lines } from '../../lib/diff.js';
import { chance, text } from './texts.js';

const shown = (before, after) =>
  lines(before, after).map(
    ({ kind, text: of }) => `${{ same: ' ', added: '+', removed: '-' }[kind]}${of}`,
  );

test('a difference holds both texts, in order and with their line numbers', () => {
  const next = chance(3);
  for (let round = 0; round < 2000; round += 1) {
    const [before, after] = [0, 1].map(() => text(next, ['a\n', 'b\n', 'c\n', '\n'], 9));
    const entries = lines(before, after);
    const side = (kind) => entries.filter((entry) => entry.kind !== kind);
    assert.equal(
      side('added')
        .map((entry) => `${entry.text}\n`)
        .join(''),
      before,
    );
    assert.equal(
      side('removed')
        .map((entry) => `${entry.text}\n`)
        .join(''),
      after,
    );
    side('added').forEach((entry, at) => assert.equal(entry.old, at + 1));
    side('removed').forEach((entry, at) => assert.equal(entry.new, at + 1));
  }
});

test('what did not change is no difference', () => {
  assert.deepEqual(shown('a\nb\nc\n', 'a\nx\nc\n'), [' a', '-b', '+x', ' c']);
  assert.deepEqual(shown('a\n', 'a\nb\n'), [' a', '+b']);
  assert.deepEqual(shown('', ''), []);
  assert.deepEqual(shown('a', 'a\n'), [' a']);
});

test('lines far from a change are counted, not shown', () => {
  const many = Array.from({ length: 20 }, (_, at) => `${at}\n`).join('');
  const found = hunks(lines(many, many.replace('10\n', 'x\n')), 2);
  assert.deepEqual(
    found.map((entry) => entry.lines ?? entry.text),
    [8, '8', '9', '10', 'x', '11', '12', 7],
  );
  assert.deepEqual(hunks(lines(many, many)), [{ kind: 'skipped', lines: 20 }]);
});

test('texts too different to compare are still both shown', () => {
  const [before, after] = ['a', 'b'].map((name) =>
    Array.from({ length: 3000 }, (_, at) => `${name}${at}\n`).join(''),
  );
  assert.equal(lines(before, after).length, 6000);
});
