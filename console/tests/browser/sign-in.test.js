import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AXE, LOOKS, agree, click, launch, leave, until, visit } from './harness.js';
import { stand } from './issuer.js';

const JOB = {
  job: 'job-held',
  dataset: 'orders',
  status: 'HELD',
  source: { key: 'inbox/orders/march.csv' },
  counts: { read: 3, stored: 2, rejected: 1, filtered: 0 },
  hold: {
    reasons: ['it was asked for'],
    since: '2026-03-01T00:00:00Z',
    until: '2999-01-01T00:00:00Z',
  },
  created: '2026-03-01T00:00:00Z',
  updated: '2026-03-01T00:00:01Z',
};
const LANDED = {
  ...JOB,
  job: 'job-landed',
  status: 'SUCCEEDED',
  counts: { read: 5, stored: 2, rejected: 3, filtered: 0 },
  rejects: {
    open: 1,
    replays: [],
    dismissed: [
      {
        count: 2,
        why: 'records of a test',
        by: 'grace',
        at: '2026-03-02T00:00:00Z',
        layout: 0,
        rejects: [[0, 2]],
      },
    ],
  },
};
const REJECTS = 'id,day\n1,x\n2,y\n3,z\n';
const ERRORS = [1, 2, 3]
  .map((record) => `{"record":${record},"line":${record + 1},"error":"type-error","message":"-"}\n`)
  .join('');
const STARTED = '2026-03-01T00:00:00Z';
const ANSWERS = {
  'GET /jobs': { items: [JOB], next: null },
  'GET /datasets': { items: [{ dataset: 'orders', version: 1 }], next: null },
  'GET /datasets/orders': { dataset: 'orders', version: 1, text: 'name: orders\n' },
  'GET /datasets/orders/versions': { items: [{ version: 1 }], next: null },
  'GET /datasets/orders/rejects': { items: [], next: null },
  'GET /jobs/job-held': JOB,
  'GET /jobs/job-landed': LANDED,
  'GET /jobs/job-held/changes': { columns: [] },
  'GET /jobs/job-held/execution': {
    execution: { status: 'RUNNING', started: STARTED },
    states: [],
    mapRuns: [],
    rounds: [],
    criticalPath: { milliseconds: 0, steps: [] },
    graph: {
      start: 'Hold',
      nodes: [{ name: 'Hold', type: 'Task', status: 'WAITING', visits: 1, milliseconds: 5 }],
      edges: [],
    },
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

/** A tab of its own, which nobody has signed in from. */
async function come(hash) {
  const context = await browser.createBrowserContext();
  const page = await visit(context, hash, { at: there.console, others: [there.issuer.origin] });
  return page;
}

const stored = (page) =>
  page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]);

test('the page is accessible before and after signing in, wide and narrow', async () => {
  const page = await come('#/jobs');
  const check = async () => {
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
  };
  await check();
  await agree(page);
  await until(page, 'the jobs', () => document.querySelector('.jobs .badge'));
  await check();
  await leave(page);
  there.api.calls.length = 0;
});

test('whoever signs in comes back to where they were, and reloads', async () => {
  const page = await come('#/jobs/job-held');
  assert.equal(await page.$eval('main button', (one) => one.textContent), 'Sign in');
  assert.deepEqual(there.api.calls, [], 'nothing is asked of the API before');
  await agree(page);
  await until(
    page,
    'the job',
    () => document.querySelector('h1 .badge')?.dataset.status === 'HELD',
  );
  assert.equal(page.url(), `${there.console}#/jobs/job-held`);
  const { asked } = there.issuer;
  assert.deepEqual(
    [asked.scope, asked.code_challenge_method, asked.audience, asked.response_type],
    ['openid landfall:admin', 'S256', 'a', 'code'],
  );
  // The name is text, and only what a reload takes is stored.
  assert.equal(await page.$eval('.who .name', (one) => one.textContent), '<b>Ada</b>');
  assert.deepEqual(await stored(page), [[], ['landfall.refresh'], '']);
  await page.reload();
  await until(page, 'the job again', () => document.querySelector('h1 .badge'));
  // A second reload takes the refresh token of the first.
  await page.reload();
  await until(page, 'the job once more', () => document.querySelector('h1 .badge'));
  await leave(page);
});

test('a token that runs out is renewed without anybody seeing it', async () => {
  const page = await come('#/jobs');
  await agree(page);
  await until(page, 'the jobs', () => document.querySelector('.jobs .badge'));
  const before = there.issuer.renewals;
  there.api.calls.length = 0;
  // The token is good for 300 s, and the page's clock goes on by 290.
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 290_000;
    location.hash = '#/datasets';
  });
  await until(page, 'the datasets', () => document.querySelector('.datasets a'));
  assert.ok(there.api.calls.includes('GET /datasets'));
  assert.equal(there.issuer.renewals, before + 1, 'once for all calls');
  await leave(page);
});

test('a reader is offered nothing that they may not do, and told why', async () => {
  there.issuer.scope = 'landfall:read';
  const page = await come('#/jobs/job-held');
  await agree(page);
  await until(page, 'the job', () => document.querySelector('h1 .badge'));
  const said = await page.$eval('main', (main) => main.textContent);
  assert.match(said, /lacks the scope landfall:write/);
  assert.equal(await page.$$eval('main .head button', (all) => all.length), 0);
  assert.match(await page.$eval('.who', (one) => one.textContent), /read only/);
  assert.deepEqual(await page.$$eval('.top nav a', (all) => all.map((one) => one.textContent)), [
    'Jobs',
    'Datasets',
  ]);
  for (const [hash, scope] of [
    ['#/land', 'write'],
    ['#/jobs/job-held/rejects', 'data'],
    ['#/datasets/orders', 'admin'],
  ]) {
    await page.evaluate((to) => {
      location.hash = to;
    }, hash);
    await until(
      page,
      `what ${hash} takes`,
      (wanted) => document.querySelector('main').textContent.includes(`landfall:${wanted}`),
      scope,
    );
  }
  // To watch jobs takes a ticket, which is no change of anything.
  const changes = there.api.calls.filter((call) => !/^(GET |POST \/tickets$)/.test(call));
  assert.deepEqual(changes, []);
  assert.ok(!there.api.calls.some((call) => /rejects|files|errors/.test(call)));
  there.issuer.scope = 'landfall:admin landfall:data';
  await leave(page);
});

test('whoever may only look sees what was dismissed, and dismisses nothing', async () => {
  there.issuer.scope = 'landfall:read landfall:data';
  const page = await come('#/jobs');
  await agree(page);
  await until(page, 'the jobs', () => document.querySelector('.jobs .badge'));
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const { pathname, origin } = new URL(request.url());
    const file = (name) => ({ body: JSON.stringify({ rows: 3, url: `${origin}/${name}` }) });
    const answer = {
      '/api/jobs/job-landed/rejects': file('rejects.csv'),
      '/api/jobs/job-landed/errors': file('errors.jsonl'),
      '/rejects.csv': { body: REJECTS },
      '/errors.jsonl': { body: ERRORS },
    }[pathname];
    if (answer) request.respond(answer);
    else request.continue();
  });
  await page.evaluate(() => {
    location.hash = '#/jobs/job-landed/rejects';
  });
  await until(page, 'what was dismissed', () => document.querySelector('.dismissed li'));
  const said = await page.$eval('main', (main) => main.textContent.replaceAll(/\s+/g, ' '));
  assert.match(said, /1 open of 3, 2 dismissed/);
  assert.match(said, /records of a test by grace, \d+ d ago The records 1,x 2,y/);
  assert.match(said, /lacks the scope landfall:write/);
  const buttons = await page.$$eval('main button', (all) => all.map((one) => one.textContent));
  assert.deepEqual(
    buttons.filter((text) => /Dismiss|Replay|Apply/.test(text)),
    [],
  );
  there.issuer.scope = 'landfall:admin landfall:data';
  await leave(page);
});

test('signing out ends the session here, at the issuer, and for the back button', async () => {
  const page = await come('#/jobs');
  await agree(page);
  await until(page, 'the jobs', () => document.querySelector('.jobs .badge'));
  const refresh = await page.evaluate(() => sessionStorage.getItem('landfall.refresh'));
  await Promise.all([page.waitForNavigation(), click(page, 'Sign out')]);
  await until(page, 'the way in', () => document.querySelector('main button'));
  assert.ok(there.issuer.revoked.includes(refresh));
  assert.deepEqual(await stored(page), [[], [], '']);
  await page.goBack();
  await until(page, 'the way in', () => document.querySelector('main button'));
  assert.equal(await page.$('.jobs'), null);
  await leave(page);
});

test('a refusal and a forged answer sign nobody in, and the page says why', async () => {
  const page = await come('#/jobs');
  await agree(page, 'Refuse');
  await until(page, 'why', () =>
    document.querySelector('.note.bad')?.textContent.includes('You said <i>no</i>'),
  );
  assert.equal(page.url(), `${there.console}#/jobs`);
  // A link that somebody sends, with a code of their own.
  await page.goto(`${there.console}?code=stolen&state=guessed&iss=${there.issuer.origin}`);
  await until(page, 'why', () =>
    /does not belong/.test(document.querySelector('.note.bad')?.textContent),
  );
  assert.equal(page.url(), there.console);
  // An ID token that was made for something else.
  for (const wrong of [
    { nonce: 'of another one' },
    { aud: 'another client' },
    { iss: 'https://elsewhere.example' },
    { exp: 1 },
    { aud: ['console', 'more'] },
  ]) {
    there.issuer.wrong = wrong;
    await agree(page);
    await until(page, JSON.stringify(wrong), () =>
      /does not fit/.test(document.querySelector('.note.bad')?.textContent),
    );
    assert.deepEqual(await stored(page), [[], [], '']);
  }
  there.issuer.wrong = {};
  await leave(page);
});

test('somebody whose session has ended keeps the page and may sign in again', async () => {
  const page = await come('#/jobs/job-held');
  await agree(page);
  await until(page, 'the job', () => document.querySelector('h1 .badge'));
  there.issuer.forget();
  there.api.isShut = true;
  await until(page, 'that it is over', () =>
    document.querySelector('.note.warn[role="alert"]')?.textContent.includes('not signed in'),
  );
  assert.ok(await page.$('h1 .badge'), 'what was there is still to be seen');
  there.api.isShut = false;
  await click(page, 'Sign in again');
  await until(page, 'the issuer', () => document.querySelector('h1')?.textContent === 'Issuer');
  await Promise.all([page.waitForNavigation(), click(page, 'Agree')]);
  await until(page, 'the job again', () => document.querySelector('h1 .badge'));
  assert.equal(page.url(), `${there.console}#/jobs/job-held`);
  // The browser tells of each 401 and of the refused refresh token.
  page.complaints = page.complaints.filter((one) => !/status of 40[01]/.test(one));
  await leave(page);
});
