// Which rule may mend many rejects at once. It is a guess from their texts: the API decides.

/**
 * The rule that fits most of some faulty cells, and at least half of them: `{ rule, many }`, with
 * rules as `apply` takes them; nothing if none does.
 */
export function suggest(cells, fault) {
  const isNumber = /number|integer|decimal/.test(fault.message);
  const found = new Map();
  for (const cell of cells) {
    for (const rule of [...(isNumber ? ofNumber(cell) : []), ...ofText(cell)]) {
      const key = JSON.stringify(rule);
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  }
  const [best] = [...found].sort(([, a], [, b]) => b - a);
  if (best && best[1] * 2 >= cells.length) return { rule: JSON.parse(best[0]), many: best[1] };
  const [first] = cells;
  const isOne = cells.length > 1 && first && cells.every((cell) => cell === first);
  return isOne ? { rule: { kind: 'set', to: first }, many: cells.length } : undefined;
}

/** What a rule does, in words. */
export function told({ kind, find, to }) {
  if (kind === 'trim') return 'trim spaces';
  if (kind === 'set') return `all have \`${to}\`: set another value`;
  return to === '' ? `remove \`${find}\`` : `replace \`${find}\` with \`${to}\``;
}

/** A unit after a number or before it, and a decimal comma. */
function ofNumber(cell) {
  const [, , after] = /^(\s*[+-]?[\d.,]*\d)(\D+)$/.exec(cell) ?? [];
  const [, before] = /^([^\d+-]+)[+-]?[\d.,]*\d\s*$/.exec(cell) ?? [];
  return [
    after?.trim() && { kind: 'replace', find: after, to: '' },
    before?.trim() && { kind: 'replace', find: before, to: '' },
    /^\s*[+-]?\d+,\d{1,2}\s*$/.test(cell) && { kind: 'replace', find: ',', to: '.' },
  ].filter(Boolean);
}

const ofText = (cell) => (cell === cell.trim() ? [] : [{ kind: 'trim' }]);
