// Tells what a token allows. The API decides; a page only leaves out what the API would refuse.

/** The scopes that allow something: each of the first three includes those before it. */
const GRANTED_BY = {
  read: ['read', 'write', 'admin'],
  write: ['write', 'admin'],
  admin: ['admin'],
  data: ['data'],
};
const DOES = {
  write: 'to land files and to act on jobs',
  admin: 'to change contracts',
  data: 'to see records and files',
};

/** The scopes of an access token, or of the answer with it; nothing if neither tells them. */
export function scopesOf(token, answer) {
  const claims = claimsOf(token);
  const told = claims?.scope ?? claims?.scp ?? answer;
  if (told === undefined) return undefined;
  return new Set(Array.isArray(told) ? told : told.split(' ').filter(Boolean));
}

/** Whether scopes allow `read`, `write`, `admin` or `data`. Unknown scopes allow everything. */
export const allows = (scopes, what) =>
  !scopes || GRANTED_BY[what].some((name) => scopes.has(`landfall:${name}`));

/** Why something is not offered. */
export const lacking = (what) =>
  `Your sign-in lacks the scope \`landfall:${what}\`, which is needed ${DOES[what]}.`;

/** The claims of a JWT. The signature is not verified here: the API does that. */
export function claimsOf(token) {
  try {
    const [, payload] = token.split('.');
    const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
