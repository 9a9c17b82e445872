// Reads the first rows of a Parquet file, piece by piece, and writes their values as text. It reads
// what Landfall writes: flat columns, compressed with zstd, Snappy or LZ4_RAW, or not at all.

import { decompress } from '../vendor/fzstd/fzstd.js';
import {
  decompressLz4Raw,
  parquetMetadataAsync,
  parquetRead,
} from '../vendor/hyparquet/hyparquet.js';

const COMPRESSORS = {
  ZSTD: (input) => decompress(input),
  LZ4_RAW: decompressLz4Raw,
};
/** Digits of a second's fraction in a unit of Parquet. */
const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 };
const DAY_MS = 86_400_000;

/**
 * The first rows of a file, `{ columns: [{ name, type }], rows, total }`. A row is a list of texts,
 * and `null` for no value. `file` is `{ byteLength, slice(from, to) }`.
 */
export async function firstRows(file, most) {
  const metadata = await parquetMetadataAsync(file);
  const [root, ...elements] = metadata.schema;
  const kinds = elements.map(kindOf);
  // The reader turns decimals and moments into numbers, which lose digits. Without the annotations
  // it returns the integers that are stored.
  const plain = elements.map((element, at) =>
    kinds[at].isOwn ? { ...element, converted_type: undefined, logical_type: undefined } : element,
  );
  let rows = [];
  const total = Number(metadata.num_rows);
  if (total > 0) {
    await parquetRead({
      file,
      metadata: { ...metadata, schema: [root, ...plain] },
      rowStart: 0,
      rowEnd: Math.min(most, total),
      compressors: COMPRESSORS,
      onComplete: (read) => {
        rows = read;
      },
    });
  }
  return {
    columns: elements.map(({ name }, at) => ({ name, type: kinds[at].type })),
    rows: rows.map((row) =>
      elements.map((_, at) => {
        const value = row[at];
        return value === undefined || value === null ? null : kinds[at].text(value);
      }),
    ),
    total,
  };
}

/** A column's type in words of a contract, and how its values are written. */
function kindOf({ type, type_length: length, converted_type: old, logical_type: now, ...more }) {
  const logical = now?.type ?? old?.split('_')[0];
  const unit = now?.unit ?? old?.split('_')[1];
  switch (logical) {
    case 'DECIMAL': {
      const { precision, scale = 0 } = { ...more, ...now };
      const text = (value) => decimal(whole(value), scale);
      return { type: `decimal(${precision},${scale})`, isOwn: true, text };
    }
    case 'DATE':
      return { type: 'date32', isOwn: true, text: (days) => date(BigInt(days)) };
    case 'TIME':
      return { type: 'time', isOwn: true, text: (value) => time(BigInt(value), DIGITS[unit]) };
    case 'TIMESTAMP':
      return {
        type: 'timestamp',
        isOwn: true,
        text: (value) => moment(BigInt(value), DIGITS[unit], now?.isAdjustedToUTC !== false),
      };
    case 'STRING':
    case 'UTF8':
      return { type: 'string', text: String };
    case 'INTEGER':
      return { type: `${now.isSigned ? 'int' : 'uint'}${now.bitWidth}`, text: String };
    default:
  }
  if (type === 'FLOAT') return { type: 'float32', text: shortest };
  const types = { INT32: 'int32', INT64: 'int64', DOUBLE: 'float64', BOOLEAN: 'boolean' };
  const text = (value) => (value instanceof Uint8Array ? hex(value) : String(value));
  return { type: types[type] ?? (length ? `binary(${length})` : 'binary'), text };
}

/** The integer of a decimal: a number, or its bytes in two's complement, the highest first. */
function whole(value) {
  if (!(value instanceof Uint8Array)) return BigInt(value);
  let read = 0n;
  for (const byte of value) read = read * 256n + BigInt(byte);
  return BigInt.asIntN(value.length * 8, read);
}

function decimal(value, scale) {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A day by its number since 1970. Years beyond those that JavaScript knows stay numbers. */
function date(days) {
  const at = new Date(Number(days) * DAY_MS);
  if (Number.isNaN(at.getTime())) return `day ${days}`;
  return at.toISOString().split('T')[0];
}

function time(value, digits) {
  const second = 10n ** BigInt(digits);
  const two = (part) => String(part).padStart(2, '0');
  const seconds = value / second;
  const fraction = String(value % second)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map(two).join(':');
  return fraction ? `${clock}.${fraction}` : clock;
}

function moment(value, digits, isUtc) {
  const day = 86_400n * 10n ** BigInt(digits);
  const rest = ((value % day) + day) % day;
  return `${date((value - rest) / day)} ${time(rest, digits)}${isUtc ? 'Z' : ''}`;
}

/** The shortest text of a number of 32 bits. */
function shortest(value) {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
