// Writes contracts: an editor that shows their faults, trying a text on the file that landed last,
// and the registering of a new version.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { compare, tone, verdict } from '../lib/attempt.js';
import { checker } from '../lib/check.js';
import { count, counted, sourceName } from '../lib/format.js';
import { editor } from './editor.js';
import { ask, loading, message, problem } from './ui.js';

let schema; // All contracts have the same one.

/**
 * A contract that somebody writes: an editor that shows the faults of what is typed. It has the
 * `element`, the `text`, `show` for faults that were found elsewhere, and the views of how many
 * `faults` there are and of `list`, each at its line. `changed` is called with each new text.
 */
export function writing(app, { dataset, text, changed = () => {} }) {
  let faults = [];
  let isChecked = false;
  let failed;
  schema ??= app.api.get('/contract.schema.json');
  schema.catch(() => {
    schema = undefined;
  });
  const path = `/datasets/${encodeURIComponent(dataset)}/check`;
  const check = checker({
    ask: (now) => app.api.text('POST', path, now, 'application/yaml'),
    tell: (answer) => show(answer.faults),
  });
  const written = editor({
    label: `Contract of ${dataset}`,
    text,
    schema,
    changed(now) {
      isChecked = false;
      check.changed(now);
      changed(now);
      app.redraw();
    },
  });
  written.ready.catch((error) => {
    failed = error;
    app.redraw();
  });

  function show(found) {
    // The API tells them in the order in which it finds them.
    faults = [...found].sort((a, b) => a.line - b.line || a.column - b.column);
    isChecked = true;
    written.show(faults);
    app.redraw();
  }

  return {
    element: written.element,
    text: written.text,
    isChanged: () => written.text() !== text,
    show,
    /** Asks no more about what was typed. */
    settle: () => check.stop(),
    faults: () =>
      html`<span class="quiet small" role="status">
        ${faults.length
          ? `${counted(faults.length, 'fault')}${isChecked ? '' : ' before the last change'}`
          : isChecked && written.text() !== text
            ? 'No fault'
            : ''}
      </span>`,
    list: () =>
      html`${failed ? problem(failed) : nothing}
      ${faults.length
        ? html`<ul class="faults under">
            ${faults.map(
              (fault) =>
                html`<li>
                  <button class="plain where" @click=${() => written.go(fault)}>
                    Line ${fault.line}, ${fault.column}
                  </button>
                  ${fault.path ? html`<code>${fault.path}</code>` : nothing}
                  ${message(fault.message)}
                </li>`,
            )}
          </ul>`
        : nothing}`,
    close() {
      check.stop();
      written.close();
    },
  };
}

/**
 * Edits a version of a contract: `{ view, isChanged, close }`. `done` is called with the version
 * that was registered, or with nothing if somebody goes back.
 */
export function editing(app, { dataset, version, text }, done) {
  let failed;
  let isSaving = false;
  let attempt; // What a text would make of the last file.
  const written = writing(app, {
    dataset,
    text,
    changed() {
      failed = undefined;
    },
  });

  async function register() {
    written.settle();
    isSaving = true;
    failed = undefined;
    app.redraw();
    try {
      const path = `/datasets/${encodeURIComponent(dataset)}`;
      const made = await app.api.put(path, written.text(), 'application/yaml');
      app.say(`Registered as version ${made.version}.`);
      done(made.version);
    } catch (error) {
      isSaving = false;
      if (error.errors?.length) written.show(error.errors);
      else failed = error;
      app.redraw();
    }
  }

  /** Asks what the text as it stands would make of a job's file. Nothing is done. */
  async function tryOn(job, newest) {
    const mine = { job, newest, text: written.text() };
    attempt = mine;
    failed = undefined;
    app.redraw();
    // Faults have their places in the text that was tried.
    const show = (faults) => mine.text === written.text() && written.show(faults);
    try {
      const found = await compare(app.api, { dataset, job, text: mine.text });
      if (attempt !== mine) return;
      mine.found = found;
      show([]);
    } catch (error) {
      if (attempt !== mine) return;
      attempt = undefined;
      if (error.errors?.length) show(error.errors);
      else failed = error;
    }
    app.redraw();
  }

  async function back() {
    const sure =
      !written.isChanged() ||
      (await ask({
        title: 'Leave the contract as it was?',
        text: 'What you changed is lost.',
        yes: 'Leave it',
      }));
    if (sure) done();
  }

  const view = (newest, last) =>
    html`${newest > version
        ? html`<div class="note warn">
            <strong>Version ${newest} was registered meanwhile</strong>
            <p>What you register here replaces it, and this text began as version ${version}.</p>
          </div>`
        : nothing}
      ${written.element}
      <div class="buttons under">
        <button class="main" ?disabled=${!written.isChanged() || isSaving} @click=${register}>
          ${isSaving ? 'One moment…' : 'Register'}
        </button>
        ${last && app.may('data')
          ? html`<button
              ?disabled=${isSaving ||
              (attempt && !attempt.found) ||
              (version === newest && !written.isChanged())}
              @click=${() => tryOn(last, newest)}
            >
              Try on the last file
            </button>`
          : nothing}
        <button ?disabled=${isSaving} @click=${back}>Go back</button>
        ${written.faults()}
      </div>
      ${failed ? problem(failed) : nothing} ${written.list()}
      ${attempt
        ? html`<div class="under">${tried(attempt, attempt.text !== written.text())}</div>`
        : nothing}`;

  return {
    view,
    isChanged: written.isChanged,
    close() {
      attempt = undefined;
      written.close();
    },
  };
}

/** What came of trying a text, which `isOld` if it was changed since. */
function tried({ job, newest, found }, isOld) {
  if (!found) return loading(2);
  const { failure, sample, faults = sample?.faults ?? [] } = found.edited;
  return html`<div class="note tried ${tone(found)}" role="status">
    <strong
      >${sourceName(job.source)}
      ${isOld ? html`<span class="quiet">before the last change</span>` : nothing}</strong
    >
    <p>${verdict(found, newest, job.counts.read)}</p>
    ${failure ? html`<p>${message(failure.cause)}</p>` : nothing}
    ${faults.length
      ? html`<ul>
          ${faults.map(
            (fault) =>
              html`<li>
                <span class="quiet">line ${count(fault.line)}</span>
                ${fault.field ? html`<code>${fault.field}</code> ` : nothing}${message(
                  fault.message,
                )}
              </li>`,
          )}
          ${sample?.more_faults
            ? html`<li class="quiet">and ${counted(sample.more_faults, 'more fault')}</li>`
            : nothing}
        </ul>`
      : nothing}
  </div>`;
}
