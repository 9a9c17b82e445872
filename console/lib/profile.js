// What columns hold, beside what those of an earlier commit held. Nothing here touches the page.

const BINS = 24;
// Beyond this many times the middle 98 %, the ends of a column are left out of its drawing.
const MOST_STRETCH = 3;
const TOP = 5;
const DAY = 86_400_000; // In milliseconds.
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
 * What to draw of a column, and of the same column of an earlier profile: `{ bars, before, from,
 * to, isCut }`. A bar is `{ at, wide, tall, share, from, to, was }`: where it begins and how wide
 * it is, both as parts of the whole width; how tall, as a part of the tallest one; the share of
 * values in it; and the share in the same range before, if the bins were the same. As both
 * profiles have bins of their own, area stands for share. Without a histogram, and where few
 * values lie so far off that it would have all others in one bin, what the quantiles tell is
 * drawn.
 */
export function drawing(now, before) {
  const found = spread(now, before);
  const mine = bins(now);
  if (!mine || found?.isCut) return found && even(found);
  const earlier = before?.type === now.type ? bins(before) : undefined;
  const [from, to] = ['from', 'to'].map((end) => {
    const ends = [mine, earlier].filter(Boolean).map((one) => one[end]);
    return end === 'from' ? Math.min(...ends) : Math.max(...ends);
  });
  const most = Math.max(...[mine, earlier].filter(Boolean).map((one) => one.most / one.width));
  const isSame = mine.from === earlier?.from && mine.to === earlier?.to;
  const bars = (of) =>
    of?.shares.map((share, bin) => ({
      at: (of.from + of.width * bin - from) / (to - from),
      wide: of.width / (to - from),
      tall: share / of.width / most,
      share,
      from: shown(of.from + of.width * bin, now),
      to: shown(of.from + of.width * (bin + 1), now),
      was: isSame ? earlier.shares[bin] : undefined,
    }));
  return {
    bars: bars(mine),
    before: bars(earlier),
    from: shown(from, now),
    to: shown(to, now),
    isCut: false,
  };
}

/** Ranges of equal width as bars. */
function even({ shares, before, from, to, isCut }) {
  const most = Math.max(...shares, ...(before ?? []));
  const bars = (of) =>
    of?.map((share, at) => ({
      at: at / of.length,
      wide: 1 / of.length,
      tall: share / most,
      share,
      was: before?.[at],
    }));
  return { bars: bars(shares), before: bars(before), from, to, isCut };
}

/** The bins of a column's histogram, with the shares of its values. */
function bins({ histogram, type }) {
  if (!histogram) return undefined;
  const [from, to] = [number(histogram.from, type), number(histogram.to, type)];
  const all = histogram.counts.reduce((sum, many) => sum + many, 0);
  if (!(to > from) || !(all > 0)) return undefined;
  const shares = histogram.counts.map((many) => many / all);
  return { from, to, width: (to - from) / shares.length, shares, most: Math.max(...shares) };
}

/** Where a bin begins or ends, as values of the column are shown. */
function shown(value, { type, histogram }) {
  const text = String(histogram.from);
  if (type === 'date') return new Date(value).toISOString().slice(0, 10);
  if (type === 'datetime') return new Date(value).toISOString().slice(0, 19);
  // What lies after midnight is no time of the day.
  if (type === 'time' && value >= DAY) return '24:00:00';
  if (type === 'time') return new Date(value).toISOString().slice(11, 19);
  // A decimal has as many digits after its point as the column has.
  if (typeof histogram.from === 'string')
    return value.toFixed(text.includes('.') ? text.split('.')[1].length : 0);
  return String(Number(value.toPrecision(6)));
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
  // A bin may end after midnight.
  if (type === 'time')
    return value.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
  if (type === 'datetime' && !value.endsWith('Z')) return Date.parse(`${value}Z`);
  return /^date/.test(type) ? Date.parse(value) : Number(value);
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
