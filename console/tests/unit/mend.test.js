import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecOf } from '../../lib/encoding.js';
import * as mend from '../../lib/mend.js';

const { apply, columnOf, groups, isStrange, positions } = mend;

const TEXT = 'id;day;total\r\n1;2026-03-32;"5,00"\r\n2;2026-03-01; 7 \r\n3;"x;y"\r\n';
const ERRORS = [
  { record: 4, line: 5, field: 'day', column: 2, error: 'type-error', message: 'no date' },
  { record: 4, line: 5, field: 'total', column: 3, error: 'type-error', message: 'no number' },
  { record: 9, line: 10, field: 'total', column: 3, error: 'type-error', message: 'no number' },
  { record: 12, line: 13, error: 'missing-cell', column: 3, field: 'total', message: 'no cell' },
];
const utf8 = (text) => new TextEncoder().encode(text);
/** Bytes, or a text in UTF-8, read as rejects; and what is sent of them, as a text. */
function read(file, errors, { encoding, ...more } = {}) {
  const bytes = typeof file === 'string' ? utf8(file) : file;
  return mend.read(bytes, errors, { codec: codecOf(bytes, encoding), ...more });
}
const csv = (...all) => new TextDecoder().decode(mend.csv(...all));
const mended = (drafts, chosen) => csv(read(TEXT, ERRORS), new Map(drafts), chosen);

test('a reject has all its faults, and its place', () => {
  const { delimiter, columns, rejects, whole } = read(TEXT, ERRORS, { closed: new Set([1]) });
  assert.deepEqual([delimiter, columns, whole], [';', ['id', 'day', 'total'], true]);
  assert.deepEqual(
    rejects.map((reject) => reject.faults.length),
    [2, 1, 1],
  );
  assert.deepEqual(
    rejects.map((reject) => reject.isOpen),
    [true, false, true],
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

test('rejects of several layouts have the faults of their own records', () => {
  const errors = [1, 2, 3, 4].map((record) => ({ record, source: `${record % 2}`, message: '' }));
  const second = {
    runs: [
      [1, 1],
      [3, 1],
    ],
  };
  const { columns, rejects, isMixed } = read('b;a\ny;2\nz;4\n', errors, second);
  assert.deepEqual([columns, isMixed], [['b', 'a'], false]);
  assert.deepEqual(
    rejects.map(({ position, faults }) => [position, faults[0].record]),
    [
      [0, 2],
      [1, 4],
    ],
  );
  // Without the runs nobody knows which fault is of which record.
  const mixed = read('b;a\ny;2\nz;4\n', errors);
  assert.deepEqual(
    [mixed.isMixed, mixed.columns, mixed.rejects.map((reject) => reject.faults)],
    [true, ['b', 'a'], [[], []]],
  );
});

test('a file that is cut has no last record, and is not whole', () => {
  const { rejects, whole, isMixed } = read('id\nx\nyy', [{ record: 1 }, { record: 2 }], {
    isCut: true,
  });
  assert.deepEqual([rejects.length, whole, isMixed], [1, false, false]);
});

test('in another encoding, only what was typed gets other bytes', () => {
  // «Zoë;» and a byte that Shift_JIS has not, in one record; ß in the other.
  const file = Uint8Array.of(
    0x69,
    0x64,
    0x3b,
    0x6e,
    0x0a,
    0x5a,
    0x6f,
    0xeb,
    0x3b,
    0x31,
    0x0a,
    0xdf,
  );
  const errors = [{ record: 1 }, { record: 2 }];
  const found = read(file, errors, { encoding: 'windows-1252' });
  assert.deepEqual(found.rejects[0].cells, ['Zoë', '1']);
  const sent = mend.csv(found, new Map([[0, ['Zoë', 'ä"']]]), [0, 1]);
  assert.deepEqual(
    [...sent],
    [
      ...[0x69, 0x64, 0x3b, 0x6e, 0x0a],
      ...[0x5a, 0x6f, 0xeb, 0x3b, 0x22, 0xe4, 0x22, 0x22, 0x22, 0x0a],
      ...[0xdf, 0x0a],
    ],
  );
  assert.ok(isStrange(found, found.rejects[0], ['Zoë', 'Ω'], 1));
  assert.ok(!isStrange(found, found.rejects[0], ['Zoë', 'é'], 1));
});

test('damaged UTF-8 stays as it is where nobody mends it', () => {
  const file = Uint8Array.of(...utf8('id,n\n'), 0xe9, ...utf8(',x\n'));
  const found = read(file, [{ record: 1 }], { encoding: 'utf-8' });
  assert.deepEqual(found.rejects[0].cells, ['\ufffd', 'x']);
  const sent = (draft) => [...mend.csv(found, new Map([[0, draft]]), [0])].slice(5);
  assert.deepEqual(sent(['\ufffd', 'é']), [0xe9, 0x2c, 0xc3, 0xa9, 0x0a]);
  assert.deepEqual(sent(['é', 'x']), [...utf8('é,x\n')]);
  assert.ok(isStrange(found, found.rejects[0], ['a\ufffd', 'x'], 0));
});

test('UTF-16 keeps its mark', () => {
  const file = Uint8Array.of(
    0xff,
    0xfe,
    ...[...'a\nü\n'].flatMap((char) => [char.charCodeAt(0), 0]),
  );
  const found = read(file, [{ record: 1 }]);
  assert.deepEqual(found.rejects[0].cells, ['ü']);
  assert.deepEqual([...mend.csv(found, new Map(), [0])], [...file]);
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
