import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apply, columnOf, csv, groups, positions, read } from '../../lib/mend.js';

const TEXT = 'id;day;total\r\n1;2026-03-32;"5,00"\r\n2;2026-03-01; 7 \r\n3;"x;y"\r\n';
const ERRORS = [
  { record: 4, line: 5, field: 'day', column: 2, error: 'type-error', message: 'no date' },
  { record: 4, line: 5, field: 'total', column: 3, error: 'type-error', message: 'no number' },
  { record: 9, line: 10, field: 'total', column: 3, error: 'type-error', message: 'no number' },
  { record: 12, line: 13, error: 'missing-cell', column: 3, field: 'total', message: 'no cell' },
];
const mended = (drafts, chosen) => csv(read(TEXT, ERRORS), new Map(drafts), chosen);

test('a reject has all its faults, and its place', () => {
  const { delimiter, columns, rejects, whole } = read(TEXT, ERRORS, new Set([1]));
  assert.deepEqual([delimiter, columns, whole], [';', ['id', 'day', 'total'], true]);
  assert.deepEqual(
    rejects.map((reject) => reject.faults.length),
    [2, 1, 1],
  );
  assert.deepEqual(
    rejects.map((reject) => reject.landed),
    [false, true, false],
  );
  assert.deepEqual(rejects[0].cells, ['1', '2026-03-32', '5,00']);
});

test('records of the same number in two objects are two rejects', () => {
  const errors = ['a', 'b'].map((source) => ({
    record: 1,
    source,
    error: 'type-error',
    message: '',
  }));
  assert.deepEqual(
    read('id\nx\ny\n', errors).rejects.map((reject) => reject.faults[0].source),
    ['a', 'b'],
  );
});

test('rejects without a header are rejects from the first line on', () => {
  const { header, columns, rejects } = read('1,x\n2,y\n', [{ record: 1 }, { record: 2 }]);
  assert.deepEqual([header, columns, rejects.length], [undefined, ['column 1', 'column 2'], 2]);
});

test('what nobody edited is sent as it came', () => {
  assert.equal(mended([], [0, 1, 2]), TEXT);
  assert.equal(
    mended([[0, ['1', '2026-03-32', '5,00']]], [0]),
    'id;day;total\r\n1;2026-03-32;"5,00"\r\n',
  );
});

test('what was edited is quoted where it must be, and nothing else is sent', () => {
  assert.equal(
    mended([[0, ['1', '2026-03-31', '5;"0']]], [0]),
    'id;day;total\r\n1;2026-03-31;"5;""0"\r\n',
  );
});

test('cells too many go once they are emptied, and missing ones are filled', () => {
  assert.equal(mended([[0, ['1', 'x', '5', '', '']]], [0]), 'id;day;total\r\n1;x;5\r\n');
  assert.deepEqual(apply({ kind: 'set', column: 2, to: '7' }, ['3']), ['3', '', '7']);
});

test('rules trim, replace and set', () => {
  assert.deepEqual(apply({ kind: 'trim' }, [' a ', 'b ']), ['a', 'b']);
  assert.deepEqual(apply({ kind: 'trim', column: 1 }, [' a ', 'b ']), [' a ', 'b']);
  assert.deepEqual(apply({ kind: 'replace', column: 0, find: 'l', to: '1' }, ['20l3', 'l']), [
    '2013',
    'l',
  ]);
  assert.deepEqual(apply({ kind: 'replace', find: '', to: 'x' }, ['a']), ['a']);
  assert.deepEqual(apply({ kind: 'set', column: 0, to: '' }, ['a', 'b']), ['', 'b']);
});

test('faults are grouped, the most frequent first', () => {
  const found = groups(read(TEXT, ERRORS).rejects);
  assert.deepEqual(
    found.map(({ fault, positions: of }) => [fault.field, fault.error, of]),
    [
      ['total', 'type-error', [0, 1]],
      ['day', 'type-error', [0]],
      ['total', 'missing-cell', [2]],
    ],
  );
  assert.equal(columnOf({ field: 'day' }, ['id', 'day']), 1);
  assert.equal(columnOf({}, ['id']), undefined);
});

test('positions come in runs', () => {
  assert.deepEqual(
    [
      ...positions([
        [0, 3],
        [7, 1],
      ]),
    ],
    [0, 1, 2, 7],
  );
});
