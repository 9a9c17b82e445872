// Rejects of a job as they are mended: which records there are, what is wrong with each, what
// somebody changed, and the CSV that lands them. Nothing here touches the page.

import { records, sniff, write } from './csv.js';

/** Most rejects that one replay names. */
export const MOST = 10_000;

/**
 * The rejects of a layout, from their file and the entries of the job's `errors.jsonl`. A reject is
 * known by its position in the file. Its faults follow each other, so whenever the record changes
 * the next reject begins. `codec` decodes the bytes, and `closed` has the positions of those that
 * are landed or dismissed. If the job has several layouts, `runs` says which of its rejects belong
 * to this one. `isCut` says that only the beginning of the file was read, and `lacksFaults` the
 * same of the faults.
 *
 * `whole` says whether these are all rejects. `isMixed` says that the faults are of more records
 * than the file has, so that nobody can tell which fault belongs to which record.
 */
export function read(file, errors, { codec, runs, closed = new Set(), isCut, lacksFaults } = {}) {
  const all = [];
  let last;
  for (const error of errors) {
    const name = `${error.record} ${error.source ?? ''}`;
    if (name !== last) all.push([]);
    all.at(-1).push(error);
    last = name;
  }
  const own = runs && positions(runs);
  const faults = own ? all.filter((_, at) => own.has(at)) : all;
  const carrier = codec.carry(file);
  const delimiter = sniff(carrier);
  const found = records(carrier, delimiter, MOST + 2);
  // The last record may be cut in the middle.
  if (isCut) found.pop();
  const surplus = found.length - faults.length;
  const isMixed = !isCut && !lacksFaults && found.length < MOST && surplus !== 0 && surplus !== 1;
  // A contract without a header leaves none in its rejects either.
  const header = isCut || isMixed || surplus > 0 || found.length > MOST ? found.shift() : undefined;
  const width = header?.cells.length ?? Math.max(0, ...found.map((record) => record.cells.length));
  const columns = Array.from({ length: width }, (_, at) =>
    header?.cells[at] === undefined ? `column ${at + 1}` : codec.show(header.cells[at]),
  );
  const rejects = found.slice(0, MOST).map(({ cells, ...record }, position) => ({
    position,
    ...record,
    // The cells as they came, and as people read them.
    carried: cells,
    cells: cells.map(codec.show),
    faults: isMixed ? [] : (faults[position] ?? []),
    isOpen: !closed.has(position),
  }));
  const whole = !isCut && !lacksFaults && found.length <= MOST;
  return { codec, delimiter, header, columns, rejects, whole, isMixed };
}

/** Rejects by what is wrong with them, the most frequent fault first. */
export function groups(rejects) {
  const found = new Map();
  for (const reject of rejects) {
    const seen = new Set();
    for (const fault of reject.faults) {
      const key = JSON.stringify([fault.field ?? null, fault.error, fault.rule ?? null]);
      if (seen.has(key)) continue;
      seen.add(key);
      if (!found.has(key)) found.set(key, { key, fault, positions: [] });
      found.get(key).positions.push(reject.position);
    }
  }
  return [...found.values()].sort((a, b) => b.positions.length - a.positions.length);
}

/** The column of a fault, from 0; nothing if it is of the whole record. */
export function columnOf(fault, columns) {
  if (fault.column) return fault.column - 1;
  const named = columns.indexOf(fault.field);
  return named < 0 ? undefined : named;
}

/** What a rule makes of a record's cells. Rules: trim, replace, set; of one column or of all. */
export function apply(rule, cells) {
  const changed = (cell) => {
    if (rule.kind === 'trim') return cell.trim();
    if (rule.kind === 'set') return rule.to;
    return rule.find === '' ? cell : cell.replaceAll(rule.find, rule.to);
  };
  if (rule.column === undefined) return cells.map(changed);
  const filled = [...cells];
  // A cell that is missing is there once it is set.
  while (rule.kind === 'set' && filled.length <= rule.column) filled.push('');
  return filled.map((cell, at) => (at === rule.column ? changed(cell) : cell));
}

/** Whether two records have the same cells. */
export const same = (a, b) => a.length === b.length && a.every((cell, at) => cell === b[at]);

/**
 * The CSV of some rejects, in this order, as bytes of their encoding; `drafts` has the cells of
 * edited ones. What nobody edited is sent as it came.
 */
export function csv({ codec, delimiter, header, columns, rejects }, drafts, positions) {
  const end = header?.end || rejects[0]?.end || '\n';
  const lines = positions.map((position) => {
    const { raw, cells, carried } = rejects[position];
    const draft = drafts.get(position);
    if (!draft || same(draft, cells)) return raw;
    const kept = draft.map((cell, at) => (cell === cells[at] ? carried[at] : codec.take(cell)));
    // Cells too many go once they are emptied.
    while (kept.length > columns.length && kept.at(-1) === '') kept.pop();
    return write(kept, delimiter);
  });
  return codec.bytes(
    [...(header ? [header.raw] : []), ...lines].map((line) => line + end).join(''),
  );
}

/** Whether the encoding of some rejects lacks a character of what was typed into a cell. */
export const isStrange = ({ codec }, { cells }, draft, column) =>
  draft[column] !== cells[column] && codec.take(draft[column]) === undefined;

/** Positions out of runs: of each, the first and how many follow on each other. */
export function positions(runs) {
  const all = new Set();
  for (const [first, many] of runs) for (let at = first; at < first + many; at += 1) all.add(at);
  return all;
}
