// A browser at the console of a running cloud, and what a test does there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';

/** Where the console is: `cargo xtask demo --keep` prints it. */
export const CONSOLE = process.env.LANDFALL_CONSOLE;
const CHROMIUM =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
/** How long a job may take on a busy machine. */
export const PATIENCE = 120_000;

if (!CONSOLE)
  throw new Error(
    'LANDFALL_CONSOLE has to say where the console is: `cargo xtask demo --keep` prints it',
  );
if (!CHROMIUM)
  throw new Error('Chromium is needed: `apt install chromium`, or CHROMIUM says where one is');

/** The script that finds what is not accessible, and how pages are looked at with it. */
export const AXE = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
export const LOOKS = [
  [1440, 'light'],
  [390, 'light'],
  [390, 'dark'],
  [1440, 'dark'],
];

export const launch = () =>
  puppeteer.launch({
    executablePath: CHROMIUM,
    // Whoever tests as root, in a container, has no sandbox to start one in.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });

/**
 * A page at a place. What the browser complains of, what is asked of others, and dialogs that a
 * script of somebody's data opens, are kept in `complaints`. `at` is another console than the
 * cloud's, and `others` are the origins that it may ask.
 */
export async function visit(browser, hash, more = {}) {
  const { width = 1440, theme = 'light', at = CONSOLE, others = [] } = more;
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.complaints = [];
  page.files = new Map();
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type()))
      page.complaints.push(`${message.text()} ${message.location()?.url ?? ''}`);
  });
  page.on('pageerror', (error) => page.complaints.push(`${error.stack ?? error}`));
  page.on('dialog', (dialog) => {
    if (dialog.type() !== 'beforeunload') page.complaints.push(`dialog: ${dialog.message()}`);
    dialog.accept();
  });
  const known = [new URL(at).origin, ...others];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && !known.includes(url.origin))
      page.complaints.push(`asked ${url.origin}`);
  });
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
  await page.goto(at + hash);
  await page.waitForSelector('main h1');
  return page;
}

/** Ends a visit: nothing may have been complained of. */
export async function leave(page) {
  assert.deepEqual(page.complaints, []);
  await page.close({ runBeforeUnload: false });
}

/** Waits for something of the page, and says what stood there if it never comes. */
export async function until(page, what, fact, ...given) {
  try {
    await page.waitForFunction(fact, { polling: 'mutation', timeout: PATIENCE }, ...given);
  } catch (error) {
    const text = await page.evaluate(() => document.body.innerText).catch(() => '');
    throw new Error(`${what}: ${error.message}\n${text}`);
  }
}

/** Clicks a button or a link by its name, once it can be. */
export async function click(page, name) {
  await until(
    page,
    `a button «${name}»`,
    (wanted) => {
      const named = [...document.querySelectorAll('button, a')].filter(
        (one) => one.textContent.trim() === wanted,
      );
      return named.some((one) => !one.disabled);
    },
    name,
  );
  await page.evaluate((wanted) => {
    const open = document.querySelector('dialog[open]') ?? document;
    [...open.querySelectorAll('button, a')]
      .find((one) => one.textContent.trim() === wanted && !one.disabled)
      .click();
  }, name);
}

/** Signs in at the issuer of the tests, or refuses to: `link` says which. */
export async function agree(page, link = 'Agree') {
  await click(page, 'Sign in');
  await until(page, 'the issuer', () => document.querySelector('h1')?.textContent === 'Issuer');
  await Promise.all([page.waitForNavigation(), click(page, link)]);
  await page.waitForSelector('main h1');
}

/** Types into the editor, once it is there: `back` characters before the end of the text. */
export async function write(page, text, back = 0) {
  await page.waitForSelector('.editor[data-ready]');
  await page.evaluate(() => {
    document.querySelector('.editor').shadowRoot.querySelector('.cm-content').focus();
  });
  await page.keyboard.down('Control');
  await page.keyboard.press('End');
  await page.keyboard.up('Control');
  for (let turn = 0; turn < back; turn += 1) await page.keyboard.press('ArrowLeft');
  await page.keyboard.type(text);
}

export const status = (page, wanted) =>
  until(
    page,
    `the status ${wanted}`,
    (of) => document.querySelector('h1 .badge')?.dataset.status === of,
    wanted,
  );

let base;

/** Calls the API as the console does. */
export async function api(method, path, body, type = 'application/json') {
  base ??= (await (await fetch(new URL('config.json', CONSOLE))).json()).api;
  const answer = await fetch(base + path, {
    method,
    headers: body === undefined ? {} : { 'content-type': type },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Uploads a text and submits it: the job's id. */
export async function submit(dataset, name, text, more = {}) {
  const upload = await api('POST', '/uploads', { dataset, name, land: 'submit' });
  const sent = await fetch(upload.url, {
    method: upload.method,
    headers: upload.headers,
    body: text,
  });
  assert.ok(sent.ok, `${sent.status}`);
  return (await api('POST', '/jobs', { dataset, source: { key: upload.key }, ...more })).job;
}

/** Waits until a job stands so. */
export async function ended(job, wanted) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const found = await api('GET', `/jobs/${job}`);
    if (found.status === wanted) return found;
    assert.ok(
      ['PENDING', 'RUNNING', 'CANCELLING'].includes(found.status) && Date.now() < until,
      `${found.status}: ${JSON.stringify(found.failure)}`,
    );
    await new Promise((done) => {
      setTimeout(done, 200);
    });
  }
}

/**
 * Stops the execution of a job once it is planned, as somebody may do in the console of AWS. It
 * does nothing to an execution that has ended.
 */
export async function stop(job) {
  let execution;
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await fetch(`${base}/jobs/${job}/execution`);
    // A job that was just admitted has none.
    const { states = [], ...more } = found.ok ? await found.json() : {};
    execution = more.execution;
    if (states.some((visit) => visit.name.startsWith('Transform'))) break;
  }
  const credential = 'test/20260101/us-east-1/states/aws4_request';
  const answer = await fetch(new URL('/', CONSOLE), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AWSStepFunctions.StopExecution',
      // The local cloud looks at the caller and not at the signature.
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ executionArn: execution.arn }),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

/** A name that no run before has used. */
export const fresh = (name) => `${name}_${Date.now().toString(36)}`;
