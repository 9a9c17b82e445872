// A test issuer of OpenID Connect, and a console that signs in there, with an API that lets in
// whoever brings one of its tokens. All are on this machine; the issuer has an origin of its own.

import { createHash, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLIENT = 'console';
const AUDIENCE = 'https://landfall.example';
const CONSOLE = fileURLToPath(new URL('../..', import.meta.url));
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const listen = (answer) =>
  new Promise((ready) => {
    const server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url, `http://${request.headers.host}`);
        answer(request, response, url, Buffer.concat(chunks).toString());
      });
    });
    server.listen(0, '127.0.0.1', () => ready(server));
  });
const originOf = (server) => `http://127.0.0.1:${server.address().port}`;

/**
 * Starts them. `answers` has what the API says to calls such as `GET /jobs`: an object, or a
 * function of the text that is sent, which answers `{ status, value }`. `issuer` can be told what
 * the next tokens are: their `scope`, the `name` of whoever signs in, how many `seconds` they last,
 * and `wrong`, claims that an ID token should not have. `api` has the calls that were let in.
 */
export async function stand(answers) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = { scope: 'landfall:admin landfall:data', seconds: 300, wrong: {} };
  issuer.name = '<b>Ada</b>';
  Object.assign(issuer, { revoked: [], renewals: 0 });
  const codes = new Map();
  const refreshes = new Map();

  const jwt = (claims) => {
    const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  };
  const now = () => Math.floor(Date.now() / 1000);
  const tokens = (nonce) => {
    const refresh = randomUUID();
    refreshes.set(refresh, true);
    const own = { iss: issuer.origin, sub: 'ada', exp: now() + issuer.seconds };
    return {
      token_type: 'Bearer',
      expires_in: issuer.seconds,
      access_token: jwt({ ...own, aud: AUDIENCE, scope: issuer.scope }),
      id_token: jwt({ ...own, aud: CLIENT, nonce, name: issuer.name, ...issuer.wrong }),
      refresh_token: refresh,
    };
  };

  const issuing = await listen((request, response, url, body) => {
    const cors = { 'access-control-allow-origin': request.headers.origin ?? '*' };
    const json = (status, value) =>
      response
        .writeHead(status, { ...cors, 'content-type': 'application/json' })
        .end(JSON.stringify(value));
    const given = Object.fromEntries(new URLSearchParams(body));
    const query = Object.fromEntries(url.searchParams);
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json(200, {
          issuer: issuer.origin,
          authorization_endpoint: `${issuer.origin}/authorize`,
          token_endpoint: `${issuer.origin}/token`,
          revocation_endpoint: `${issuer.origin}/revoke`,
          end_session_endpoint: `${issuer.origin}/leave`,
          code_challenge_methods_supported: ['S256'],
          authorization_response_iss_parameter_supported: true,
        });
      case '/authorize': {
        issuer.asked = query;
        const code = randomUUID();
        codes.set(code, query);
        const to = (more) => {
          const answer = { state: query.state, iss: issuer.origin, ...more };
          return `${query.redirect_uri}?${new URLSearchParams(answer)}`;
        };
        const no = { error: 'access_denied', error_description: 'You said <i>no</i>' };
        const link = (href, text) => `<a href="${href.replaceAll('&', '&amp;')}">${text}</a>`;
        response.writeHead(200, { 'content-type': 'text/html' });
        return response.end(
          '<link rel="icon" href="data:,"><h1>Issuer</h1>' +
            `${link(to({ code }), 'Agree')} ${link(to(no), 'Refuse')}`,
        );
      }
      case '/token': {
        if (given.grant_type === 'refresh_token') {
          issuer.renewals += 1;
          // Each is good for one use.
          if (!refreshes.delete(given.refresh_token)) return json(400, { error: 'invalid_grant' });
          return json(200, tokens());
        }
        const asked = codes.get(given.code);
        codes.delete(given.code);
        const challenge = createHash('sha256').update(given.code_verifier).digest('base64url');
        const fits =
          asked?.client_id === CLIENT &&
          given.client_id === CLIENT &&
          asked.redirect_uri === given.redirect_uri &&
          asked.code_challenge_method === 'S256' &&
          asked.code_challenge === challenge;
        return fits ? json(200, tokens(asked.nonce)) : json(400, { error: 'invalid_grant' });
      }
      case '/revoke':
        refreshes.delete(given.token);
        issuer.revoked.push(given.token);
        return json(200, {});
      case '/leave':
        return response.writeHead(302, { location: query.post_logout_redirect_uri }).end();
      default:
        return response.writeHead(204).end();
    }
  });
  issuer.origin = originOf(issuing);
  issuer.forget = () => refreshes.clear();

  const api = { calls: [], isShut: false };
  const isLetIn = ({ authorization = '' }) => {
    const [head, payload, signature] = authorization.replace(/^Bearer /, '').split('.');
    if (!signature || api.isShut) return false;
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const signed = Buffer.from(`${head}.${payload}`);
    return (
      claims.aud === AUDIENCE &&
      claims.exp > now() &&
      verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))
    );
  };
  const console_ = await listen((request, response, url, body) => {
    const json = (status, value) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const name = url.pathname.slice(1);
    if (name === 'config.json')
      return json(200, {
        api: `${originOf(console_)}/api`,
        signIn: { issuer: issuer.origin, clientId: CLIENT, scope: 'landfall:admin', audience: 'a' },
      });
    if (name.startsWith('api/')) {
      if (!isLetIn(request.headers)) return json(401, { message: 'Unauthorized' });
      const call = `${request.method} /${name.slice(4)}`;
      api.calls.push(call);
      if (typeof answers[call] === 'function') {
        const { status = 200, value } = answers[call](body);
        return json(status, value);
      }
      return json(answers[call] ? 200 : 404, answers[call] ?? { title: call, status: 404 });
    }
    const path = CONSOLE + name;
    if (!existsSync(path) || !TYPES[extname(path)]) return response.writeHead(404).end();
    let file = readFileSync(path);
    // A deployment with an issuer of its own adds it to the policy, too.
    if (name === 'index.html')
      file = String(file).replace("connect-src 'self'", `connect-src 'self' ${issuer.origin}`);
    return response.writeHead(200, { 'content-type': TYPES[extname(path)] }).end(file);
  });
  // A WebSocket that opens and stays silent.
  const sockets = new Set();
  console_.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  answers['POST /tickets'] = { url: `${originOf(console_).replace('http', 'ws')}/live` };
  return {
    issuer,
    api,
    console: `${originOf(console_)}/index.html`,
    close() {
      sockets.forEach((socket) => socket.destroy());
      for (const server of [issuing, console_]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
