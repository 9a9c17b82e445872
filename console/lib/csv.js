// Reads CSV text into records that know their raw text, and writes them. A record that nobody
// edited is written as it came, character for character.

const DELIMITERS = [',', ';', '\t', '|'];

/** The delimiter of a header: the one that divides its first record into most fields. */
export function sniff(text) {
  const fields = (delimiter) => records(text, delimiter, 1)[0]?.cells.length ?? 0;
  return DELIMITERS.reduce((best, next) => (fields(next) > fields(best) ? next : best));
}

/**
 * The records of a text: `cells`, and `spans`, which say where each cell stands in `raw`. `raw` has
 * no line break at its end; `end` is that line break. At most `limit` records are read.
 */
export function records(text, delimiter, limit = Infinity) {
  const found = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length && found.length < limit) {
    const begin = at;
    const cells = [];
    const spans = [];
    let end = '';
    for (;;) {
      const from = at;
      let value = '';
      if (text[at] === '"') {
        at += 1;
        for (;;) {
          const quote = text.indexOf('"', at);
          if (quote < 0) {
            value += text.slice(at);
            at = text.length;
            break;
          }
          value += text.slice(at, quote);
          at = quote + 1;
          if (text[at] !== '"') break;
          value += '"';
          at += 1;
        }
      }
      const rest = at;
      while (
        at < text.length &&
        text[at] !== '\n' &&
        text[at] !== '\r' &&
        !text.startsWith(delimiter, at)
      )
        at += 1;
      value += text.slice(rest, at);
      cells.push(value);
      spans.push([from - begin, at - begin]);
      if (at < text.length && text.startsWith(delimiter, at)) {
        at += delimiter.length;
        continue;
      }
      break;
    }
    const raw = text.slice(begin, at);
    if (text[at] === '\r') end += text[at++];
    if (text[at] === '\n') end += text[at++];
    found.push({ cells, spans, raw, end });
  }
  return found;
}

/** The text of a record: quotes stand only where they must. */
export function write(cells, delimiter) {
  const text = cells
    .map((cell) => {
      const needsQuotes = cell.includes('"') || cell.includes(delimiter) || /[\r\n]/.test(cell);
      return needsQuotes ? `"${cell.replaceAll('"', '""')}"` : cell;
    })
    .join(delimiter);
  // One empty cell alone would be a blank line.
  return cells.length === 1 && text === '' ? '""' : text;
}
