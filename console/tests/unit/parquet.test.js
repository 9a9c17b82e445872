import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { firstRows } from '../../lib/parquet.js';

/** A file of `data`. All of them have the same rows, each in another codec. */
function file(name) {
  const { buffer, byteOffset, length } = readFileSync(new URL(`data/${name}`, import.meta.url));
  const bytes = buffer.slice(byteOffset, byteOffset + length);
  return { byteLength: length, slice: async (from, to) => bytes.slice(from, to) };
}

const all = {};
for (const codec of ['zstd', 'snappy', 'lz4_raw']) {
  test(`a file in ${codec} is read`, async () => {
    all[codec] = await firstRows(file(`${codec}.parquet`), 50);
    assert.equal(all[codec].total, 63);
    assert.equal(all[codec].rows.length, 50);
    assert.deepEqual(all[codec], all.zstd);
  });
}

test('columns have their types, and values every digit', async () => {
  const { columns, rows } = await firstRows(file('zstd.parquet'), 3);
  assert.deepEqual(
    columns.map(({ name, type }, at) => [name, type, rows[0][at], rows[1][at]]),
    [
      ['int8', 'int8', '-128', '127'],
      ['uint32', 'uint32', '4294967295', '0'],
      ['int64', 'int64', '9223372036854775807', '-9223372036854775808'],
      ['uint64', 'uint64', '18446744073709551615', '0'],
      ['float32', 'float32', '1.5', '-0.25'],
      ['float64', 'float64', '0.1', '1e+300'],
      ['small', 'decimal(9,2)', '-1234567.89', '0.01'],
      ['middle', 'decimal(18,4)', '12345678901234.5678', '-0.0001'],
      ['large', 'decimal(38,10)', '1234567890123456789012345678.0123456789', '-0.0000000001'],
      ['flag', 'boolean', 'true', 'false'],
      ['day', 'date32', '2026-02-28', '1969-12-31'],
      ['clock', 'time', '23:59:59.123456', '00:00:00'],
      ['clock_ms', 'time', '01:02:03.004', '00:00:00'],
      ['clock_ns', 'time', '01:02:03.000000001', '00:00:00'],
      // Parquet has no seconds: they are integers in the file.
      ['moment_s', 'int64', '1772323200', '-1'],
      ['moment_ms', 'timestamp', '2026-03-01 00:00:00.123Z', '1969-12-31 23:59:59.999Z'],
      ['moment_us', 'timestamp', '2026-03-01 00:00:00.123456Z', '1969-12-31 23:59:59.999999Z'],
      [
        'moment_ns',
        'timestamp',
        '2026-03-01 00:00:00.123456789Z',
        '1969-12-31 23:59:59.999999999Z',
      ],
      ['zoned', 'timestamp', '2026-03-29 10:00:00Z', '2025-12-31 23:00:00Z'],
      ['__proto__', 'string', 'polluted', 'é'],
      ['<b>text</b>', 'string', '"><img src=x onerror=alert(1)>', 'line one\nline two'],
    ],
  );
  assert.deepEqual([...new Set(rows[2])], [null]);
  assert.equal({}.polluted, undefined);
});

test('what is no Parquet is refused', async () => {
  const bytes = new TextEncoder().encode('id,day\n1,2026-03-01\n').buffer;
  const text = { byteLength: bytes.byteLength, slice: async (from, to) => bytes.slice(from, to) };
  await assert.rejects(firstRows(text, 50), /invalid/);
});
