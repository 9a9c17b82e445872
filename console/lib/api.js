// Calls the API. What goes wrong is a `Problem` with words for a reader, whoever said it: the
// function, the gateway before it, or the network.

/** A call that was not answered as it should be. */
export class Problem extends Error {
  constructor({ type = '', title, status = 0, detail, ...more }) {
    super(detail ?? title);
    this.title = title;
    this.status = status;
    this.kind = type.replace('urn:landfall:problem:', '');
    this.errors = more.errors ?? [];
    this.field = more.field;
    this.job = more.job;
  }
}

/**
 * The API at an address. `signIn` tells who calls, where people sign in: it has `headers` and
 * `renew`. `onAccess` is called after each call with whether the caller was let in.
 */
export class Api {
  constructor(base, { signIn, onAccess = () => {} } = {}) {
    this.base = base.replace(/\/$/, '');
    this.signIn = signIn;
    this.onAccess = onAccess;
  }

  get(path, query = {}) {
    return this.call('GET', path + search(query));
  }

  post(path, body, headers = {}) {
    return this.call('POST', path, body === undefined ? undefined : JSON.stringify(body), {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    });
  }

  put(path, text, type) {
    return this.text('PUT', path, text, type);
  }

  /** Sends text that is not JSON. */
  text(method, path, text, type) {
    return this.call(method, path, text, { 'content-type': type });
  }

  async call(method, path, body, headers = {}) {
    const ask = async () => {
      const caller = (await this.signIn?.headers()) ?? {};
      // A gateway refuses such a call without CORS headers, and the page could not read why.
      if (this.signIn && !caller.authorization) {
        this.onAccess(false);
        throw new Problem({ title: 'Not signed in', status: 401, detail: 'Sign in again.' });
      }
      const all = { accept: 'application/json', ...caller, ...headers };
      return reached(fetch(this.base + path, { method, headers: all, body }));
    };
    let answer = await ask();
    // A call that was refused has done nothing, so it is safe to repeat it.
    if (answer.status === 401 && this.signIn && (await this.signIn.renew())) answer = await ask();
    this.onAccess(answer.status !== 401);
    const text = await reached(answer.text());
    const read = parsed(text);
    if (answer.ok) return read;
    throw new Problem(
      read?.title
        ? read
        : {
            title: `The API answered ${answer.status}`,
            status: answer.status,
            detail: read?.message ?? 'It gave no reason.',
          },
    );
  }
}

/** The bytes behind a presigned URL, as far as `limit`, and whether these are all. */
export async function download(url, limit = Infinity) {
  const answer = await reached(fetch(url));
  if (!answer.ok) throw notGiven(answer.status);
  const pieces = [];
  let size = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reached(reader.read());
    if (done) return { bytes: joined(pieces, size), whole: true };
    pieces.push(value);
    size += value.length;
    if (size > limit) {
      reader.cancel().catch(() => {});
      return { bytes: joined(pieces, size).subarray(0, limit), whole: false };
    }
  }
}

/**
 * A file behind a presigned URL that is read in pieces: `{ byteLength, slice(from, to) }`. A read
 * fails once all reads together exceed `limit` bytes.
 */
export function pieces(url, byteLength, limit) {
  let size = 0;
  return {
    byteLength,
    async slice(from, to = byteLength) {
      size += to - from;
      if (size > limit) {
        throw new Problem({
          title: 'It is too much to be shown here',
          detail: 'Even the first rows of the file take very many bytes. Download it instead.',
        });
      }
      const headers = { range: `bytes=${from}-${to - 1}` };
      const answer = await reached(fetch(url, { headers }));
      if (!answer.ok) throw notGiven(answer.status);
      const bytes = await reached(answer.arrayBuffer());
      // A store without ranges sends the whole file.
      return answer.status === 200 ? bytes.slice(from, to) : bytes;
    },
  };
}

/** Sends a file as the answer of `POST /uploads` says, and tells how much of it is sent. */
export function send(upload, file, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(upload.method, upload.url);
    // The browser sets these itself, and lets no page do it.
    const own = new Set(['content-length', 'host']);
    for (const [name, value] of Object.entries(upload.headers)) {
      if (!own.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(event.total, 1));
    request.onload = () =>
      request.status < 300
        ? done()
        : failed(
            new Problem({
              title: `The store answered ${request.status}`,
              status: request.status,
              detail: 'The file was not taken. Choose it again, and it gets a new link.',
            }),
          );
    request.onerror = () => failed(unreachable());
    request.send(file);
  });
}

/** All pages of a list, as far as `limit` items. */
export async function all(api, path, query, limit) {
  const items = [];
  let after;
  do {
    const page = await api.get(path, { ...query, after });
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined && items.length < limit);
  return { items: items.slice(0, limit), whole: after === undefined && items.length <= limit };
}

function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

function joined(pieces, size) {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const parsed = (text) => {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
};

const notGiven = (status) =>
  new Problem({
    title: `The store answered ${status}`,
    status,
    detail: 'The link may have expired: load the page again.',
  });

const unreachable = () =>
  new Problem({
    title: 'No answer',
    detail: 'The network or the API is away. The page tries again by itself.',
  });

async function reached(promise) {
  try {
    return await promise;
  } catch {
    throw unreachable();
  }
}
