// Contracts that are tried before they are registered, at an API that answers as each case needs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AXE, LOOKS, agree, click, launch, leave, until, visit, write } from './harness.js';
import { stand } from './issuer.js';

const TEXT = 'name: orders\nschema: { fields: [{ name: id, type: integer }] }\n';
const END = ' }] }\n'.length; // What stands behind the only field.
const JOB = {
  job: 'job-landed',
  dataset: 'orders',
  status: 'SUCCEEDED',
  source: { bucket: 'inbox', key: 'inbox/orders/march.csv', version: 'v1' },
  counts: { read: 972, stored: 949, rejected: 23, filtered: 0 },
  created: '2026-03-01T00:00:00Z',
  updated: '2026-03-01T00:00:01Z',
};
const FAULT = {
  line: 4,
  record: 3,
  field: 'id',
  error: 'constraint-error',
  message: '<b>3</b> is more than `maximum`',
};
const outlook = (rejected, faults = []) => ({
  plan: { source_bytes: 9, shards: 1, estimate: { total: 0.01 }, layouts: [] },
  sample: {
    counts: { read: 972, stored: 972 - rejected, rejected, filtered: 0 },
    faults,
    moreFaults: Math.max(rejected - 1, 0),
  },
});

let submitted = []; // Bodies of `POST /jobs`.
let registered = 0;
let answer; // What a text that is tried is answered with.
const ANSWERS = {
  'GET /jobs': { items: [JOB], next: null },
  'GET /datasets': { items: [{ dataset: 'orders', version: 2 }], next: null },
  'GET /datasets/orders': { dataset: 'orders', version: 2, text: TEXT },
  'GET /datasets/orders/versions': { items: [{ version: 2 }, { version: 1 }], next: null },
  'GET /datasets/orders/rejects': { items: [], next: null },
  'GET /contract.schema.json': {},
  'POST /datasets/orders/check': () => ({ value: { faults: [] } }),
  'PUT /datasets/orders': () => {
    registered += 1;
    return { value: { version: 2 + registered } };
  },
  'POST /uploads': { key: 'staged/orders/x/april.csv', method: 'PUT', url: '', headers: {} },
  'POST /jobs': (text) => {
    const body = JSON.parse(text);
    submitted.push(body);
    return body.contract === undefined ? { value: outlook(23) } : answer;
  },
};

let browser;
let there;

before(async () => {
  browser = await launch();
  there = await stand(ANSWERS);
});
after(async () => {
  there?.close();
  await browser?.close();
});

/** A page of somebody who has signed in. */
async function come(hash, scope = 'landfall:admin landfall:data') {
  [submitted, registered] = [[], 0];
  there.issuer.scope = scope;
  const context = await browser.createBrowserContext();
  const page = await visit(context, hash, { at: there.console, others: [there.issuer.origin] });
  await agree(page);
  return page;
}

const isDisabled = (page, name) =>
  page.evaluate(
    (wanted) =>
      [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === wanted)
        ?.disabled,
    name,
  );
const said = (page, what, text) =>
  until(page, what, (wanted) => document.querySelector('.tried')?.innerText.includes(wanted), text);

test('a text is tried beside the registered version, and registered by nobody', async () => {
  const page = await come('#/datasets/orders');
  await click(page, 'Edit');
  await until(page, 'the editor', () => document.querySelector('.editor[data-ready]'));
  // The registered text has nothing to be compared with.
  assert.equal(await isDisabled(page, 'Try on the last file'), true);
  await write(page, ', constraints: { maximum: 2 }', END);
  answer = { value: outlook(145, [FAULT]) };
  await click(page, 'Try on the last file');
  await said(
    page,
    'the difference',
    'This text would reject 122 more: 145 of 972 records, where version 2 rejects 23.',
  );
  const note = await page.$eval('.tried.warn', (one) => one.innerText.replaceAll(/\s+/g, ' '));
  assert.match(note, /march\.csv.*line 4 id <b>3<\/b> is more than maximum and 144 more faults/);
  const run = { dataset: 'orders', source: JOB.source, force: true, dryRun: true };
  const contract = TEXT.replace('integer', 'integer, constraints: { maximum: 2 }');
  assert.deepEqual(
    submitted.sort((a, b) => Object.keys(a).length - Object.keys(b).length),
    [run, { ...run, contract }],
  );
  await page.evaluate(AXE);
  for (const [width, theme] of LOOKS) {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    const found = await page.evaluate(async () =>
      (await axe.run(document)).violations.map(({ id, nodes }) => [id, nodes[0].html]),
    );
    assert.deepEqual(found, [], `${width}, ${theme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${over} pixels wider than a page of ${width}`);
  }
  // What was found stays to be read while somebody goes on, and says of what it is.
  await page.keyboard.type(' ');
  await said(page, 'that it is of an older text', 'before the last change');
  answer = {
    value: { failure: { error: 'HeaderMismatch', cause: '`id` is missing' }, faults: [] },
  };
  await click(page, 'Try on the last file');
  await said(page, 'that it fails', 'This text can’t land it, but version 2 can.');
  assert.match(await page.$eval('.tried.bad', (one) => one.innerText), /id is missing/);
  assert.equal(registered, 0);
  await leave(page);
});

test('what is wrong with a text that is tried stands at its line', async () => {
  const page = await come('#/datasets/orders');
  await click(page, 'Edit');
  await write(page, ', wrong: 1', END);
  const fault = { path: 'schema.fields[0].wrong', line: 2, column: 47, message: 'it is unknown' };
  answer = {
    status: 422,
    value: {
      type: 'urn:landfall:problem:contract-invalid',
      title: 'The contract is not valid',
      status: 422,
      detail: '1 fault',
      errors: [fault],
    },
  };
  await page.waitForNetworkIdle(); // What was typed is checked.
  await click(page, 'Try on the last file');
  await until(page, 'the fault', () =>
    document.querySelector('ul.faults')?.textContent.includes('it is unknown'),
  );
  assert.equal(await page.$('.tried'), null);
  // A text without it is tried again.
  for (let turn = 0; turn < ', wrong: 1'.length; turn += 1) await page.keyboard.press('Backspace');
  await page.keyboard.type(' ');
  answer = { value: outlook(23) };
  await click(page, 'Try on the last file');
  await said(page, 'the difference', 'would reject as many as version 2: 23 of 972 records.');
  assert.equal(await page.$('ul.faults'), null);
  page.complaints = page.complaints.filter((one) => !one.includes('422'));
  await leave(page);
});

test('whoever may not see records is not offered to try a text', async () => {
  const page = await come('#/datasets/orders', 'landfall:admin');
  await click(page, 'Edit');
  await write(page, ', constraints: { maximum: 2 }', END);
  assert.equal(await isDisabled(page, 'Try on the last file'), undefined);
  await leave(page);
});

test('a text is tried on open rejects, which stay open', async () => {
  const item = { job: JOB.job, created: JOB.created, open: 23, dismissed: 0, faults: [] };
  ANSWERS['GET /datasets/orders/rejects'] = { items: [{ ...item, complete: true }], next: null };
  const asked = [];
  ANSWERS['POST /jobs/job-landed/replay'] = (text) => {
    asked.push(JSON.parse(text));
    return answer;
  };
  const page = await come('#/datasets/orders');
  await click(page, 'Edit');
  await write(page, ', constraints: { maximum: 2 }', END);
  const counts = { read: 23, stored: 20, rejected: 3, filtered: 0 };
  answer = { value: { plan: {}, sample: { counts, faults: [FAULT], moreFaults: 2 } } };
  await click(page, 'Try on open rejects');
  await said(
    page,
    'how many it takes',
    'Of 23 open rejects, this text would take 20 and reject 3.',
  );
  const note = await page.$eval('.tried.good', (one) => one.innerText.replaceAll(/\s+/g, ' '));
  assert.match(note, /Open rejects of march\.csv.*reject 3 id <b>3<\/b> is.*and 2 more faults/);
  const contract = TEXT.replace('integer', 'integer, constraints: { maximum: 2 }');
  assert.deepEqual(asked, [{ dryRun: true, contract }]);
  assert.deepEqual([submitted, registered], [[], 0]);
  // Wide and narrow, the buttons have room.
  for (const [width] of LOOKS) {
    await page.setViewport({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${over} pixels wider than a page of ${width}`);
  }
  ANSWERS['GET /datasets/orders/rejects'] = { items: [], next: null };
  await leave(page);
});

test('whoever has no open rejects is not offered to try some', async () => {
  const page = await come('#/datasets/orders');
  await click(page, 'Edit');
  await until(page, 'the editor', () => document.querySelector('.editor[data-ready]'));
  assert.equal(await isDisabled(page, 'Try on open rejects'), undefined);
  await leave(page);
});

/** The page that lands a file, with one that is chosen. */
async function choose() {
  ANSWERS['POST /uploads'].url = new URL('/store', there.console).href;
  const page = await come('#/land?dataset=orders');
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/store') request.respond({ status: 200 });
    else request.continue();
  });
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['id\n1\n2\n3\n'], 'april.csv', { type: 'text/csv' }));
    const input = document.querySelector('input[type="file"]');
    input.files = data.files;
    input.dispatchEvent(new Event('change'));
  });
  return page;
}

test('a changed contract is checked on a file as it stands, and landing registers it', async () => {
  const page = await choose();
  await write(page, ', constraints: { maximum: 2 }', END);
  answer = { value: outlook(145, [FAULT]) };
  await click(page, 'Check');
  await until(page, 'what was checked', () => document.querySelector('#checked'));
  const source = { key: 'staged/orders/x/april.csv' };
  const contract = TEXT.replace('integer', 'integer, constraints: { maximum: 2 }');
  assert.deepEqual(submitted, [{ dataset: 'orders', source, dryRun: true, contract }]);
  assert.equal(registered, 0);
  ANSWERS['POST /jobs'] = (text) => {
    submitted.push(JSON.parse(text));
    return { status: 202, value: JOB };
  };
  ANSWERS['GET /jobs/job-landed'] = JOB;
  await click(page, 'Register and land');
  await until(page, 'the job', () => location.hash === '#/jobs/job-landed');
  assert.equal(registered, 1);
  assert.deepEqual(submitted.at(-1), { dataset: 'orders', source });
  // The rest of the job is not there.
  page.complaints = page.complaints.filter((one) => !one.includes('404'));
  await leave(page);
});

test('a file is sent again when another dataset is named', async () => {
  const both = ['orders', 'trips'].map((dataset) => ({ dataset, version: 1 }));
  ANSWERS['GET /datasets'] = { items: both, next: null };
  ANSWERS['GET /datasets/trips'] = { dataset: 'trips', version: 1, text: TEXT };
  const page = await choose();
  const sent = [];
  const to = ANSWERS['POST /uploads'];
  ANSWERS['POST /uploads'] = (text) => {
    sent.push(JSON.parse(text).dataset);
    return { value: to };
  };
  ANSWERS['POST /jobs'] = () => ({ value: outlook(23) });
  for (const dataset of ['orders', 'trips', 'trips']) {
    await page.waitForSelector('input[list="datasets"]');
    await page.$eval(
      'input[list="datasets"]',
      (input, name) => {
        if (input.value === name) return;
        input.value = name;
        input.dispatchEvent(new Event('change'));
      },
      dataset,
    );
    await page.waitForNetworkIdle();
    await click(page, 'Check');
    await until(page, 'what was checked', () => document.querySelector('#checked'));
  }
  assert.deepEqual(sent, ['orders', 'trips']);
  ANSWERS['POST /uploads'] = to;
  await leave(page);
});
