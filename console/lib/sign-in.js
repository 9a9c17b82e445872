// Signs people in with OpenID Connect: the code flow with PKCE (RFC 7636), as a client that can
// keep no secret.
//
// Access tokens are held in memory only. The session storage of the tab has two things. One is the
// refresh token: without it, people would have to sign in after each reload. The other is the
// state, nonce and verifier while somebody is at the issuer: they prove that an answer belongs to
// this tab. No other tab and no other origin can read the session storage, and it ends with the
// tab. A foreign script in the page could read it, but the policy lets none run. An issuer should
// make each refresh token good for one use (RFC 9700), so that a theft is noticed.

import { claimsOf, scopesOf } from './scopes.js';

const PENDING = 'landfall.sign-in';
const REFRESH = 'landfall.refresh';
/** The endpoints of an issuer, and whether it must have them. */
const ENDPOINTS = [
  ['authorization_endpoint', true],
  ['token_endpoint', true],
  ['revocation_endpoint', false],
  ['end_session_endpoint', false],
];
const CLOCK_SKEW_S = 60; // The most that clocks may differ.
const RENEW_BEFORE_S = 30; // A token must not expire while a call is on its way.

/** What went wrong, in words for a reader. */
export class NotSignedIn extends Error {
  title = 'Not signed in';
}

/** A code verifier, a state or a nonce: 32 random bytes. */
export const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** The code challenge of a verifier, by S256. */
export async function challengeOf(verifier) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/**
 * Signs in as `config.json` says: `{ issuer, clientId, scope, audience }`. `page` has the browser's
 * `location`, `history`, `sessionStorage` and `fetch`.
 */
export class SignIn {
  #config;
  #page;
  #issuer; // The issuer's metadata, once it was asked.
  #tokens; // `{ access, id, until }`
  #renewing;

  constructor(config, page = globalThis) {
    for (const name of ['issuer', 'clientId']) {
      if (!config[name]) throw new NotSignedIn(`\`signIn\` of \`config.json\` lacks \`${name}\`.`);
    }
    this.#config = config;
    this.#page = page;
  }

  /** The scopes of the person who is signed in; nothing if the issuer does not tell them. */
  scopes;
  /** The name of the person who is signed in. */
  name;

  get isIn() {
    return this.#tokens !== undefined;
  }

  /** Takes the issuer's answer from the address, or uses the refresh token of the tab. */
  async resume() {
    const { location, history, sessionStorage } = this.#page;
    const answer = new URLSearchParams(location.search);
    if (answer.has('state') && (answer.has('code') || answer.has('error'))) {
      const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
      sessionStorage.removeItem(PENDING);
      // A code is good for one use. A reload or a copied link must not send it again.
      history.replaceState(null, '', this.#home() + (pending?.place ?? ''));
      await this.#accept(answer, pending);
    } else if (sessionStorage.getItem(REFRESH)) {
      await this.renew();
    }
  }

  /** Goes to the issuer, which leads back to a place of the console. */
  async begin(place) {
    const issuer = await this.#discover();
    const pending = { state: random(), nonce: random(), verifier: random(), place };
    this.#page.sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const { clientId, scope = '', audience } = this.#config;
    const scopes = new Set(['openid', ...scope.split(' ').filter(Boolean)]);
    const to = new URL(issuer.authorization_endpoint);
    const query = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: this.#home(),
      scope: [...scopes].join(' '),
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await challengeOf(pending.verifier),
      code_challenge_method: 'S256',
      ...(audience ? { audience } : {}),
    };
    for (const [name, value] of Object.entries(query)) to.searchParams.set(name, value);
    this.#page.location.assign(to.href);
  }

  /** The header with the access token. A token that is about to expire is renewed first. */
  async headers() {
    if (!this.#lasts(RENEW_BEFORE_S)) await this.renew();
    return this.#lasts(0) ? { authorization: `Bearer ${this.#tokens.access}` } : {};
  }

  #lasts(seconds) {
    return this.#tokens !== undefined && this.#now() < this.#tokens.until - seconds;
  }

  /** Gets new tokens with the refresh token, and returns whether that worked. */
  renew() {
    this.#renewing ??= this.#refresh().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Forgets the tokens, revokes the refresh token, and ends the session at the issuer. */
  async end() {
    const { sessionStorage, location, fetch } = this.#page;
    const refresh = sessionStorage.getItem(REFRESH);
    const { id } = this.#tokens ?? {};
    this.#forget();
    const issuer = await this.#discover();
    const { clientId } = this.#config;
    if (refresh && issuer.revocation_endpoint) {
      const body = new URLSearchParams({ token: refresh, client_id: clientId });
      // If the issuer can't be reached, the token is forgotten here at least.
      await fetch(issuer.revocation_endpoint, { method: 'POST', body }).catch(() => {});
    }
    if (!issuer.end_session_endpoint) return;
    const to = new URL(issuer.end_session_endpoint);
    if (id) to.searchParams.set('id_token_hint', id);
    to.searchParams.set('client_id', clientId);
    to.searchParams.set('post_logout_redirect_uri', this.#home());
    location.assign(to.href);
  }

  /** The address of the console without the place in it, which is the redirect URI. */
  #home() {
    const { origin, pathname } = this.#page.location;
    return origin + pathname;
  }

  #now() {
    return Date.now() / 1000;
  }

  async #discover() {
    if (this.#issuer) return this.#issuer;
    const { issuer } = this.#config;
    const at = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const found = await this.#ask(at);
    if (found.issuer !== issuer)
      throw new NotSignedIn(`\`${issuer}\` says that it is \`${found.issuer}\`.`);
    for (const [name, isNeeded] of ENDPOINTS) {
      if ((isNeeded || found[name] !== undefined) && !isSafe(found[name]))
        throw new NotSignedIn(`The issuer’s \`${name}\` is not HTTPS.`);
    }
    const methods = found.code_challenge_methods_supported;
    if (methods && !methods.includes('S256'))
      throw new NotSignedIn('The issuer does not support PKCE with S256.');
    this.#issuer = found;
    return found;
  }

  /** Exchanges the code of an answer for tokens, if the answer belongs to the request. */
  async #accept(answer, pending) {
    // Anybody can make a link with an error in it, so the state is checked first.
    if (!pending || answer.get('state') !== pending.state)
      throw new NotSignedIn('The answer does not belong to a sign-in of this tab. Sign in again.');
    const issuer = await this.#discover();
    const from = answer.get('iss');
    const mustTell = issuer.authorization_response_iss_parameter_supported;
    if ((from !== null || mustTell) && from !== issuer.issuer)
      throw new NotSignedIn('The answer is not the issuer’s. Sign in again.');
    if (answer.has('error'))
      throw new NotSignedIn(answer.get('error_description') ?? answer.get('error'));
    const tokens = await this.#ask(issuer.token_endpoint, {
      grant_type: 'authorization_code',
      code: answer.get('code'),
      redirect_uri: this.#home(),
      client_id: this.#config.clientId,
      code_verifier: pending.verifier,
    });
    this.#check(tokens.id_token, pending.nonce);
    this.#keep(tokens);
  }

  async #refresh() {
    const refresh = this.#page.sessionStorage.getItem(REFRESH);
    if (!refresh) return false;
    try {
      const issuer = await this.#discover();
      const tokens = await this.#ask(issuer.token_endpoint, {
        grant_type: 'refresh_token',
        refresh_token: refresh,
        client_id: this.#config.clientId,
      });
      if (tokens.id_token) this.#check(tokens.id_token);
      this.#keep(tokens);
      return true;
    } catch (problem) {
      // A refused token is of no more use. An issuer that is away may answer later.
      if (problem.isRefused) this.#forget();
      return false;
    }
  }

  /**
   * Checks issuer, client, time and nonce of an ID token. It came from the issuer's own endpoint by
   * HTTPS, so its signature need not be verified (OpenID Connect Core, 3.1.3.7).
   */
  #check(token, nonce) {
    const claims = claimsOf(token ?? '');
    const { clientId, issuer } = this.#config;
    const audiences = [claims?.aud].flat();
    const fits =
      claims?.iss === issuer &&
      audiences.includes(clientId) &&
      (audiences.length === 1 || claims.azp === clientId) &&
      claims.exp > this.#now() - CLOCK_SKEW_S &&
      (nonce === undefined || claims.nonce === nonce);
    if (!fits)
      throw new NotSignedIn('The issuer’s token does not fit what was asked. Sign in again.');
  }

  #keep(tokens) {
    if (!tokens.access_token || tokens.token_type?.toLowerCase() !== 'bearer')
      throw new NotSignedIn('The issuer gave no bearer token.');
    const claims = claimsOf(tokens.id_token ?? this.#tokens?.id ?? '');
    const until = tokens.expires_in
      ? this.#now() + tokens.expires_in
      : (claimsOf(tokens.access_token)?.exp ?? Infinity);
    this.#tokens = {
      access: tokens.access_token,
      id: tokens.id_token ?? this.#tokens?.id,
      until,
    };
    this.scopes = scopesOf(tokens.access_token, tokens.scope);
    this.name = claims?.name ?? claims?.email ?? claims?.sub ?? this.name;
    if (tokens.refresh_token) this.#page.sessionStorage.setItem(REFRESH, tokens.refresh_token);
  }

  #forget() {
    this.#tokens = undefined;
    this.#page.sessionStorage.removeItem(REFRESH);
  }

  /** Gets a document of the issuer, or posts a form to it. */
  async #ask(url, form) {
    const init = form
      ? { method: 'POST', body: new URLSearchParams(form), headers: { accept: 'application/json' } }
      : {};
    let answer;
    let found;
    try {
      answer = await this.#page.fetch(url, init);
      found = await answer.json();
    } catch {
      throw new NotSignedIn(`\`${new URL(url).origin}\` can’t be reached, or answers no JSON.`);
    }
    if (answer.ok) return found;
    const reason = found.error_description ?? found.error ?? answer.status;
    const problem = new NotSignedIn(`The issuer refused it: ${reason}.`);
    problem.isRefused = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
    throw problem;
  }
}

/** HTTPS, or this machine itself. */
function isSafe(address) {
  try {
    const { protocol, hostname } = new URL(address);
    const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
    return protocol === 'https:' || (protocol === 'http:' && isHere);
  } catch {
    return false;
  }
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
