import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggest, told } from '../../lib/suggest.js';

const NUMBER = { message: '`x` is not a number' };
const DATE = { message: '`x` is not a date as YYYY-MM-DD' };

/** What is suggested for some cells, in words, and for how many. */
function said(cells, fault) {
  const found = suggest(cells, fault);
  return found && [told(found.rule), found.many];
}

test('a rule is suggested that fits most of the cells', () => {
  for (const [cells, fault, expected] of [
    [['7.22 EUR', '5 EUR', 'n/a'], NUMBER, ['remove ` EUR`', 2]],
    [['$5', '$6.10'], NUMBER, ['remove `$`', 2]],
    [['5,10', '-7,2'], NUMBER, ['replace `,` with `.`', 2]],
    [[' 5', '6 ', '7'], NUMBER, ['trim spaces', 2]],
    [[' 2026-03-01'], DATE, ['trim spaces', 1]],
    [['2026-13-01', '2026-13-01'], DATE, ['all have `2026-13-01`: set another value', 2]],
  ])
    assert.deepEqual(said(cells, fault), expected, `${cells}`);
});

test('nothing is suggested where nothing fits', () => {
  for (const [cells, fault] of [
    [['n/a', 'none', 'x'], NUMBER],
    [['5 EUR', 'a', 'b', 'c'], NUMBER],
    // What is a unit of a number may belong to a text.
    [['Room 5a', 'Room 6b'], { message: '`x` is longer than 3 characters' }],
    [['2026-13-01'], DATE],
    [['1,234,567'], NUMBER],
    [[''], DATE],
    [[], NUMBER],
  ])
    assert.equal(said(cells, fault), undefined, `${cells}`);
});
