// What columns hold, beside what those of an earlier commit held. Nothing here touches the page.

const BINS = 24;
// Beyond this many times the middle 98 %, the ends of a column are left out of its drawing.
const MOST_STRETCH = 3;
const TOP = 5;
// A share that differs by less is not worth a second look.
const LEAST_CHANGE = 0.05;

/** The columns of both profiles by name: `{ name, now, before }`; one that is gone has no `now`. */
export function paired(now, before) {
  const earlier = new Map((before?.columns ?? []).map((column) => [column.name, column]));
  const pairs = now.columns.map((column) => ({
    name: column.name,
    now: column,
    before: earlier.get(column.name),
  }));
  const names = new Set(now.columns.map((column) => column.name));
  const gone = [...earlier.values()].filter((column) => !names.has(column.name));
  return [...pairs, ...gone.map((column) => ({ name: column.name, before: column }))];
}

/** The share of nulls in a column, from 0 to 1. */
export const nulls = ({ count, nulls: many }) => many / Math.max(count + many, 1);

/** Whether two shares differ so much that somebody should look. */
export const differs = (now, before) =>
  before !== undefined && Math.abs(now - before) >= LEAST_CHANGE;

// Counts of frequent values are estimates, which may exceed all.
const share = (many, all) => Math.min(many / Math.max(all, 1), 1);

/** The most frequent values: `{ value, share, was }`, where `was` is the share before, if known. */
export function top({ frequent = [], count }, before) {
  const earlier = new Map((before?.frequent ?? []).map((one) => [one.value, one.count]));
  return frequent.slice(0, TOP).map((one) => {
    const was = earlier.get(one.value);
    return {
      value: one.value,
      share: share(one.count, count),
      was: was === undefined ? undefined : share(was, before.count),
    };
  });
}

/**
 * How the values of a column are spread, as far as its quantiles tell: the share of each of some
 * ranges of the same width, `{ shares, before, from, to, isCut }`. `before` has the same ranges of
 * an earlier profile. Texts are not spread, nor is a column that has one value.
 */
export function spread(now, before) {
  const points = quantiles(now);
  if (!points) return undefined;
  const earlier = before && before.type === now.type ? quantiles(before) : undefined;
  const both = earlier ? [points, earlier] : [points];
  const least = (at) => Math.min(...both.map((of) => of.at(at).value));
  const most = (at) => Math.max(...both.map((of) => of.at(at).value));
  const [inner, outer] = [most(-2) - least(1), most(-1) - least(0)];
  const isCut = inner > 0 && outer > inner * MOST_STRETCH;
  const [from, to] = isCut ? [least(1), most(-2)] : [least(0), most(-1)];
  if (!(to > from)) return undefined;
  const shares = (of) =>
    Array.from({ length: BINS }, (_, bin) => {
      const edge = (at) => from + ((to - from) * at) / BINS;
      const end = bin === BINS - 1 ? upTo(of, to) : below(of, edge(bin + 1));
      return end - below(of, edge(bin));
    });
  const said = (value) => both.flat().find((point) => point.value === value).text;
  return {
    shares: shares(points),
    before: earlier && shares(earlier),
    from: said(from),
    to: said(to),
    isCut,
  };
}

/** Values with the share of the column that lies below each, in order. */
function quantiles(column) {
  if (!column.quantiles) return undefined;
  const points = [
    [0, column.min],
    ...Object.entries(column.quantiles)
      .map(([name, value]) => [Number(name.slice(1)) / 100, value])
      .sort(([a], [b]) => a - b),
    [1, column.max],
  ].map(([share, text]) => ({ share, text: String(text), value: number(text, column.type) }));
  const isFit = points.every(
    (point, at) =>
      Number.isFinite(point.value) && (at === 0 || point.value >= points[at - 1].value),
  );
  return isFit && points.length > 3 ? points : undefined;
}

function number(value, type) {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return NaN;
  if (type === 'time') return Date.parse(`1970-01-01T${value}Z`);
  return /^(date|datetime)/.test(type) ? Date.parse(value) : Number(value);
}

/** The share of values that are less than one. Between two quantiles they are taken as even. */
function below(points, value) {
  const at = points.findLastIndex((point) => point.value < value);
  if (at < 0) return 0;
  if (at === points.length - 1) return 1;
  const [a, b] = [points[at], points[at + 1]];
  return a.share + ((value - a.value) / (b.value - a.value)) * (b.share - a.share);
}

/** The share of values that are at most this one. */
const upTo = (points, value) =>
  points.findLast((point) => point.value === value)?.share ?? below(points, value);
