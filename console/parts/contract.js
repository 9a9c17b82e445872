// Changes a contract: edits it, shows its faults, and registers it as a new version.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { checker } from '../lib/check.js';
import { counted } from '../lib/format.js';
import { editor } from './editor.js';
import { ask, message, problem } from './ui.js';

let schema; // All contracts have the same one.

/**
 * Edits a version of a contract: `{ view, isChanged, close }`. `done` is called with the version
 * that was registered, or with nothing if somebody goes back.
 */
export function editing(app, { dataset, version, text }, done) {
  const path = `/datasets/${encodeURIComponent(dataset)}`;
  let faults = [];
  let failed;
  let isChecked = false;
  let isSaving = false;

  schema ??= app.api.get('/contract.schema.json');
  schema.catch(() => {
    schema = undefined;
  });
  const check = checker({
    ask: (now) => app.api.text('POST', `${path}/check`, now, 'application/yaml'),
    tell: (answer) => show(answer.faults, true),
  });
  const written = editor({
    label: `Contract of ${dataset}`,
    text,
    schema,
    changed(now) {
      isChecked = false;
      failed = undefined;
      check.changed(now);
      app.redraw();
    },
  });
  written.ready.catch((error) => {
    failed = error;
    app.redraw();
  });

  function show(found, checked) {
    faults = found;
    isChecked = checked;
    written.show(found);
    app.redraw();
  }

  async function register() {
    check.stop();
    isSaving = true;
    failed = undefined;
    app.redraw();
    try {
      const made = await app.api.put(path, written.text(), 'application/yaml');
      app.say(`Registered as version ${made.version}.`);
      done(made.version);
    } catch (error) {
      isSaving = false;
      if (error.errors?.length) show(error.errors, true);
      else failed = error;
      app.redraw();
    }
  }

  async function back() {
    const sure =
      written.text() === text ||
      (await ask({
        title: 'Leave the contract as it was?',
        text: 'What you changed is lost.',
        yes: 'Leave it',
      }));
    if (sure) done();
  }

  const view = (newest) => {
    const isChanged = written.text() !== text;
    return html`${newest > version
        ? html`<div class="note warn">
            <strong>Version ${newest} was registered meanwhile</strong>
            <p>What you register here replaces it, and this text began as version ${version}.</p>
          </div>`
        : nothing}
      ${written.element}
      <div class="buttons under">
        <button class="main" ?disabled=${!isChanged || isSaving} @click=${register}>
          ${isSaving ? 'One moment…' : 'Register'}
        </button>
        <button ?disabled=${isSaving} @click=${back}>Go back</button>
        <span class="quiet small" role="status">
          ${faults.length
            ? `${counted(faults.length, 'fault')}${isChecked ? '' : ' before the last change'}`
            : isChecked && isChanged
              ? 'No fault'
              : ''}
        </span>
      </div>
      ${failed ? problem(failed) : nothing}
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
        : nothing}`;
  };

  return {
    view,
    isChanged: () => written.text() !== text,
    close() {
      check.stop();
      written.close();
    },
  };
}
