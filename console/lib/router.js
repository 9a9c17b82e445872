// Where a reader is, as text: `#/jobs/<job>?dataset=flights`. Filters are part of the place, so a
// link shows what its sender saw, and Back undoes a filter.

/** The place that a location's hash names: its path in parts, and its filters. */
export function parse(hash) {
  const text = hash.replace(/^#\/?/, '');
  const at = text.indexOf('?');
  const path = (at < 0 ? text : text.slice(0, at)).split('/').filter(Boolean).map(decode);
  const query = Object.fromEntries(new URLSearchParams(at < 0 ? '' : text.slice(at + 1)));
  return { path, query };
}

/** The hash of a place. Filters that are empty are left out. */
export function href(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

/** The first route that matches a path, with what its `:names` stand for; nothing if none does. */
export function match(routes, path) {
  for (const [pattern, page, needs] of routes) {
    const parts = pattern.split('/').filter(Boolean);
    if (parts.length !== path.length) continue;
    const names = {};
    const fits = parts.every((part, at) => {
      if (part.startsWith(':')) names[part.slice(1)] = path[at];
      return part.startsWith(':') || part === path[at];
    });
    if (fits) return { page, names, needs };
  }
  return undefined;
}

/** A part of a path; text that is no valid escape is taken as it stands. */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
