// Rejects of a job as they are mended: which records there are, what is wrong with each, what
// somebody changed, and the CSV that lands them. Nothing here touches the page.

import { records, sniff, write } from './csv.js';

/** Most rejects that one replay names. */
export const MOST = 10_000;

/**
 * The rejects of a job, from its `rejects.csv` and the entries of its `errors.jsonl`. A reject is
 * known by its position. Its faults follow each other, so whenever the record changes the next
 * reject begins. `landed` has positions that other jobs landed.
 */
export function read(text, errors, landed = new Set()) {
  const faults = [];
  let last;
  for (const error of errors) {
    const name = `${error.record} ${error.source ?? ''}`;
    if (name !== last) faults.push([]);
    faults.at(-1).push(error);
    last = name;
  }
  const delimiter = sniff(text);
  const read = records(text, delimiter, MOST + 1);
  // A contract without a header leaves none in its rejects either.
  const header = read.length > Math.min(faults.length, MOST) ? read.shift() : undefined;
  const width = header?.cells.length ?? Math.max(0, ...read.map((record) => record.cells.length));
  const columns = Array.from({ length: width }, (_, at) => header?.cells[at] ?? `column ${at + 1}`);
  const rejects = read.slice(0, MOST).map((record, position) => ({
    position,
    ...record,
    faults: faults[position] ?? [],
    landed: landed.has(position),
  }));
  return { delimiter, header, columns, rejects, whole: rejects.length >= faults.length };
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

/** The CSV of some rejects, in this order; `drafts` has the cells of edited ones. */
export function csv({ delimiter, header, columns, rejects }, drafts, positions) {
  const end = header?.end || rejects[0]?.end || '\n';
  const lines = positions.map((position) => {
    const { raw, cells } = rejects[position];
    const draft = drafts.get(position);
    if (!draft || same(draft, cells)) return raw;
    const kept = [...draft];
    // Cells too many go once they are emptied.
    while (kept.length > columns.length && kept.at(-1) === '') kept.pop();
    return write(kept, delimiter);
  });
  return [...(header ? [header.raw] : []), ...lines].map((line) => line + end).join('');
}

/** Positions out of runs: of each, the first and how many follow on each other. */
export function positions(runs) {
  const all = new Set();
  for (const [first, many] of runs) for (let at = first; at < first + many; at += 1) all.add(at);
  return all;
}
