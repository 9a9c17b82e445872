// What a token allows, as far as a page can know. The API decides; a page only leaves out what it
// would refuse.

/** What allows what: each of the first three scopes allows what those before it do. */
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

/** The scopes of an access token, or of the answer that it came with; nothing if neither tells. */
export function scopesOf(token, answer) {
  const claims = claimsOf(token);
  const told = claims?.scope ?? claims?.scp ?? answer;
  if (told === undefined) return undefined;
  return new Set(Array.isArray(told) ? told : told.split(' ').filter(Boolean));
}

/** Whether scopes allow something: `read`, `write`, `admin` or `data`. Unknown ones may. */
export const allows = (scopes, what) =>
  !scopes || GRANTED_BY[what].some((name) => scopes.has(`landfall:${name}`));

/** Why something is not offered. */
export const lacking = (what) =>
  `Your sign-in lacks the scope \`landfall:${what}\`, which is needed ${DOES[what]}.`;

/** What a token in JWT says. It is not verified: whoever is asked with it does that. */
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
