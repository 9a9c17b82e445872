// A list of files, which can be downloaded.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { bytes, count, fileName } from '../lib/format.js';
import { icon, problem } from './ui.js';

/** Files as the API lists them; `more` reads the next ones. */
export function fileList(files, more) {
  return html`<section class="panel" aria-labelledby="files">
    <h2 id="files">
      Files
      ${files.files === undefined
        ? nothing
        : html`<span class="quiet">${count(files.files)} · ${bytes(files.bytes)}</span>`}
    </h2>
    ${files.problem ? problem(files.problem) : nothing}
    <div class="scroll" tabindex="0" role="group" aria-label="Files">
      <table>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" class="num">Rows</th>
            <th scope="col" class="num">Size</th>
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
                <td class="num">${bytes(file.bytes)}</td>
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
