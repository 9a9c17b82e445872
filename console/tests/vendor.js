// Bundles packages into the files of `../vendor`: `npm run vendor`. With `--check` it writes
// nothing and fails if a file differs from its bundle.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const TESTS = fileURLToPath(new URL('.', import.meta.url));
const VENDOR = fileURLToPath(new URL('../vendor/', import.meta.url));

/** The exports of each file. Code that no export needs is left out. */
const FILES = {
  'hyparquet/hyparquet.js': `
    export { parquetMetadataAsync, parquetRead } from 'hyparquet';
    export { decompressLz4Raw } from './node_modules/hyparquet-compressors/src/lz4.js';`,
  'fzstd/fzstd.js': `
    export { decompress } from 'fzstd';`,
  'codemirror/codemirror.js': `
    export {
      autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap,
    } from '@codemirror/autocomplete';
    export {
      defaultKeymap, history, historyKeymap, indentLess, indentMore,
    } from '@codemirror/commands';
    export { yaml } from '@codemirror/lang-yaml';
    export {
      bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting,
    } from '@codemirror/language';
    export { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
    export { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
    export { Compartment, EditorState } from '@codemirror/state';
    export {
      drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter,
      highlightSpecialChars, keymap, lineNumbers,
    } from '@codemirror/view';
    export { tags } from '@lezer/highlight';`,
};

const isCheck = process.argv.includes('--check');
const stale = [];
for (const [path, contents] of Object.entries(FILES)) {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: TESTS },
    absWorkingDir: TESTS,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none', // Licences are in `LICENSES` beside the file.
    metafile: true,
    write: false,
  });
  const folder = path.replace(/[^/]*$/, '');
  const packages = [...new Set(Object.keys(metafile.inputs).map(packageOf).filter(Boolean))];
  put(path, outputFiles[0].text);
  put(`${folder}LICENSES`, packages.sort().map(licence).join('\n'));
}
if (stale.length) {
  console.error(`not what \`npm run vendor\` makes: ${stale.join(', ')}`);
  process.exitCode = 1;
}

function put(path, text) {
  const to = VENDOR + path;
  if (isCheck) {
    if (!existsSync(to) || readFileSync(to, 'utf8') !== text) stale.push(path);
    return;
  }
  mkdirSync(to.replace(/[^/]*$/, ''), { recursive: true });
  writeFileSync(to, text);
}

/** The folder of the package that a module belongs to. */
function packageOf(module) {
  return module.match(/^node_modules\/(@[^/]+\/)?[^/]+/)?.[0];
}

/** Name, version and licence of a package, with the licence's text. */
function licence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${TESTS}${folder}/package.json`));
  const file = readdirSync(TESTS + folder).find((one) => /^licen[cs]e/i.test(one));
  const text = readFileSync(`${TESTS}${folder}/${file}`, 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
