import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api } from '../../lib/api.js';
import { allows, claimsOf, lacking, scopesOf } from '../../lib/scopes.js';
import { SignIn, challengeOf, random } from '../../lib/sign-in.js';

const ISSUER = 'https://issuer.example/pool';
const HOME = 'https://console.example/index.html';
const CONFIG = { issuer: ISSUER, clientId: 'console', scope: 'landfall:read landfall:data' };
const METADATA = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
  token_endpoint: `${ISSUER}/token`,
};

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims) => `e30.${encode(claims)}.sig`;

/** A browser with one tab, and an issuer that answers as it is told. */
function tab({ metadata = {}, token = () => ({ error: 'invalid_grant' }) } = {}) {
  const kept = new Map();
  const page = {
    asked: [],
    went: [],
    location: { origin: 'https://console.example', pathname: '/index.html', search: '' },
    history: { replaceState: (_state, _title, to) => page.went.push(to) },
    sessionStorage: {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, value) => kept.set(name, value),
      removeItem: (name) => kept.delete(name),
    },
    kept,
    async fetch(url, init) {
      page.asked.push(url);
      const isToken = url === METADATA.token_endpoint;
      const found = isToken ? token(Object.fromEntries(init.body)) : { ...METADATA, ...metadata };
      return { ok: !found.error, status: found.error ? 400 : 200, json: async () => found };
    },
  };
  page.location.assign = (to) => page.went.push(to);
  return page;
}

/** Somebody who went to the issuer, and what they were sent with. */
async function gone(page, config = CONFIG) {
  await new SignIn(config, page).begin('#/jobs?status=HELD');
  return Object.fromEntries(new URL(page.went.pop()).searchParams);
}

const tokensOf = (asked, more = {}) => ({
  token_type: 'Bearer',
  expires_in: 300,
  access_token: jwt({ scope: 'landfall:read' }),
  id_token: jwt({
    iss: ISSUER,
    aud: 'console',
    exp: 9e9,
    nonce: asked.nonce,
    name: 'Ada',
    ...more,
  }),
  refresh_token: 'refresh-1',
});

test('the challenge of RFC 7636, appendix B', async () => {
  assert.equal(
    await challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});

test('random values are long, of the alphabet of verifiers, and never the same', () => {
  const drawn = Array.from({ length: 100 }, random);
  for (const one of drawn) assert.match(one, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(drawn).size, drawn.length);
});

test('whoever begins goes to the issuer with a challenge, a state and a nonce', async () => {
  const page = tab();
  const asked = await gone(page, { ...CONFIG, audience: 'https://api.example' });
  const kept = JSON.parse(page.kept.get('landfall.sign-in'));
  assert.deepEqual(asked, {
    tenant: '1',
    response_type: 'code',
    client_id: 'console',
    redirect_uri: HOME,
    scope: 'openid landfall:read landfall:data',
    state: kept.state,
    nonce: kept.nonce,
    code_challenge: await challengeOf(kept.verifier),
    code_challenge_method: 'S256',
    audience: 'https://api.example',
  });
  assert.equal(new Set([kept.state, kept.nonce, kept.verifier]).size, 3);
  assert.ok(!('code_verifier' in asked));
});

test('whoever comes back is signed in, and the code is gone from the address', async () => {
  let sent;
  let asked;
  const page = tab({
    token(given) {
      sent = given;
      return tokensOf(asked);
    },
  });
  asked = await gone(page);
  const { verifier } = JSON.parse(page.kept.get('landfall.sign-in'));
  page.location.search = `?code=abc&state=${asked.state}`;
  const signIn = new SignIn(CONFIG, page);
  await signIn.resume();
  assert.deepEqual(sent, {
    grant_type: 'authorization_code',
    code: 'abc',
    redirect_uri: HOME,
    client_id: 'console',
    code_verifier: verifier,
  });
  assert.deepEqual(page.went, [`${HOME}#/jobs?status=HELD`]);
  assert.deepEqual([...page.kept], [['landfall.refresh', 'refresh-1']]);
  assert.deepEqual(
    [signIn.isIn, signIn.name, [...signIn.scopes]],
    [true, 'Ada', ['landfall:read']],
  );
  assert.deepEqual(await signIn.headers(), {
    authorization: `Bearer ${jwt({ scope: 'landfall:read' })}`,
  });
});

test('an answer that is not to what was asked signs nobody in, and costs no code', async () => {
  for (const [answer, reason] of [
    [() => 'code=abc&state=other', /does not belong/],
    [({ state }) => `code=abc&state=${state}&iss=https://evil.example`, /not the issuer/],
    [({ state }) => `error=access_denied&state=${state}`, /access_denied/],
    [() => 'error=access_denied&error_description=Call+0900&state=x', /does not belong/],
  ]) {
    const page = tab({ token: assert.fail });
    const asked = await gone(page);
    page.location.search = `?${answer(asked)}`;
    const signIn = new SignIn(CONFIG, page);
    await assert.rejects(signIn.resume(), reason);
    // The same answer is not tried twice.
    assert.deepEqual([signIn.isIn, page.kept.size], [false, 0]);
  }
});

test('a state is good for one answer', async () => {
  let asked;
  const page = tab({ token: () => tokensOf(asked) });
  asked = await gone(page);
  page.location.search = `?code=abc&state=${asked.state}`;
  await new SignIn(CONFIG, page).resume();
  await assert.rejects(new SignIn(CONFIG, page).resume(), /does not belong/);
});

test('an ID token of another nonce, client, issuer or time is refused', async () => {
  for (const wrong of [
    { nonce: 'other' },
    { nonce: undefined },
    { aud: 'other' },
    { aud: ['console', 'other'] },
    { aud: ['console', 'other'], azp: 'other' },
    { iss: 'https://issuer.example' },
    { exp: 1 },
    { exp: undefined },
  ]) {
    let asked;
    const page = tab({ token: () => tokensOf(asked, wrong) });
    asked = await gone(page);
    page.location.search = `?code=abc&state=${asked.state}`;
    const signIn = new SignIn(CONFIG, page);
    await assert.rejects(signIn.resume(), /does not fit/, JSON.stringify(wrong));
    assert.deepEqual([signIn.isIn, page.kept.size], [false, 0]);
  }
});

test('nobody is sent to another issuer, or to one without HTTPS or PKCE', async () => {
  for (const [metadata, reason] of [
    [{ issuer: 'https://evil.example' }, /says that it is/],
    [{ token_endpoint: 'http://issuer.example/token' }, /not HTTPS/],
    [{ authorization_endpoint: 'javascript:alert(1)' }, /not HTTPS/],
    [{ authorization_endpoint: undefined }, /not HTTPS/],
    [{ end_session_endpoint: 'data://localhost/x' }, /not HTTPS/],
    [{ code_challenge_methods_supported: ['plain'] }, /PKCE/],
  ]) {
    const page = tab({ metadata });
    await assert.rejects(new SignIn(CONFIG, page).begin('#/'), reason);
    assert.deepEqual(page.went, []);
  }
  assert.throws(() => new SignIn({ issuer: ISSUER }, tab()), /lacks `clientId`/);
});

test('a reload goes on with the refresh token, which is changed for a new one', async () => {
  const page = tab({
    token: (given) =>
      given.refresh_token === 'refresh-1'
        ? { ...tokensOf({}), refresh_token: 'refresh-2' }
        : { error: 'invalid_grant' },
  });
  page.kept.set('landfall.refresh', 'refresh-1');
  const signIn = new SignIn(CONFIG, page);
  await signIn.resume();
  assert.deepEqual([signIn.isIn, page.kept.get('landfall.refresh')], [true, 'refresh-2']);
  // One that is refused is forgotten.
  const again = new SignIn(CONFIG, page);
  await again.resume();
  assert.deepEqual([again.isIn, page.kept.size], [false, 0]);
});

test('an expired token is not sent', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  let isThere = true;
  const page = tab({
    token() {
      if (!isThere) throw new Error('away');
      return tokensOf({});
    },
  });
  page.kept.set('landfall.refresh', 'refresh-1');
  const signIn = new SignIn(CONFIG, page);
  await signIn.resume();
  const isIn = async () => 'authorization' in (await signIn.headers());
  isThere = false;
  context.mock.timers.tick(299_000);
  assert.ok(await isIn());
  context.mock.timers.tick(1_000);
  assert.ok(!(await isIn()));
  // The issuer is there again.
  isThere = true;
  assert.ok(await isIn());
});

test('many who want a new token at once ask for one', async () => {
  let count = 0;
  const page = tab({ token: () => (count += 1) && tokensOf({}) });
  page.kept.set('landfall.refresh', 'refresh-1');
  const signIn = new SignIn(CONFIG, page);
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => signIn.renew())), [true, true, true]);
  assert.equal(count, 1);
});

test('a call that is not let in is repeated once with a new token', async (context) => {
  const answers = [401, 200, 401, 401, 401];
  const sent = [];
  context.mock.method(globalThis, 'fetch', async (_url, { headers }) => {
    sent.push(headers.authorization);
    const status = answers.shift();
    return { status, ok: status === 200, text: async () => '{"title":"x"}' };
  });
  let token = 0;
  const access = [];
  const signIn = {
    headers: async () => ({ authorization: `Bearer ${token}` }),
    renew: async () => {
      token += 1;
      return token < 3;
    },
  };
  const api = new Api('https://api.example/', { signIn, onAccess: (is) => access.push(is) });
  await api.get('/jobs');
  assert.deepEqual([sent, access], [['Bearer 0', 'Bearer 1'], [true]]);
  await assert.rejects(api.get('/jobs'));
  assert.deepEqual([sent.length, access], [4, [true, false]]);
  await assert.rejects(api.get('/jobs'));
  assert.deepEqual([sent.length, access], [5, [true, false, false]]);
  // No call is made without a token.
  const nobody = { headers: async () => ({}), renew: assert.fail };
  const outside = new Api('/', { signIn: nobody, onAccess: (is) => access.push(is) });
  await assert.rejects(outside.get('/jobs'), { status: 401 });
  assert.deepEqual([sent.length, access.at(-1)], [5, false]);
});

test('scopes are told by the token, or by what came with it', () => {
  const found = (token, answer) => [...(scopesOf(token, answer) ?? ['unknown'])];
  assert.deepEqual(found(jwt({ scope: 'a b' }), 'c'), ['a', 'b']);
  assert.deepEqual(found(jwt({ scp: ['a', 'b'] })), ['a', 'b']);
  assert.deepEqual(found('opaque', 'c d'), ['c', 'd']);
  assert.deepEqual(found('opaque'), ['unknown']);
  assert.deepEqual(claimsOf(jwt({ name: 'Zoë 𝄞' })), { name: 'Zoë 𝄞' });
  for (const broken of ['', 'a.b', 'a.!.c', 'a.bnVsbA.c']) assert.ok(!claimsOf(broken)?.name);
});

test('a scope allows what those below it allow, and nobody sees data without its own', () => {
  const of = (...names) => new Set(names.map((name) => `landfall:${name}`));
  const all = (scopes) => ['read', 'write', 'admin', 'data'].filter((what) => allows(scopes, what));
  assert.deepEqual(all(of('read')), ['read']);
  assert.deepEqual(all(of('write')), ['read', 'write']);
  assert.deepEqual(all(of('admin')), ['read', 'write', 'admin']);
  assert.deepEqual(all(of('data')), ['data']);
  assert.deepEqual(all(new Set()), []);
  // If nobody tells the scopes, everything is offered and the API decides.
  assert.deepEqual(all(undefined), ['read', 'write', 'admin', 'data']);
  assert.match(lacking('write'), /landfall:write/);
});
