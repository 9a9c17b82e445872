// Reads and writes text in any encoding, so that cells which nobody edits keep their bytes. The
// delimiters of CSV are ASCII in all encodings that Landfall reads. So records are split in the
// bytes themselves, and only single cells are decoded.

/** The encodings to choose from if the API does not tell which one it is. */
export const LABELS = [
  'windows-1252',
  'utf-8',
  'iso-8859-2',
  'iso-8859-15',
  'windows-1250',
  'windows-1251',
  'windows-1253',
  'windows-1254',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'koi8-r',
  'macintosh',
  'shift_jis',
  'euc-jp',
  'euc-kr',
  'gbk',
  'gb18030',
  'big5',
];

/**
 * How the bytes of a file stand for text: `{ label, isText, isSure, carry, bytes, show, take }`.
 * `carry` turns the bytes into a string in which CSV can be read, and `bytes` turns it back.
 * `show` turns a part of that string into what people read, and `take` turns it back. `take`
 * returns nothing if the encoding lacks a character. `stated` is the encoding that the API tells or
 * that somebody chose. `isSure` says that it was not guessed. `isText` says that the file is valid
 * UTF-8.
 */
export function codecOf(bytes, stated) {
  const [first, second] = bytes;
  if (stated !== undefined) return { ...codec(stated, bytes), isSure: true };
  if (first === 0xff && second === 0xfe) return { ...utf16('utf-16le'), isSure: true };
  if (first === 0xfe && second === 0xff) return { ...utf16('utf-16be'), isSure: true };
  if (isUtf8(bytes)) return { ...utf8(), isSure: true };
  return { ...codec('windows-1252', bytes), isSure: false };
}

function codec(label, bytes) {
  const name = new TextDecoder(label).encoding;
  if (name === 'utf-8' && isUtf8(bytes)) return utf8();
  if (name === 'utf-16le' || name === 'utf-16be') return utf16(name);
  return narrow(name);
}

/** Valid UTF-8, which can be sent as text. */
const utf8 = () => ({
  label: 'utf-8',
  isText: true,
  carry: (bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
  bytes: (text) => new TextEncoder().encode(text),
  show: (text) => text,
  take: (text) => text,
});

/** UTF-16. JavaScript's strings hold any sequence of its units, even a damaged one. */
function utf16(label) {
  const [low, high] = label === 'utf-16le' ? [0, 1] : [1, 0];
  return {
    label,
    carry(bytes) {
      let text = '';
      for (let at = 0; at + 1 < bytes.length; at += 2)
        text += String.fromCharCode(bytes[at + low] | (bytes[at + high] << 8));
      return text;
    },
    bytes(text) {
      // Without a byte order mark the file might not be recognized as UTF-16.
      const marked = text.startsWith('\ufeff') ? text : `\ufeff${text}`;
      const bytes = new Uint8Array(marked.length * 2);
      for (let at = 0; at < marked.length; at += 1) {
        bytes[at * 2 + low] = marked.charCodeAt(at) & 0xff;
        bytes[at * 2 + high] = marked.charCodeAt(at) >> 8;
      }
      return bytes;
    },
    show: (text) => text,
    take: (text) => text,
  };
}

/** Any other encoding. Each byte is carried as the character with the same number. */
function narrow(label) {
  const decoder = new TextDecoder(label, { ignoreBOM: true });
  const show = (carried) => decoder.decode(carriedBytes(carried));
  return {
    label,
    carry: carried,
    bytes: carriedBytes,
    show,
    take(text) {
      const found = encoded(label, text);
      // The encoding lacks a text that does not decode to itself.
      return found !== undefined && show(found) === text ? found : undefined;
    },
  };
}

function carried(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

const carriedBytes = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** A text in an encoding, as a carried string; nothing if the encoding lacks a character. */
function encoded(label, text) {
  // U+FFFD stands for bytes that could not be decoded.
  if (text.includes('\ufffd')) return undefined;
  if (label === 'utf-8') return carried(new TextEncoder().encode(text));
  const table = tableOf(label);
  let found = '';
  for (const char of text) {
    const bytes = char < '\u0080' ? char : table.get(char);
    if (bytes === undefined) return undefined;
    found += bytes;
  }
  return found;
}

const tables = new Map();

/** The bytes of each character. Browsers can decode these encodings, but not encode them. */
function tableOf(label) {
  if (!tables.has(label)) {
    const table = new Map();
    const decoder = new TextDecoder(label, { fatal: true });
    const add = (...bytes) => {
      try {
        const char = decoder.decode(Uint8Array.from(bytes));
        if ([...char].length === 1 && !table.has(char))
          table.set(char, String.fromCharCode(...bytes));
        return true;
      } catch {
        return false;
      }
    };
    for (let first = 0x80; first <= 0xff; first += 1) {
      if (add(first)) continue;
      for (let second = 0x30; second <= 0xff; second += 1) add(first, second);
    }
    if (label === 'euc-jp')
      for (let second = 0xa1; second <= 0xfe; second += 1)
        for (let third = 0xa1; third <= 0xfe; third += 1) add(0x8f, second, third);
    tables.set(label, table);
  }
  return tables.get(label);
}

function isUtf8(bytes) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
