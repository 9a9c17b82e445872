// How numbers, times and names are shown. Nothing here touches the page.

const INTEGER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A count: `336,776`. */
export const count = (value) => INTEGER.format(value);

/** A count and its noun: `1 row`, `2 rows`. */
export const counted = (value, one, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`;

/** A count that has little room: `336.8k`. */
export function short(value) {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e4],
  ]) {
    if (value >= size) return `${digits(value / (unit === 'k' ? 1e3 : size))}${unit}`;
  }
  return count(value);
}

/** Bytes, in units of 1,000. */
export function bytes(value) {
  for (const [unit, size] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ]) {
    if (value >= size) return `${digits(value / size)} ${unit}`;
  }
  return `${value} B`;
}

/** How long something took, by milliseconds: `0.2 s`, `3 min 20 s`. */
export function duration(ms) {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return joined(
    [
      [86400, 'd'],
      [3600, 'h'],
      [60, 'min'],
      [1, 's'],
    ],
    whole,
  );
}

/** How long ago a moment is, or how far ahead: `just now`, `3 min ago`, `in 2 h`. */
export function ago(moment, now) {
  const seconds = Math.round((now - Date.parse(moment)) / 1000);
  const size = Math.abs(seconds);
  if (size < 10) return 'just now';
  const [length, unit] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ].find(([n]) => size >= n);
  const told = `${Math.floor(size / length)} ${unit}`;
  return seconds < 0 ? `in ${told}` : `${told} ago`;
}

/** US dollars, with as many digits as small amounts need: `$0.00031`. */
export function money(value) {
  if (value === 0) return '$0';
  if (value >= 1) return `$${value.toFixed(2)}`;
  const decimals = Math.min(Math.max(1 - Math.floor(Math.log10(value)), 2), 9);
  return `$${value.toFixed(decimals)}`;
}

/** A share of 1 in percent. What is not nothing is never shown as 0 %, nor as all. */
export function percent(share) {
  if (share > 0 && share < 0.001) return '< 0.1 %';
  if (share < 1 && share > 0.999) return '> 99.9 %';
  return `${Number((share * 100).toFixed(1))} %`;
}

/** Rows in a second. */
export const rate = (rows, ms) => `${short(Math.round(rows / Math.max(ms / 1000, 0.001)))} rows/s`;

/** A moment in the reader's time zone, to the second. */
export function moment(text) {
  const at = new Date(text);
  const two = (value) => String(value).padStart(2, '0');
  return (
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  );
}

/** What a job lands, in a few words: the file's name, or what many are named by. */
export function sourceName(source) {
  if (/^jobs\/[^/]+\/mended-/.test(source.key)) return 'mended rejects';
  if (/^jobs\/[^/]+\/rejects/.test(source.key)) return 'rejects as they were';
  if (source.key !== undefined) return last(source.key);
  if (source.prefix !== undefined) return `${source.prefix}${source.glob ?? '*'}`;
  if (source.manifest) return last(source.manifest.key);
  if (source.objects) return counted(source.objects.length, 'object');
  if (source.batch) return counted(source.batch.files, 'file');
  return 'unknown source';
}

/** A file's key, short enough for a table: its folders, and the end of its name. */
export function fileName(key) {
  const parts = key.split('/').slice(2);
  const name = parts.pop() ?? key;
  return [...parts, name.length > 28 ? `…${name.slice(-24)}` : name].join('/');
}

/** A job's id, short enough for a table. */
export const jobName = (job) => job.replace(/^job-/, '').slice(0, 8);

/** A name of the code in words: `type-error` and `FAILED` alike. */
export const words = (name) => name.toLowerCase().replaceAll(/[-_]/g, ' ');

/** A key without the folders that an upload gets: `inbox/<dataset>/`, `staged/<dataset>/<id>/`. */
const last = (key) =>
  key.match(/^(?:inbox\/[^/]+|staged\/[^/]+\/[^/]+)\/(.+)$/)?.[1] ?? (key.split('/').at(-1) || key);

const digits = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** The two largest units of a number of seconds. */
function joined(units, seconds) {
  const at = units.findIndex(([size]) => seconds >= size);
  let rest = seconds;
  const parts = units.slice(at, at + 2).map(([size, unit]) => {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    return whole && `${whole} ${unit}`;
  });
  return parts.filter(Boolean).join(' ');
}
