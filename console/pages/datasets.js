// All datasets, and how the table of each stands.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { all } from '../lib/api.js';
import { ago, bytes, count, counted } from '../lib/format.js';
import { watch } from '../lib/live.js';
import { href } from '../lib/router.js';
import { loading, problem, when } from '../parts/ui.js';

const MOST = 200;

export function open(app) {
  let data;
  let error;
  const live = watch({
    async load() {
      const { items, whole } = await all(app.api, '/datasets', { limit: 100 }, MOST);
      const tables = await Promise.all(
        items.map(({ dataset }) =>
          app.api.get(`/datasets/${dataset}`).then(
            (found) => found.table ?? null,
            () => undefined,
          ),
        ),
      );
      return { items: items.map((item, at) => ({ ...item, table: tables[at] })), whole };
    },
    isOpen: () => false,
    onData(loaded) {
      [data, error] = [loaded, undefined];
      app.redraw();
    },
    onProblem(problem) {
      error = problem;
      app.redraw();
    },
  });

  const view = () => {
    const now = Date.now();
    return html` <div class="head">
        <h1>Datasets</h1>
        ${app.may('write')
          ? html`<div class="buttons">
              <a class="button main" href=${href(['land'])}>Land a file</a>
            </div>`
          : nothing}
      </div>
      ${error ? problem(error, () => live.again()) : nothing}
      ${data ? nothing : error ? nothing : loading(6)}
      ${data && !data.items.length
        ? html`<div class="empty">
            <h2>There is no dataset yet</h2>
            ${app.may('write')
              ? html`<p>
                  <a href=${href(['land'])}>Land a file</a>, and its dataset is made with it.
                </p>`
              : nothing}
          </div>`
        : nothing}
      ${data?.items.length
        ? html`<div class="panel tight">
              <table class="datasets">
                <thead>
                  <tr>
                    <th scope="col">Dataset</th>
                    <th scope="col" class="wide">Contract</th>
                    <th scope="col">Last commit</th>
                    <th scope="col" class="num">Rows added</th>
                    <th scope="col" class="num wide">Size</th>
                    <th scope="col" class="num">Rejects lately</th>
                  </tr>
                </thead>
                <tbody>
                  ${data.items.map(
                    ({ dataset, version, table }) =>
                      html`<tr>
                        <th scope="row"><a href=${href(['datasets', dataset])}>${dataset}</a></th>
                        <td class="wide quiet">v${version}</td>
                        ${table
                          ? html` <td>
                                ${when(table.commit.committed, ago(table.commit.committed, now))}
                                ${table.commit.job
                                  ? html`<a
                                      class="quiet wide"
                                      href=${href(['jobs', table.commit.job])}
                                      >commit ${count(table.commit.sequence)}</a
                                    >`
                                  : nothing}
                              </td>
                              <td class="num">${count(table.commit.rows)}</td>
                              <td class="num wide">${bytes(table.commit.bytes)}</td>
                              <td class="num">
                                ${table.rejects.rows
                                  ? html`<a class="rejected" href=${href(['datasets', dataset])}
                                        >${count(table.rejects.rows)}</a
                                      >
                                      <span class="quiet wide"
                                        >in ${counted(table.rejects.jobs, 'job')}</span
                                      >`
                                  : html`<span class="quiet">0</span>`}
                              </td>`
                          : html`<td colspan="4" class="quiet">
                              ${table === null
                                ? 'Nothing has landed yet'
                                : 'How its table stands is not known now'}
                            </td>`}
                      </tr>`,
                  )}
                </tbody>
              </table>
            </div>
            ${data.whole
              ? nothing
              : html`<p class="quiet">These are the first ${count(data.items.length)}.</p>`}`
        : nothing}`;
  };
  return { title: 'Datasets', view, close: live.stop };
}
