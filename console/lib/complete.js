// Finds what may stand at a place of a contract, by its JSON Schema. It reads the YAML line by
// line, because a text is rarely valid while somebody types.

const KEY =
  /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s:#{}[\],&*!|>'"%@`-][^:#]*?|-[^\s:#][^:#]*?)\s*:(?=\s|$)/;

/**
 * What stands at an offset of a text: `{ path, kind, from, word, key, objects }`. `path` leads to
 * the object or list, by names and positions. `kind` is `key` or `value`. `from` is where it
 * begins, and `word` is its text up to the offset. `key` is the key of a value. `objects` has the
 * keys and values of each object, by its path.
 */
export function placeAt(text, offset) {
  const objects = new Map();
  const read = (path, key, value) => {
    const name = JSON.stringify(path);
    if (!objects.has(name)) objects.set(name, new Map());
    objects.get(name).set(key, value);
  };
  const open = []; // The objects and items around the line: `{ indent, key }`.
  let flow; // The braces and brackets that are open.
  let scalar; // The indent of a key whose text is in the lines below it.
  let place;
  let at = 0;
  for (const line of text.split('\n')) {
    const isHere = offset >= at && offset <= at + line.length;
    const column = isHere ? offset - at : undefined;
    const indent = line.length - line.trimStart().length;
    const isBlank = line.trim() === '';
    if (flow) {
      flow = inFlow(line, 0, flow, read, column, (found) => {
        place = { ...found, from: at + found.from };
      });
    } else if (scalar !== undefined && (isBlank || indent > scalar) && !isHere) {
      // The line is part of a text.
    } else if ((isBlank || line.trimStart().startsWith('#')) && !isHere) {
      // The line is blank or a comment.
    } else {
      scalar = undefined;
      block(line, isHere ? Math.min(column, line.length) : undefined);
    }
    at += line.length + 1;
  }
  return place && { ...place, objects };

  function block(line, column) {
    const start = line.length - line.trimStart().length;
    let from = column === undefined ? start : Math.min(start, column);
    let rest = line.slice(from);
    // Dashes begin items, which may begin objects.
    while (/^-(\s|$)/.test(rest) && (column === undefined || column > from)) {
      leave(from, true);
      const before = open.at(-1);
      const key = (before?.last ?? -1) + 1;
      if (before) before.last = key;
      open.push({ indent: from, key, isItem: true });
      const width = rest.length - rest.slice(1).trimStart().length;
      from += Math.min(width, column === undefined ? width : Math.max(column - from, 1));
      rest = line.slice(from);
    }
    leave(from, false);
    const path = open.map((one) => one.key);
    const found = KEY.exec(rest);
    if (!found) {
      if (/^[{[]/.test(rest)) {
        flow = begin(rest, from, path, column);
      } else if (column !== undefined) {
        place = { path, kind: 'key', from: at + from, word: line.slice(from, column) };
      }
      return;
    }
    const key = unquoted(found[1]);
    if (column !== undefined && column <= from + found[1].length) {
      place = { path, kind: 'key', from: at + from, word: line.slice(from, column) };
    }
    const after = from + found[0].length;
    const value = line.slice(after).trimStart();
    const valueAt = line.length - value.length;
    open.push({ indent: from, key });
    if (/^[{[]/.test(value)) {
      read(path, key, undefined);
      flow = begin(value, valueAt, [...path, key], column);
      return;
    }
    read(path, key, plain(value));
    if (/^[|>]/.test(value)) scalar = from;
    if (column !== undefined && column >= after) {
      const begins = Math.min(valueAt, column);
      place = { path, key, kind: 'value', from: at + begins, word: line.slice(begins, column) };
    }
  }

  /** Closes the objects that a line of this indent ends. A list may be as far left as its key. */
  function leave(indent, isItem) {
    while (open.length) {
      const { indent: of, isItem: wasItem } = open.at(-1);
      if (of > indent || (of === indent && (!isItem || wasItem))) open.pop();
      else return;
    }
  }

  function begin(value, from, path, column) {
    return inFlow(value, from, { base: path, stack: [] }, read, column, (found) => {
      place = { ...found, from: at + found.from };
    });
  }
}

/** Reads a line within braces and brackets. Returns those that are still open, if any are. */
function inFlow(text, start, flow, read, column, here) {
  const { base, stack } = flow;
  const path = () => [...base, ...stack.slice(1).map((_, at) => nameOf(stack[at]))];
  let at = 0;
  let word = 0; // Where the current key or value began.
  let quote;
  const tell = () => {
    if (column === undefined || !stack.length) return;
    if (column < start + word || column > start + at) return;
    const begins = text.slice(word, at).match(/^\s*/)[0].length + word;
    const from = Math.min(start + begins, column);
    const top = stack.at(-1);
    const typed = text.slice(Math.min(begins, column - start), column - start);
    if (top.isList || top.key !== undefined) {
      here({ path: path(), key: nameOf(top), kind: 'value', from, word: typed });
    } else here({ path: path(), kind: 'key', from, word: typed });
  };
  const end = () => {
    const top = stack.at(-1);
    if (top && !top.isList && top.key !== undefined && !top.isDeep)
      read(path(), top.key, plain(text.slice(word, at)));
  };
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (quote) {
      if (char === '\\' && quote === '"') at += 1;
      else if (char === quote) quote = undefined;
      continue;
    }
    if ((char === '"' || char === "'") && text.slice(word, at).trim() === '') quote = char;
    else if (char === '{' || char === '[') {
      if (stack.length) stack.at(-1).isDeep = true;
      stack.push({ isList: char === '[', at: 0 });
      word = at + 1;
    } else if (char === '}' || char === ']') {
      tell();
      end();
      stack.pop();
      word = at + 1;
      if (!stack.length) return undefined;
    } else if (char === ',') {
      tell();
      end();
      const top = stack.at(-1);
      Object.assign(top, { at: top.at + 1, key: undefined, isDeep: false });
      word = at + 1;
    } else if (char === ':' && /^(\s|$|["'{[])/.test(text.slice(at + 1)) && !stack.at(-1).isList) {
      tell();
      stack.at(-1).key = unquoted(text.slice(word, at).trim());
      word = at + 1;
    } else if (char === '#' && /\s/.test(text[at - 1] ?? ' ')) break;
  }
  tell();
  return { base, stack };
}

const nameOf = ({ isList, at, key }) => (isList ? at : key);

const unquoted = (text) =>
  /^".*"$|^'.*'$/s.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text;

/** The text of a value on its line, without a comment. */
const plain = (text) => unquoted(text.replace(/(^|\s)#.*$/, '').trim());

/**
 * What may stand at an offset of a contract: `{ from, options }`. An option is
 * `{ label, detail, info }`. Keys that the object has already are left out.
 */
export function options(schema, text, offset) {
  const place = placeAt(text, offset);
  if (!place) return undefined;
  let nodes = expand(schema, [schema], place.objects.get('[]'));
  place.path.forEach((step, at) => {
    const path = place.path.slice(0, at + 1);
    nodes = expand(schema, below(nodes, step), place.objects.get(JSON.stringify(path)));
  });
  if (place.kind === 'key') {
    const there = new Set(place.objects.get(JSON.stringify(place.path))?.keys());
    const names = [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
    const allowed = names.filter(
      (name) =>
        (!there.has(name) || name === place.word) &&
        nodes.every((node) => node.properties?.[name] !== false),
    );
    return {
      from: place.from,
      options: allowed.map((name) => {
        const found = expand(schema, below(nodes, name));
        return {
          label: name,
          detail: typesOf(found),
          info: found.find((node) => node.description)?.description,
        };
      }),
    };
  }
  const found = expand(schema, below(nodes, place.key));
  return { from: place.from, options: valuesOf(found).map((label) => ({ label })) };
}

/** The schemas of a member or an item. */
function below(nodes, step) {
  return nodes
    .map((node) => {
      const { properties, additionalProperties, items } = node;
      const found = typeof step === 'number' ? items : (properties?.[step] ?? additionalProperties);
      return typeof found === 'object' && node.isNarrow ? { ...found, isNarrow: true } : found;
    })
    .filter((found) => typeof found === 'object');
}

/** Schemas and all that they refer to. The members of `object` decide which conditions hold. */
function expand(root, schemas, object = new Map()) {
  return schemas.flatMap((schema) => {
    const { $ref: to, anyOf = [], oneOf = [], allOf = [] } = schema;
    const target =
      to &&
      to
        .slice(2)
        .split('/')
        .reduce((at, step) => at?.[step], root);
    const branch = schema.if && (holds(schema.if, object) ? schema.then : schema.else);
    const more = [...(target ? [target] : []), ...anyOf, ...oneOf, ...allOf];
    return [
      schema,
      ...expand(root, more, object),
      ...(branch ? expand(root, [branch], object).map((one) => ({ ...one, isNarrow: true })) : []),
    ];
  });
}

/** Whether the members of an object fulfil a condition. */
function holds({ properties = {}, required = [] }, object) {
  if (!required.every((name) => object.has(name))) return false;
  return Object.entries(properties).every(([name, { const: one, enum: some = [one] }]) => {
    return !object.has(name) || some.includes(object.get(name));
  });
}

function valuesOf(nodes) {
  const listed = (some) => some.flatMap((node) => node.enum ?? []);
  const narrow = listed(nodes.filter((node) => node.isNarrow));
  const all = listed(nodes).filter((value) => !narrow.length || narrow.includes(value));
  const examples = nodes.flatMap((node) => node.examples ?? []);
  // `true` and `false` help only where nothing but a boolean is allowed.
  const isChoice = nodes.some((node) => node.type === 'boolean');
  const found = [...all, ...(isChoice ? ['true', 'false'] : []), ...(all.length ? [] : examples)];
  return [...new Set(found.map((value) => String(value)))].filter((value) => !/\s/.test(value));
}

function typesOf(nodes) {
  const types = nodes.flatMap((node) => node.type ?? (node.enum ? 'one of some' : []));
  return [...new Set(types)].filter((type) => type !== 'null').join(' or ');
}
