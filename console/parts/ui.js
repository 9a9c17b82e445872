// What several pages show alike.

import { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
import { count, counted, moment, percent, short, words } from '../lib/format.js';

const ICONS = {
  brand:
    'M8 1.5v7M4.8 5.8 8 9l3.2-3.2' +
    'M1.5 12.2c1.1 0 1.1 1 2.2 1s1.1-1 2.2-1 1.1 1 2.1 1 1.1-1 2.2-1 1.1 1 2.1 1 1.1-1 2.2-1',
  copy: 'M5.5 5.5h7v7h-7zM3.5 10.5v-7h7',
  down: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10',
  file: 'M4 2.5h5l3 3v8H4zM9 2.5v3h3',
  right: 'M6 3.5 10.5 8 6 12.5',
  up: 'M8 13.5v-9M4.5 7.5 8 4l3.5 3.5M3 2h10',
};

/** A picture beside words, which say the same. */
export const icon = (name) =>
  html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    ${svg`<path d=${ICONS[name]}></path>`}
  </svg>`;

const MOST_REASON = 1000; // Characters: the most that the API takes.

/** Statuses that may change by themselves. */
export const OPEN = new Set(['PENDING', 'RUNNING', 'CANCELLING']);

/** A job's status: a colour and a word. */
export const badge = (status) =>
  html`<span class="badge" data-status=${status}>${capital(words(status))}</span>`;

/** What went wrong, with what to do. */
export function problem(error, again) {
  return html`<div class="note bad" role="alert">
    <strong>${error.title ?? 'It did not work'}</strong>
    <p>${message(error.message)}</p>
    ${error.errors?.length
      ? html`<ul class="faults">
          ${error.errors.map(
            (fault) =>
              html` <li>
                <span class="where"
                  >line ${fault.line},
                  ${fault.column}${fault.path && html` · <code>${fault.path}</code>`}</span
                >
                ${message(fault.message)}
              </li>`,
          )}
        </ul>`
      : nothing}
    ${again ? html`<button @click=${again}>Try again</button>` : nothing}
  </div>`;
}

/** A message, with what stands in backticks as code. */
export const message = (text) =>
  text.split('`').map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** Grey lines where something is about to be. */
export const loading = (lines = 3) =>
  html`<div class="loading" aria-busy="true">
    <span class="unseen">Loading…</span>${Array.from({ length: lines }, () => html`<i></i>`)}
  </div>`;

const PARTS = [
  ['stored', 'Stored'],
  ['rejected', 'Rejected'],
  ['filtered', 'Filtered'],
];

/** Counts as one bar: read = stored + rejected + filtered. */
export function bar(counts, { legend = false } = {}) {
  const known = PARTS.reduce((sum, [name]) => sum + counts[name], 0);
  // Of a job that lands nothing, good rows are in no part.
  const unstored = Math.max(counts.read - known, 0);
  const read = Math.max(counts.read, known, 1);
  let at = 0;
  const place = (name, value) => {
    const from = at;
    // A single reject among millions is seen too.
    at += Math.max((value / read) * 100, 1);
    return { name, from, width: at - from };
  };
  const parts = PARTS.filter(([name]) => counts[name] > 0).map(([name]) =>
    place(name, counts[name]),
  );
  if (unstored) place('none', unstored);
  const scale = at > 0 ? 100 / at : 0;
  const parted = PARTS.map(([name]) => `${count(counts[name])} ${name}`).join(', ');
  const said = `${count(counts.read)} read: ${parted}`;
  return html`<div class="counts">
    <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=${said}>
      <rect class="none" width="100" height="4"></rect>
      ${parts.map(
        ({ name, from, width }) =>
          svg`<rect class=${name} x=${from * scale} width=${width * scale} height="4"></rect>`,
      )}
    </svg>
    ${legend
      ? html`<dl class="legend">
          <div>
            <dt>Read</dt>
            <dd>${count(counts.read)}</dd>
          </div>
          <span aria-hidden="true">=</span>
          ${PARTS.map(
            ([name, label], index) =>
              html`${index ? html`<span aria-hidden="true">+</span>` : nothing}
                <div class=${name}>
                  <dt>${label}</dt>
                  <dd>
                    ${count(counts[name])}
                    ${counts[name] && counts.read
                      ? html`<small>${percent(counts[name] / counts.read)}</small>`
                      : nothing}
                  </dd>
                </div>`,
          )}
          ${unstored
            ? html`<span aria-hidden="true">+</span>
                <div>
                  <dt>Good, but not stored</dt>
                  <dd>${count(unstored)}</dd>
                </div>`
            : nothing}
        </dl>`
      : nothing}
  </div>`;
}

/** A moment; which one exactly is its title. */
export const when = (text, shown) =>
  html`<time datetime=${text} title=${moment(text)}>${shown}</time>`;

/** Numbers beside each other. Each is `[label, value, note]`. */
export const figures = (all) =>
  html`<dl class="figures">
    ${all.filter(Boolean).map(
      ([label, value, note]) =>
        html` <div>
          <dt>${label}</dt>
          <dd>${value}${note ? html`<small>${note}</small>` : nothing}</dd>
        </div>`,
    )}
  </dl>`;

/**
 * Asks before something that can't be taken back. Answers whether it is to be done. With `reason`,
 * the name of a field, it asks for a text too, and answers that text, or nothing.
 */
export function ask({ title, text, yes, bad = true, reason }) {
  const dialog = document.createElement('dialog');
  const make = (name, content, attributes = {}) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...[content].flat());
    return made;
  };
  const heading = make('h2', title, { id: 'asked' });
  const no = make('button', 'Go back', { value: '' });
  const go = make('button', yes, { value: 'yes', className: bad ? 'bad' : 'main' });
  const field = reason && make('textarea', [], { rows: 3, maxLength: MOST_REASON, required: true });
  // Blanks are no reason.
  field?.addEventListener('input', () => {
    field.setCustomValidity(field.value.trim() ? '' : 'Say why.');
  });
  no.formNoValidate = true;
  const form = make('form', [
    heading,
    make('p', text),
    ...(field ? [make('label', [make('span', reason), field], { className: 'reason' })] : []),
    make('div', [no, go], { className: 'buttons' }),
  ]);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    dialog.close(event.submitter?.value);
  });
  dialog.setAttribute('aria-labelledby', 'asked');
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  (field ?? no).focus();
  return new Promise((answered) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      const isSure = dialog.returnValue === 'yes';
      answered(field ? (isSure ? field.value.trim() : undefined) : isSure);
    });
  });
}

const LEAST = 8; // Pixels of a job in a history.

const minute = (job) => moment(job.created).slice(0, 16);

/** Bars over time: each `{ label, created, stored, rejected, href }` is a job. */
export function history(jobs) {
  const most = Math.max(1, ...jobs.map((job) => job.stored + job.rejected));
  // Few jobs have wide bars.
  const [width, height, gap] = [Math.max(12, Math.min(28, 840 / jobs.length)), 72, 3];
  const of = (value) => (value === 0 ? 0 : Math.max((value / most) * height, 2));
  const bar = (name, x, from, tall) =>
    svg`<rect class=${name} x=${x} y=${from - tall} width=${width} height=${tall}></rect>`;
  return html`<figure class="history">
    <div class="scroll" tabindex="0" role="group" aria-label="Load history">
      <svg
        viewBox="0 0 ${jobs.length * (width + gap)} ${height + 1}"
        preserveAspectRatio="none"
        height=${height + 1}
        .style=${`max-width:${jobs.length * (width + gap)}px;min-width:${jobs.length * LEAST}px`}
        role="list"
      >
        ${jobs.map((job, at) => {
          const x = at * (width + gap);
          const stored = of(job.stored);
          return svg`<g role="listitem"><a href=${job.href} aria-label=${job.label}>
            <title>${job.label}</title>
            ${bar('hit', x, height + 1, height + 1)}
            ${bar('stored', x, height, stored)}
            ${bar('rejected', x, height - stored, of(job.rejected))}
            ${bar(`foot ${job.status}`, x, height + 1, 1)}
          </a></g>`;
        })}
      </svg>
    </div>
    <figcaption>
      Rows of the newest ${counted(jobs.length, 'job')}, from ${minute(jobs[0])} to
      ${minute(jobs.at(-1))}; the highest has ${short(most)}.
      <span class="key stored">stored</span> <span class="key rejected">rejected</span>
    </figcaption>
  </figure>`;
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
