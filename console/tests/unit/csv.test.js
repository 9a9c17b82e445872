import assert from 'node:assert/strict';
import { test } from 'node:test';
import { records, sniff, write } from '../../lib/csv.js';
import { chance, text } from './texts.js';

const PIECES = ['a', '"', '""', ',', ';', '\t', '\n', '\r\n', '\r', ' ', 'ü', '<b>'];

test('raw texts and their line breaks are the whole text', () => {
  const next = chance(1);
  for (let round = 0; round < 3000; round += 1) {
    const whole = text(next, PIECES, 12);
    const read = records(whole, ',');
    assert.equal(read.map(({ raw, end }) => raw + end).join(''), whole, JSON.stringify(whole));
    for (const { raw, cells, spans } of read) {
      assert.equal(spans.length, cells.length);
      assert.equal(spans.map(([from, to]) => raw.slice(from, to)).join(','), raw);
    }
  }
});

test('what is written is read again, by any delimiter', () => {
  const next = chance(2);
  for (let round = 0; round < 3000; round += 1) {
    const delimiter = [',', ';', '\t', '||'][next(4)];
    const cells = Array.from({ length: 1 + next(4) }, () => text(next, [...PIECES, delimiter], 5));
    const [read, ...more] = records(`${write(cells, delimiter)}\n`, delimiter);
    assert.deepEqual(read.cells, cells, JSON.stringify(cells));
    assert.equal(more.length, 0);
  }
});

test('records end where RFC 4180 says', () => {
  const cells = (whole) => records(whole, ',').map((record) => record.cells);
  assert.deepEqual(cells('a,b\n1,"x\ny"\r\n'), [
    ['a', 'b'],
    ['1', 'x\ny'],
  ]);
  assert.deepEqual(cells('"say ""hi""",2'), [['say "hi"', '2']]);
  assert.deepEqual(cells('a,\n,b\n'), [
    ['a', ''],
    ['', 'b'],
  ]);
  assert.deepEqual(cells('"open, and so on\n1,2'), [['open, and so on\n1,2']]);
  assert.deepEqual(cells('"x"y,z'), [['xy', 'z']]);
  assert.deepEqual(cells('\ufeffid\n1'), [['id'], ['1']]);
  assert.equal(records('a\nb\nc\n', ',', 2).length, 2);
});

test('a header tells its delimiter', () => {
  for (const [header, delimiter] of [
    ['a,b\n', ','],
    ['a;b;c\n1,5;2;3', ';'],
    ['a\tb', '\t'],
    ['a|b', '|'],
    ['a', ','],
    ['"a;b",c', ','],
  ]) {
    assert.equal(sniff(header), delimiter, header);
  }
});
