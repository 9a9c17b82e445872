import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LABELS, codecOf } from '../../lib/encoding.js';
import { chance } from './texts.js';

const bytesOf = (...all) => Uint8Array.from(all.flat());
const ascii = (text) => [...text].map((char) => char.charCodeAt(0));

test('any bytes in any encoding come back as they were', () => {
  const next = chance(11);
  for (const label of [undefined, ...LABELS, 'utf-16le', 'utf-16be']) {
    for (let turn = 0; turn < 20; turn += 1) {
      let bytes = Uint8Array.from({ length: 2 * next(200) }, () => next(256));
      const { carry, bytes: back, label: name } = codecOf(bytes, label);
      // UTF-16 gets a byte order mark.
      if (name === 'utf-16le') bytes = bytesOf(0xff, 0xfe, [...bytes]);
      if (name === 'utf-16be') bytes = bytesOf(0xfe, 0xff, [...bytes]);
      assert.deepEqual(back(carry(bytes)), bytes, `${name}: ${bytes}`);
    }
  }
});

test('what can be read can be written, and what an encoding lacks can not', () => {
  for (const [label, text, bytes] of [
    // Node.js 20 takes windows-1252 for ISO 8859-1: the euro is left to a browser's test.
    ['windows-1252', 'Zoë', [...ascii('Zo'), 0xeb]],
    ['iso-8859-15', '€', [0xa4]],
    ['windows-1251', 'Пё', [0xcf, 0xb8]],
    ['shift_jis', '表ｱ', [0x95, 0x5c, 0xb1]],
    ['euc-jp', '表', [0xc9, 0xbd]],
    ['euc-jp', '丂', [0x8f, 0xb0, 0xa1]],
    ['gbk', '中', [0xd6, 0xd0]],
    ['big5', '中', [0xa4, 0xa4]],
    ['euc-kr', '한', [0xc7, 0xd1]],
    ['utf-8', 'é', [0xc3, 0xa9]],
  ]) {
    const codec = codecOf(bytesOf(bytes, 0xff), label);
    assert.deepEqual([...codec.bytes(codec.take(text))], bytes, label);
    assert.equal(codec.show(codec.take(text)), text, label);
  }
  const latin = codecOf(bytesOf(0xe9), 'windows-1252');
  assert.equal(latin.take('Ω'), undefined);
  assert.equal(latin.take('\ufffd'), undefined);
});

test('an encoding is told by the API, a mark, or the bytes', () => {
  const found = (bytes, stated) => {
    const { label, isSure } = codecOf(bytesOf(bytes), stated);
    return [label, isSure];
  };
  assert.deepEqual(found([0xc3, 0xa9]), ['utf-8', true]);
  assert.deepEqual(found([0xff, 0xfe, 0x61, 0]), ['utf-16le', true]);
  assert.deepEqual(found([0xfe, 0xff, 0, 0x61]), ['utf-16be', true]);
  assert.deepEqual(found([0xe9]), ['windows-1252', false]);
  // The encoding matters for ASCII, too: somebody may type other characters.
  assert.deepEqual(found([0x61], 'windows-1251'), ['windows-1251', true]);
  assert.deepEqual(found([0x61, 0xe9], 'utf-8'), ['utf-8', true]);
});
