// A list of files, which can be downloaded, and whose first rows can be seen.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { pieces } from '../lib/api.js';
import { bytes, count, counted, fileName } from '../lib/format.js';
import { icon, loading, problem } from './ui.js';

const ROWS = 50;
const COLUMNS = 200; // A wider file is cut.
const CHARACTERS = 200; // A longer value is cut.
const MOST_BYTES = 64_000_000; // The most that a page reads of a file.

/** The first rows of one file at a time, which a page shows. */
export function previews(app) {
  let shown; // `{ file, table, error }`
  return {
    isOf: (file) => shown?.file.key === file.key,
    /** Shows the first rows of a file, or hides them if they are shown. */
    async toggle(file) {
      if (shown?.file.key === file.key) {
        shown = undefined;
        app.redraw();
        return;
      }
      const mine = { file };
      shown = mine;
      app.redraw();
      try {
        // It is loaded here, as most visits do without it.
        const { firstRows } = await import('../lib/parquet.js');
        mine.table = await firstRows(pieces(file.url, file.bytes, MOST_BYTES), ROWS);
      } catch (error) {
        mine.error = error;
      }
      if (shown !== mine) return;
      app.redraw();
      // On a job's page it is below everything else.
      requestAnimationFrame(() => {
        const found = document.getElementById('first-rows');
        found?.scrollIntoView({ block: 'start' });
        found?.focus({ preventScroll: true });
      });
    },
    view: () => (shown ? preview(shown) : nothing),
  };
}

function preview({ file, table, error }) {
  const name = fileName(file.key);
  return html`<section
    class="panel"
    id="first-rows"
    tabindex="-1"
    aria-labelledby="first-rows-of"
    aria-busy=${!table && !error}
  >
    <h2 id="first-rows-of">
      First rows
      <span class="quiet">${name}${table ? html` · ${extent(table)}` : nothing}</span>
    </h2>
    ${error
      ? problem({ title: 'It can’t be shown', message: error.message })
      : table
        ? rows(table)
        : loading(4)}
  </section>`;
}

function extent({ rows, total, columns }) {
  const some = columns.length > COLUMNS ? `, ${COLUMNS} of ${count(columns.length)} columns` : '';
  return `${count(rows.length)} of ${counted(total, 'row')}${some}`;
}

function rows(table) {
  const columns = table.columns.slice(0, COLUMNS);
  return html`<div class="scroll tall" tabindex="0" role="group" aria-label="First rows">
    <table class="preview">
      <thead>
        <tr>
          ${columns.map(
            ({ name, type }) =>
              html`<th scope="col">${cut(name)} <span class="quiet">${type}</span></th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${table.rows.map(
          (row) =>
            html`<tr>
              ${columns.map((_, at) => cell(row[at]))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const cell = (value) =>
  value === null ? html`<td class="quiet">null</td>` : html`<td>${cut(value)}</td>`;

const cut = (text) => (text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}…` : text);

/** Opens the first rows of a file, and closes them. */
function opener(file, seen) {
  const does = seen.isOf(file) ? 'Close' : 'Preview';
  return html`<button
    class="plain"
    aria-expanded=${seen.isOf(file)}
    aria-label=${`${does} ${fileName(file.key)}`}
    @click=${() => seen.toggle(file)}
  >
    ${does}
  </button>`;
}

/**
 * Files as the API lists them; `more` reads the next ones, `seen` shows what one holds, and `of`
 * stands beside the heading.
 */
export function fileList(files, more, seen, of = nothing) {
  return html`<section class="panel" aria-labelledby="files">
    <h2 id="files">
      Files
      ${files.files === undefined
        ? nothing
        : html`<span class="quiet">${count(files.files)} · ${bytes(files.bytes)}</span>`}
      ${of}
    </h2>
    ${files.problem ? problem(files.problem) : nothing}
    <div class="scroll" tabindex="0" role="group" aria-label="Files">
      <table>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" class="num">Rows</th>
            <th scope="col" class="num wide">Size</th>
            <th scope="col"><span class="unseen">First rows</span></th>
          </tr>
        </thead>
        <tbody>
          ${files.items.map(
            (file) =>
              html`<tr>
                <td>
                  <a class="file" href=${file.url} download title=${file.key}
                    >${icon('down')}<span>${fileName(file.key)}</span></a
                  >
                </td>
                <td class="num">${count(file.rows)}</td>
                <td class="num wide">${bytes(file.bytes)}</td>
                <td class="num">${file.key.endsWith('.parquet') ? opener(file, seen) : nothing}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${typeof files.next === 'number'
      ? html`<p class="more"><button @click=${more}>Show more</button></p>`
      : nothing}
  </section>`;
}
