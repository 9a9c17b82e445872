import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const CONSOLE = fileURLToPath(new URL('../../', import.meta.url));
const COLUMNS = 100;

/** Our own texts. Vendored files and lists of packages are left out. */
function* texts(folder) {
  for (const name of readdirSync(folder)) {
    if (['node_modules', 'vendor', 'package-lock.json', 'package.json'].includes(name)) continue;
    const path = `${folder}${name}`;
    if (statSync(path).isDirectory()) yield* texts(`${path}/`);
    else if (/\.(js|css|html|md)$/.test(name)) yield path;
  }
}

test('no line is longer than a hundred columns', () => {
  const long = [];
  for (const path of texts(CONSOLE)) {
    readFileSync(path, 'utf8')
      .split('\n')
      .forEach((line, at) => {
        const isTable = path.endsWith('.md') && line.startsWith('|');
        if ([...line].length > COLUMNS && !isTable)
          long.push(`${path.slice(CONSOLE.length)}:${at + 1}: ${line.trim().slice(0, 60)}…`);
      });
  }
  assert.deepEqual(long, []);
});
