import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  AXE,
  LOOKS,
  api,
  click,
  CONSOLE,
  ended,
  fresh,
  launch,
  leave,
  status,
  stop,
  submit,
  until,
  visit,
  write,
} from './harness.js';

const FIRST_VIEW = 100_000; // Bytes, compressed.
const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>';

const orders = fresh('orders');
const CONTRACT = `name: ${orders}
schema:
  fields:
    - { name: id, type: integer }
    - { name: day, type: date }
    - { name: total, type: number, physicalType: "decimal(10,2)" }
    - { name: note, type: string, constraints: { maxLength: 12 } }
rejects: { limit: 100% }
`;
const rows = (many, first = 0) =>
  Array.from({ length: many }, (_, at) => `${first + at},2026-03-01,${at}.50,fine\n`).join('');
const HEADER = 'id,day,total,note\n';

const statusOf = (badge) => badge.dataset.status;

let browser;
let rejecting;

before(async () => {
  browser = await launch();
  await api('PUT', `/datasets/${orders}`, CONTRACT, 'application/yaml');
  rejecting = await submit(
    orders,
    'rejecting.csv',
    `${HEADER}${rows(20)}20,2026-03-32, 7 ,fine
21,2026-03-02,n/a,fine
22,2026-03-03,1.50
23,2026-03-04,2.50,"${HOSTILE.replaceAll('"', '""')}"
`,
  );
  await ended(rejecting, 'SUCCEEDED');
});
after(() => browser?.close());

test('a file that is dropped lands', async () => {
  const page = await visit(browser, '#/land');
  const dataset = fresh('dropped');
  await page.evaluate(
    (name, text) => {
      const data = new DataTransfer();
      const file = new File([`day;celsius\n${text}`], `${name}.csv`, { type: 'text/csv' });
      data.items.add(file);
      document
        .querySelector('.drop')
        .dispatchEvent(
          new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
        );
    },
    dataset,
    Array.from({ length: 50 }, (_, at) => `2026-03-${10 + (at % 20)};${at},5\n`).join(''),
  );
  const written = () =>
    document
      .querySelector('.editor[data-ready]')
      ?.shadowRoot.querySelector('.cm-content')
      .textContent.includes('celsius');
  await until(page, 'a contract', written);
  // Its guesses have reasons.
  assert.match(await page.$eval('details', (one) => one.innerText), /celsius[^]*type[^]*number/);
  await page.evaluate(AXE);
  assert.deepEqual(await page.evaluate(async () => (await axe.run()).violations), []);
  // What is wrong with it is said while somebody types.
  await write(page, 'wrong: 1');
  await until(page, 'the fault', () =>
    document.querySelector('ul.faults')?.textContent.includes('wrong'),
  );
  for (let turn = 0; turn < 'wrong: 1'.length; turn += 1) await page.keyboard.press('Backspace');
  await until(page, 'that it is gone', () => !document.querySelector('ul.faults'));
  await click(page, 'Register and check');
  await until(page, 'what was checked', () => document.querySelector('#checked'));
  // What is changed then is checked as it stands, and registered only to land.
  await write(page, '# More.');
  await until(page, 'that it is not checked', () => !document.querySelector('#checked'));
  await click(page, 'Check');
  await until(page, 'what was checked again', () => document.querySelector('#checked'));
  assert.equal((await api('GET', `/datasets/${dataset}`)).version, 1);
  await click(page, 'Register and land');
  await until(page, 'the job', () => location.hash.startsWith('#/jobs/'));
  await status(page, 'SUCCEEDED');
  await until(page, 'its file', () => document.querySelector('a.file'));
  const counts = await page.$eval('.bar', (bar) => bar.getAttribute('aria-label'));
  assert.equal(counts, '50 read: 50 stored, 0 rejected, 0 filtered');
  await leave(page);
});

test('a contract is written by hand for a file that the page does not read', async () => {
  const page = await visit(browser, '#/land');
  const dataset = fresh('packed');
  await page.evaluate((name) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array([0x1f, 0x8b, 8, 0])], `${name}.csv.gz`));
    const input = document.querySelector('input[type="file"]');
    input.files = data.files;
    input.dispatchEvent(new Event('change'));
  }, dataset);
  await until(
    page,
    'the beginning of a contract',
    (name) =>
      document
        .querySelector('.editor[data-ready]')
        ?.shadowRoot.querySelector('.cm-content')
        .textContent.includes(`name: ${name}`),
    dataset,
  );
  await until(page, 'what to do', () =>
    document.querySelector('main').textContent.includes('Write its contract below'),
  );
  await leave(page);
});

test('the first rows of a file are shown, as text', async () => {
  const dataset = fresh('previewed');
  const fields = '[{ name: id, type: integer }, { name: note, type: string }]';
  await api(
    'PUT',
    `/datasets/${dataset}`,
    `name: ${dataset}\nschema: { fields: ${fields} }\n`,
    'application/yaml',
  );
  const quoted = `"${HOSTILE.replaceAll('"', '""')}"`;
  const long = 'x'.repeat(5_000);
  const more = Array.from({ length: 80 }, (_, at) => `${at + 3},\n`).join('');
  const job = await submit(
    dataset,
    'rows.csv',
    `id,note\n9007199254740993,${quoted}\n2,${long}\n${more}`,
  );
  await ended(job, 'SUCCEEDED');
  for (const place of [`#/jobs/${job}`, `#/datasets/${dataset}`]) {
    const page = await visit(browser, place);
    await until(page, 'the file', () => document.querySelector('a.file'));
    await click(page, 'Preview');
    await until(page, 'its rows', () => document.querySelectorAll('#first-rows tbody tr').length);
    const cells = await page.$$eval('#first-rows tbody tr', (rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
    assert.equal(cells.length, 50);
    // Not a digit is lost, and a long value is cut.
    assert.deepEqual(cells.slice(0, 3), [
      ['9007199254740993', HOSTILE],
      ['2', `${'x'.repeat(200)}…`],
      ['3', 'null'],
    ]);
    assert.equal(await page.$$eval('main img, main script', (found) => found.length), 0);
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => (await axe.run()).violations);
    assert.deepEqual(violations, []);
    await click(page, 'Close');
    await until(page, 'that they are gone', () => !document.querySelector('#first-rows'));
    await leave(page);
  }
});

test('files and columns are shown as of any commit, beside the commit before', async () => {
  const dataset = fresh('profiled');
  const contract = (fields) =>
    `name: ${dataset}\nschema: { fields: [${fields.map((of) => `{ name: ${of} }`).join(', ')}] }\n`;
  const land = async (fields, name, text) => {
    await api('PUT', `/datasets/${dataset}`, contract(fields), 'application/yaml');
    const job = await submit(dataset, name, text);
    await ended(job, 'SUCCEEDED');
    return job;
  };
  const first = ['n, type: integer', 'who, type: string'];
  const numbers = (many, who, more = '') =>
    Array.from({ length: many }, (_, at) => `${at},${at % 4 ? who : more && 'Ada'}${more}\n`).join(
      '',
    );
  await land(first, 'one.csv', `n,who\n${numbers(40, '<b>Ada</b>')}`);
  const second = await land(
    [...first, 'day, type: date'],
    'two.csv',
    `n,who,day\n${numbers(80, 'Grace', ',2026-03-01')}`,
  );
  const page = await visit(browser, `#/datasets/${dataset}`);
  const columns = () => page.$eval('.profile', (list) => list.innerText.replaceAll(/\s+/g, ' '));
  const of = () => page.$eval('#columns', (title) => title.textContent.replaceAll(/\s+/g, ' '));
  const shown = (sequence) =>
    until(
      page,
      `commit ${sequence}`,
      (wanted) => new RegExp(wanted).test(document.querySelector('#columns')?.textContent),
      `rows of\\s+commit ${sequence}`,
    );
  await until(page, 'both files', () => document.querySelectorAll('a.file').length === 2);
  await shown(1);
  assert.match(await of(), /80 rows of commit 1, beside 40 of commit 0/);
  // What changed is said: fewer nulls, other values, a column that is new.
  assert.match(await columns(), /n integer .*who string Nulls 0 % was 25 %.*Grace 75 %/);
  assert.match(await columns(), /day date new/);
  const drawn = await page.$eval('.spread', (svg) => [
    svg.ariaLabel,
    svg.querySelector('title').textContent,
    svg.querySelectorAll('rect').length,
    svg.querySelectorAll('path').length,
  ]);
  const said =
    'Histogram of n, from 0 to 80. The fullest of 20 ranges is 0 to 4, with 5 %; ' +
    'in the commit before it was 0 to 2, with 5 %.';
  assert.deepEqual(drawn, [said, '0 to 4: 5 %', 20, 1]);
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await axe.run()).violations);
  assert.deepEqual(violations, []);
  // The commit before, by its choice and by its address.
  await page.select('.panel:has(#files) select', '0');
  await shown(0);
  await until(page, 'one file', () => document.querySelectorAll('a.file').length === 1);
  assert.ok(page.url().endsWith('at=0'), page.url());
  await page.reload();
  await shown(0);
  assert.equal((await page.$$('a.file')).length, 1);
  assert.doesNotMatch(await of(), /beside/);
  assert.match(await columns(), /<b>Ada<\/b> 100 %/);
  await page.select('.panel:has(#files) select', '');
  await until(page, 'both files again', () => document.querySelectorAll('a.file').length === 2);
  // The job of a commit shows the same.
  await page.evaluate((id) => {
    location.hash = `#/jobs/${id}`;
  }, second);
  await shown(1);
  assert.match(await of(), /beside 40 of commit 0/);
  await leave(page);
});

test('rejects are mended, by a rule and by hand, until none is open', async () => {
  const page = await visit(browser, `#/jobs/${rejecting}/rejects`);
  await until(page, 'four records', () => document.querySelectorAll('.grid tbody').length === 4);
  const type = async (label, text) => {
    const input = await page.waitForSelector(`.grid input[aria-label^="${label}"]`);
    await input.click({ clickCount: 3 });
    await input.type(text);
  };
  // One at a time: what is left stays open.
  await type('note, line 25', 'short');
  await click(page, 'Replay 1 mended');
  await until(page, 'three left', () =>
    document.querySelector('h1').textContent.includes('3 open of 4'),
  );
  await until(page, 'three records', () => document.querySelectorAll('.grid tbody').length === 3);
  // Whoever comes later sees the same.
  await page.reload();
  await until(
    page,
    'three records again',
    () => document.querySelectorAll('.grid tbody').length === 3,
  );
  // Then many: a rule for the cells, and the rest by hand.
  await click(page, 'Apply');
  await until(page, 'that the rule changed one', () =>
    document.querySelector('.rules').textContent.includes('1 reject changed'),
  );
  await type('day, line 22', '2026-03-31');
  await type('total, line 23', '4.25');
  await type('note, line 24', 'there');
  await click(page, 'Replay 3 mended');
  await until(page, 'that none is open', () =>
    document.querySelector('h1').textContent.includes('0 open of 4'),
  );
  await leave(page);
  const job = await api('GET', `/jobs/${rejecting}`);
  assert.equal(job.rejects.open, 0);
  assert.deepEqual(
    job.rejects.replays.map((child) => child.landed),
    [1, 3],
  );
});

test('a rule is suggested for a fault, filled in and applied', async () => {
  const job = await submit(
    orders,
    'units.csv',
    `${HEADER}${rows(5, 800)}810,2026-03-01,1.50 EUR,a\n811,2026-03-01,2.50 EUR,b\n`,
  );
  await ended(job, 'SUCCEEDED');
  const page = await visit(browser, `#/jobs/${job}/rejects`);
  await until(page, 'what may mend them', () =>
    document.querySelector('.repair')?.textContent.includes('Remove  EUR'),
  );
  await page.click('.faults li:nth-child(2) button');
  await until(page, 'the rule', () =>
    [...document.querySelectorAll('.rules input')].some((input) => input.value === ' EUR'),
  );
  await click(page, 'Apply');
  await until(page, 'that both are changed', () =>
    document.querySelector('.rules').textContent.includes('2 rejects changed'),
  );
  // Nothing is left to be suggested.
  assert.equal(await page.$('.repair'), null);
  await page.evaluate(AXE);
  assert.deepEqual(await page.evaluate(async () => (await axe.run()).violations), []);
  await click(page, 'Replay 2 mended');
  await until(page, 'that none is open', () =>
    document.querySelector('h1').textContent.includes('0 open of 2'),
  );
  await leave(page);
});

test('rejects are dismissed with a reason, one by one and by fault, and seen', async () => {
  const job = await submit(
    orders,
    'dismissed.csv',
    `${HEADER}${rows(5, 700)}710,x,1.00,a\n711,y,1.00,b\n712,2026-03-01,z,<i>c</i>\n`,
  );
  await ended(job, 'SUCCEEDED');
  const page = await visit(browser, `#/jobs/${job}/rejects`);
  await until(page, 'three records', () => document.querySelectorAll('.grid tbody').length === 3);
  const why = async (text) => {
    await page.waitForSelector('dialog[open] textarea');
    await page.type('dialog textarea', text);
  };
  // Nobody dismisses without a reason, and blanks are none.
  await page.click('button[aria-label="Dismiss line 9"]');
  await why('  ');
  await page.evaluate(() => document.querySelector('dialog button[value="yes"]').click());
  assert.ok(await page.$eval('dialog textarea', (field) => !field.validity.valid));
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await axe.run()).violations);
  assert.deepEqual(violations, []);
  await click(page, 'Go back');
  await until(page, 'that the question is gone', () => !document.querySelector('dialog'));
  assert.equal((await api('GET', `/jobs/${job}`)).rejects.open, 3);
  await page.click('button[aria-label="Dismiss line 9"]');
  await why('a test <b>order</b>');
  await page.evaluate(() => document.querySelector('dialog button[value="yes"]').click());
  await until(page, 'two left', () =>
    document.querySelector('h1').textContent.includes('2 open of 3, 1 dismissed'),
  );
  const dismissed = () =>
    page.$eval('.dismissed', (list) => list.textContent.replaceAll(/\s+/g, ' '));
  assert.match(await dismissed(), /1 a test <b>order<\/b> just now .*712,2026-03-01,z,<i>c<\/i>/);
  // The rest has one fault, and goes at once.
  await page.evaluate(() => {
    [...document.querySelectorAll('.faults button')]
      .find((one) => one.textContent.includes('type-error'))
      .click();
  });
  await click(page, 'Dismiss 2');
  await why('days of the old till');
  await page.evaluate(() => document.querySelector('dialog button[value="yes"]').click());
  await until(page, 'that none is open', () =>
    document.querySelector('main').textContent.includes('No reject is open'),
  );
  // Whoever comes later sees the same, here and at the job.
  await page.reload();
  await until(page, 'both again', () => document.querySelectorAll('.dismissed li').length === 2);
  assert.match(await dismissed(), /2 days of the old till/);
  await page.evaluate((id) => {
    location.hash = `#/jobs/${id}`;
  }, job);
  await until(page, 'the same at the job', () =>
    /Dismissed.*2 rejects: days of the old till/s.test(
      document.querySelector('.facts')?.textContent,
    ),
  );
  await leave(page);
  const { rejects } = await api('GET', `/jobs/${job}`);
  assert.deepEqual(
    [rejects.open, rejects.dismissed.map((some) => [some.why, some.count])],
    [
      0,
      [
        ['a test <b>order</b>', 1],
        ['days of the old till', 2],
      ],
    ],
  );
});

test('what is rejected again stays, with what was typed', async () => {
  const job = await submit(
    orders,
    'again.csv',
    `${HEADER}${rows(5, 100)}200,2026-13-01,1.00,x\n201,2026-13-02,1.00,x\n`,
  );
  await ended(job, 'SUCCEEDED');
  const page = await visit(browser, `#/jobs/${job}/rejects`);
  for (const [line, text] of [
    [7, '2026-14-01'],
    [8, '2026-12-02'],
  ]) {
    const input = await page.waitForSelector(`.grid input[aria-label^="day, line ${line}"]`);
    await input.click({ clickCount: 3 });
    await input.type(text);
  }
  await click(page, 'Replay 2 mended');
  await until(page, 'that it was rejected again', () =>
    document.querySelector('.note.warn')?.textContent.includes('1 rejected again'),
  );
  await until(page, 'one left', () => document.querySelectorAll('.grid tbody').length === 1);
  assert.equal(
    await page.$eval('.grid input[aria-label^="day"]', (found) => found.value),
    '2026-14-01',
  );
  await leave(page);
});

test('rejects in another encoding are mended, and what is not typed keeps its bytes', async () => {
  const dataset = fresh('latin');
  await api(
    'PUT',
    `/datasets/${dataset}`,
    `name: ${dataset}
encoding: windows-1252
schema:
  fields:
    - { name: name, type: string }
    - { name: day, type: date }
    - { name: note, type: string }
rejects: { limit: 100% }
`,
    'application/yaml',
  );
  // ë and ü are one byte each, which is not valid UTF-8.
  const text = 'name;day;note\nJosé;2026-01-01;a\nZoë;2026-13-01;früh\n';
  const job = await submit(dataset, 'latin.csv', Buffer.from(text, 'latin1'));
  await ended(job, 'SUCCEEDED');
  const page = await visit(browser, `#/jobs/${job}/rejects`);
  await until(page, 'the encoding', () =>
    document.querySelector('.note')?.textContent.includes('records are in windows-1252'),
  );
  const type = async (label, value) => {
    const input = await page.waitForSelector(`.grid input[aria-label^="${label}"]`);
    await input.click({ clickCount: 3 });
    await input.type(value);
  };
  assert.equal(await page.$eval('.grid input', (input) => input.value), 'Zoë');
  // A character that the encoding lacks can't be sent.
  await type('note, line 3', 'Ω');
  await until(page, 'why not', () => document.querySelector('.note [role="alert"]'));
  assert.ok(await page.$eval('.head button.main', (button) => button.disabled));
  await type('note, line 3', '5 €');
  await type('day, line 3', '2026-12-01');
  await click(page, 'Replay 1 mended');
  await until(page, 'that none is open', () =>
    document.querySelector('h1').textContent.includes('0 open of 1'),
  );
  await page.goto(`${CONSOLE}#/datasets/${dataset}`);
  const notes = [];
  for (let at = 0; at < 2; at += 1) {
    await until(page, 'the files', () => document.querySelectorAll('a.file').length === 2);
    await page.evaluate((which) => {
      [...document.querySelectorAll('td button.plain')][which].click();
    }, at);
    await until(page, 'rows', () => document.querySelector('#first-rows tbody tr'));
    notes.push(
      await page.$eval('#first-rows tbody tr', (row) =>
        [...row.cells].map((cell) => cell.textContent).slice(0, 3),
      ),
    );
    await click(page, 'Close');
    await until(page, 'that they are gone', () => !document.querySelector('#first-rows'));
  }
  assert.deepEqual(notes.sort(), [
    ['José', '2026-01-01', 'a'],
    ['Zoë', '2026-12-01', '5 €'],
  ]);
  await leave(page);
});

test('rejects of several headers are mended one header at a time', async () => {
  const page = await visit(browser, '#/jobs');
  const sent = [];
  const answers = {
    'GET /jobs/job-two': {
      job: 'job-two',
      dataset: 'orders',
      status: 'SUCCEEDED',
      source: { prefix: 'inbox/orders/' },
      counts: { read: 9, stored: 6, rejected: 3, filtered: 0 },
      rejects: { open: 3, replays: [] },
      created: '2026-03-01T00:00:00Z',
      updated: '2026-03-01T00:00:01Z',
    },
    'GET /jobs/job-two/rejects': {
      rows: 3,
      url: '/first.csv',
      layouts: [
        { layout: 0, rows: 1, encoding: 'utf-8', rejects: [[1, 1]] },
        {
          layout: 1,
          rows: 2,
          encoding: 'utf-8',
          rejects: [
            [0, 1],
            [2, 1],
          ],
        },
      ],
    },
    'GET /jobs/job-two/rejects?layout=1': { rows: 3, url: '/second.csv' },
    'GET /jobs/job-two/errors?limit=1': { items: [], url: '/errors.jsonl' },
    'GET /jobs/job-child': {
      job: 'job-child',
      dataset: 'orders',
      status: 'SUCCEEDED',
      source: { key: 'jobs/job-child/mended-1.csv' },
      counts: { read: 1, stored: 1, rejected: 0, filtered: 0 },
    },
  };
  const texts = {
    '/first.csv': 'id,day\n7,x\n',
    '/second.csv': 'day;id\ny;8\nz;9\n',
    '/errors.jsonl': [8, 7, 9]
      .map((id) => `{"record":${id},"line":${id},"error":"type-error","message":"of ${id}"}\n`)
      .join(''),
  };
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const url = new URL(request.url());
    const call = `${request.method()} ${/\/jobs\/.*/.exec(url.pathname)?.[0]}${url.search}`;
    const text = texts[url.pathname];
    if (call === 'POST /jobs/job-two/replay') sent.push(JSON.parse(request.postData()));
    const answer = call.startsWith('POST /jobs/job-two')
      ? { job: 'job-child', status: 'RUNNING' }
      : answers[call];
    if (text === undefined && answer === undefined) request.continue();
    else request.respond({ status: 200, body: text ?? JSON.stringify(answer) });
  });
  // The URLs of files lead to the console's own origin.
  const home = new URL(CONSOLE).origin;
  for (const answer of Object.values(answers)) if (answer.url) answer.url = home + answer.url;
  await page.evaluate(() => {
    location.hash = '#/jobs/job-two/rejects?layout=1';
  });
  await until(page, 'two records', () => document.querySelectorAll('.grid tbody').length === 2);
  const said = await page.$$eval('.grid .said li', (all) =>
    all.map((one) => one.textContent.trim()),
  );
  assert.deepEqual(said, ['of 8', 'of 9']);
  const input = await page.$('.grid input[aria-label^="day, line 9"]');
  await input.click({ clickCount: 3 });
  await input.type('2026-01-01');
  await click(page, 'Replay 1 mended');
  await until(page, 'one left', () => document.querySelectorAll('.grid tbody').length === 1);
  assert.deepEqual(sent, [{ csv: 'day;id\n2026-01-01;9\n', rejects: [1], layout: 1 }]);
  await page.select('.filters select', '0');
  await until(page, 'the other header', () =>
    document.querySelector('.grid .said')?.textContent.includes('of 7'),
  );
  assert.ok(page.url().endsWith('layout=0'));
  await leave(page);
});

test('a held job shows what it would change, and lands once it is approved', async () => {
  const job = await submit(orders, 'held.csv', HEADER + rows(30, 300), { commit: 'hold' });
  await ended(job, 'HELD');
  const list = await visit(browser, `#/jobs?dataset=${orders}`);
  await until(list, 'the job among what needs somebody', () =>
    document.querySelector('.waiting')?.textContent.includes('held.csv'),
  );
  await leave(list);
  const page = await visit(browser, `#/jobs/${job}`);
  await until(page, 'what it would change', () =>
    document.querySelector('.note.warn')?.textContent.includes('Rows to add'),
  );
  await click(page, 'Approve');
  await page.waitForSelector('dialog[open]');
  await click(page, 'Approve');
  await status(page, 'SUCCEEDED');
  await leave(page);
});

test('a job is pushed over the socket, from its shards to its end', async () => {
  const page = await visit(browser, '#/jobs');
  const pushed = [];
  const session = await page.createCDPSession();
  session.on('Network.webSocketFrameReceived', ({ response }) =>
    pushed.push(JSON.parse(response.payloadData)),
  );
  await session.send('Network.enable');
  const job = await submit(orders, 'pushed.csv', HEADER + rows(300_000, 5_000_000), {
    shardBytes: 1_000_000,
    commit: 'hold',
  });
  await page.evaluate((id) => {
    location.hash = `#/jobs/${id}`;
  }, job);
  await status(page, 'HELD');
  // Somebody else approves it.
  await api('POST', `/jobs/${job}/approve`);
  await status(page, 'SUCCEEDED');
  const seen = pushed.filter((message) => message.job === job);
  const shown = (wanted) => seen.find((message) => message.status === wanted);
  assert.equal(shown('HELD').progress.shards, shown('HELD').planned.shards);
  assert.equal(shown('HELD').progress.read, 300_000);
  assert.ok(shown('SUCCEEDED').isOver);
  // Each shard has a bar, and the slowest a row.
  const { count } = await api('GET', `/jobs/${job}/shards`);
  await until(
    page,
    'all shards done',
    (many) => document.querySelector('#shards')?.textContent.includes(`${many} done`),
    count,
  );
  assert.equal((await page.$$('.bars rect')).length, count);
  assert.ok((await page.$$('.shards tbody tr')).length >= 1);
  // And on the timeline it has its time, which is within that of the states.
  const segments = await page.$$eval('.lane i.done', (all) => all.length);
  assert.equal(segments, count);
  const [tracks, lanes] = await page.evaluate(() =>
    ['.timeline .track', '.lane i'].map((of) => {
      const boxes = [...document.querySelectorAll(of)].map((one) => one.getBoundingClientRect());
      return {
        left: Math.min(...boxes.map((box) => box.left)),
        right: Math.max(...boxes.map((box) => box.right)),
        least: Math.min(...boxes.map((box) => box.width)),
      };
    }),
  );
  assert.ok(lanes.left >= tracks.left && lanes.right <= tracks.right + 1);
  assert.ok(lanes.least >= 6, `${lanes.least}`);
  await click(page, `Show all ${count}`);
  await until(
    page,
    'all shards',
    (many) => document.querySelectorAll('.shards tbody tr').length === many,
    count,
  );
  await page.evaluate(AXE);
  assert.deepEqual(await page.evaluate(async () => (await axe.run()).violations), []);
  await session.detach();
  await leave(page);
});

test('the progress of a job says what records are rejected for, where that is told', async () => {
  const page = await visit(browser, '#/jobs');
  const shown = (faults) =>
    page.evaluate(async (told) => {
      const module = (path) => import(new URL(path, document.baseURI));
      const { render } = await module('vendor/lit-html/lit-html.js');
      const { progress } = await module('parts/progress.js');
      const counts = { shards: 1, bytes: 5, read: 20, stored: 5, rejected: 15, filtered: 0 };
      const place = document.createElement('div');
      render(progress({ progress: { ...counts, faults: told } }), place);
      return place.querySelector('.rejected-for')?.textContent.replaceAll(/\s+/g, ' ').trim();
    }, faults);
  assert.equal(
    await shown({ 'constraint-error': 3, 'type-error': 1200 }),
    'Rejected so far for type-error 1,200 constraint-error 3',
  );
  assert.equal(await shown(undefined), undefined);
  assert.equal(await shown({}), undefined);
  await leave(page);
});

test('a held job is refused, but not by whoever goes back', async () => {
  const job = await submit(orders, 'refused.csv', HEADER + rows(30, 400), { commit: 'hold' });
  await ended(job, 'HELD');
  const page = await visit(browser, `#/jobs/${job}`);
  await click(page, 'Refuse');
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  await until(page, 'that the question is gone', () => !document.querySelector('dialog'));
  assert.equal((await api('GET', `/jobs/${job}`)).status, 'HELD');
  await click(page, 'Refuse');
  await page.waitForSelector('dialog[open]');
  await click(page, 'Refuse');
  await status(page, 'CANCELLED');
  await leave(page);
});

test('a job that runs is cancelled', async () => {
  // Three shards: long enough to be cancelled, and little beside other tests.
  const job = await submit(orders, 'long.csv', HEADER + rows(1_000_000, 1000), {
    shardBytes: 12_000_000,
  });
  const page = await visit(browser, `#/jobs/${job}`);
  await click(page, 'Cancel job');
  await page.waitForSelector('dialog[open]');
  await click(page, 'Cancel job');
  await status(page, 'CANCELLED');
  await leave(page);
});

test('a job that was stopped is redriven, and goes on where it was', async () => {
  const total = 1_000_000;
  let job;
  let found;
  // A fast machine may be done before it is stopped.
  for (let turn = 0; turn < 5 && found?.status !== 'FAILED'; turn += 1) {
    job = await submit(orders, 'stopped.csv', HEADER + rows(total, 2_000_000 + turn * total), {
      shardBytes: 4_000_000,
    });
    await stop(job);
    found = await ended(job, 'FAILED').catch(() => undefined);
  }
  assert.equal(found?.status, 'FAILED');
  const page = await visit(browser, `#/jobs/${job}`);
  await click(page, 'Redrive');
  await status(page, 'SUCCEEDED');
  assert.equal(
    await page.$eval('.bar', (bar) => bar.getAttribute('aria-label')),
    '1,000,000 read: 1,000,000 stored, 0 rejected, 0 filtered',
  );
  await leave(page);
});

test('whoever reloads in the middle of a job misses nothing of it', async () => {
  const job = await submit(orders, 'reloaded.csv', HEADER + rows(1_000_000, 9_000_000), {
    shardBytes: 4_000_000,
  });
  const page = await visit(browser, `#/jobs/${job}`);
  const machine = () =>
    page.$eval('.machine svg', (svg) =>
      Object.fromEntries(
        svg.ariaLabel
          .replace(/^State machine\. /, '')
          .split(', ')
          .map((one) => one.split(': ')),
      ),
    );
  const seen = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await until(page, 'the state machine', () => document.querySelector('.machine svg'));
    seen.push({ states: await machine(), status: await page.$eval('h1 .badge', statusOf) });
    await page.reload();
  }
  await status(page, 'SUCCEEDED');
  // The job may end a moment before its execution.
  await until(page, 'the end of the execution', () =>
    /Landed: done/.test(document.querySelector('.machine svg')?.ariaLabel),
  );
  seen.push({ states: await machine(), status: 'SUCCEEDED' });
  assert.notEqual(seen[0].status, 'SUCCEEDED', 'it was reloaded in the middle');
  // States that were done stay done, and all states of the execution are there in the end.
  const isDone = ([, word]) => word === 'done';
  for (let at = 1; at < seen.length; at += 1) {
    for (const [state] of Object.entries(seen[at - 1].states).filter(isDone))
      assert.equal(seen[at].states[state], 'done', JSON.stringify(seen));
  }
  const { states } = await api('GET', `/jobs/${job}/execution`);
  assert.deepEqual(
    Object.keys(seen.at(-1).states).sort(),
    [...new Set(states.map((visit) => visit.name))].sort(),
  );
  assert.equal(
    await page.$eval('.bar', (bar) => bar.getAttribute('aria-label')),
    '1,000,000 read: 1,000,000 stored, 0 rejected, 0 filtered',
  );
  await leave(page);
});

test('a failed job says why, and what to do', async () => {
  const job = await submit(orders, 'drift.csv', 'name,email\nAda,a@example.org\n');
  await ended(job, 'FAILED');
  const page = await visit(browser, `#/jobs/${job}`);
  await until(page, 'why', () =>
    /SchemaDrift[^]*in Ingest[^]*What to do/.test(document.querySelector('.note.bad')?.textContent),
  );
  // The cause tells no values, and whoever may see records sees what the header has.
  await until(page, 'what stands in the header', () =>
    /Column 1 is not in the contract: name stands there/.test(
      document.querySelector('.note .told')?.textContent,
    ),
  );
  await leave(page);
});

test('names and values are text, whatever they hold', async () => {
  const job = await submit(
    orders,
    `${HOSTILE.replaceAll('/', '∕')}.csv`,
    `${HEADER}${HOSTILE.replaceAll('"', '')},2026-03-01,1,"${HOSTILE.replaceAll('"', '""')}"\n`,
    { labels: { team: HOSTILE } },
  );
  await ended(job, 'FAILED').catch(() => ended(job, 'SUCCEEDED'));
  for (const place of [
    '#/jobs',
    `#/jobs/${job}`,
    `#/jobs/${job}/rejects`,
    `#/datasets/${orders}`,
    `#/jobs?label=${encodeURIComponent(`team:${HOSTILE}`)}`,
  ]) {
    const page = await visit(browser, place);
    await until(page, 'what was loaded', () => !document.querySelector('.loading'));
    if (place.endsWith(job) || place === '#/jobs') {
      await until(page, 'the name as text', () =>
        document.body.textContent.includes('<img src=x onerror=alert(1)>'),
      );
    }
    assert.equal(await page.$$eval('main img, main script', (found) => found.length), 0, place);
    await leave(page);
  }
});

test('a contract is changed in an editor, which shows its faults at their lines', async () => {
  const dataset = fresh('edited');
  const first = `name: ${dataset}\nschema:\n  fields:\n    - { name: id, type: integer }\n`;
  await api('PUT', `/datasets/${dataset}`, first, 'application/yaml');
  const page = await visit(browser, `#/datasets/${dataset}`);
  const checks = [];
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (!request.url().endsWith('/check')) return request.continue();
    const line = request
      .postData()
      .split('\n')
      .findIndex((one) => one.includes('wron'));
    const fault = { path: 'schema', line: line + 1, column: 26, message: '`wron` is no type' };
    checks.push(request.postData());
    return request.respond({
      headers: { 'access-control-allow-origin': '*' },
      contentType: 'application/json',
      body: JSON.stringify({ faults: line < 0 ? [] : [fault] }),
    });
  });
  await click(page, 'Edit');
  await until(page, 'the editor', () => document.querySelector('.editor[data-ready]'));
  const within = (selector) =>
    page.evaluate(
      (wanted) =>
        [...document.querySelector('.editor').shadowRoot.querySelectorAll(wanted)].map(
          (one) => one.textContent,
        ),
      selector,
    );
  // The policy forbids style elements. Without any style, lines would overlap.
  const looks = await page.evaluate(() => {
    const { shadowRoot } = document.querySelector('.editor');
    const gutter = shadowRoot.querySelector('.cm-gutters');
    return [shadowRoot.querySelectorAll('style').length, getComputedStyle(gutter).display];
  });
  assert.deepEqual(looks, [0, 'flex']);
  await page.evaluate(() => {
    document.querySelector('.editor').shadowRoot.querySelector('.cm-content').focus();
  });
  await page.keyboard.down('Control');
  await page.keyboard.press('End');
  await page.keyboard.up('Control');
  // Completion offers the keys that the field lacks.
  await page.keyboard.type('    - { name: day, ty');
  const offered = async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const found = await within('.cm-completionLabel');
      if (found.length) return found;
      await new Promise((done) => setTimeout(done, 50));
    }
    return [];
  };
  assert.equal((await offered())[0], 'type');
  await page.keyboard.press('Escape');
  await page.keyboard.type('pe: wron }');
  await until(page, 'the fault', () =>
    document.querySelector('ul.faults')?.textContent.includes('wron is no type'),
  );
  assert.deepEqual((await within('.cm-lintRange-error')).length, 1);
  assert.ok(checks.at(-1).includes('wron'), 'what is typed is what is asked about');
  await page.evaluate(AXE);
  for (const theme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    const violations = await page.evaluate(async () =>
      (await axe.run()).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' ')}`,
      ),
    );
    assert.deepEqual(violations, [], theme);
  }
  // The API refuses to register it, with a fault at the same place.
  await click(page, 'Register');
  await until(page, 'what the API says', () =>
    /Line 5/.test(document.querySelector('ul.faults')?.textContent),
  );
  await click(page, 'Line 5, 26');
  for (let turn = 0; turn < 4; turn += 1) await page.keyboard.press('Delete');
  await page.keyboard.type('date');
  await until(page, 'that nothing is wrong', () => !document.querySelector('ul.faults'));
  await click(page, 'Register');
  await until(page, 'the second version', () =>
    document.querySelector('.diff')?.textContent.includes('name: day, type: date'),
  );
  // The browser logs each answer that is a problem.
  page.complaints = page.complaints.filter((one) => !one.includes('422'));
  await leave(page);
  assert.equal((await api('GET', `/datasets/${dataset}`)).version, 2);
});

test('a text is tried on the last file before it is registered', async () => {
  const dataset = fresh('tried');
  await api(
    'PUT',
    `/datasets/${dataset}`,
    `name: ${dataset}\nschema: { fields: [{ name: id, type: integer }] }\n`,
    'application/yaml',
  );
  const job = await submit(dataset, 'tried.csv', `id\n${[1, 2, 3, 4, 5, 'x'].join('\n')}\n`);
  await ended(job, 'SUCCEEDED');
  const page = await visit(browser, `#/datasets/${dataset}`);
  await click(page, 'Edit');
  // Before the braces and the bracket that end the line.
  await write(page, ', constraints: { maximum: 2 }', ' }] }\n'.length);
  await click(page, 'Try on the last file');
  await until(page, 'the difference', () =>
    document
      .querySelector('.tried.warn')
      ?.textContent.includes('would reject 3 more: 4 of 6 records, where version 1 rejects 1.'),
  );
  assert.match(await page.$eval('.tried', (note) => note.innerText), /line 4 id/);
  // Nothing was done.
  const { items } = await api('GET', `/jobs?dataset=${dataset}`);
  assert.equal(items.length, 1);
  assert.equal((await api('GET', `/datasets/${dataset}`)).version, 1);
  await leave(page);
});

test('filters are in the address, and Back undoes them', async () => {
  const page = await visit(browser, `#/jobs?dataset=${orders}&status=SUCCEEDED`);
  await until(
    page,
    'the jobs that are asked for',
    () => document.querySelectorAll('.jobs .badge').length > 0,
  );
  const found = await page.$$eval('.jobs .badge', (badges) =>
    badges.map((badge) => badge.dataset.status),
  );
  assert.deepEqual([...new Set(found)], ['SUCCEEDED']);
  await page.select('.filters label:nth-child(2) select', 'CANCELLED');
  await until(page, 'the other filter in the address', () =>
    location.hash.includes('status=CANCELLED'),
  );
  await leave(page);
});

test('the first of what needs somebody are shown, and the others when asked for', async () => {
  const dataset = fresh('many');
  await api(
    'PUT',
    `/datasets/${dataset}`,
    `name: ${dataset}\nschema: { fields: [{ name: id, type: integer }] }\n` +
      'rejects: { limit: 100% }\n',
    'application/yaml',
  );
  const jobs = await Promise.all(
    Array.from({ length: 7 }, (_, at) => submit(dataset, `${at}.csv`, `id\n${at}\nx${at}\n`)),
  );
  await Promise.all(jobs.map((job) => ended(job, 'SUCCEEDED')));
  const page = await visit(browser, `#/jobs?dataset=${dataset}`);
  await until(page, 'five', () => document.querySelectorAll('.waiting li').length === 5);
  assert.equal(await page.$eval('.waiting .tally', (tally) => tally.textContent), '7');
  await click(page, 'Show 2 more');
  await until(page, 'all', () => document.querySelectorAll('.waiting li').length === 7);
  await page.goto(`${CONSOLE}#/datasets/${dataset}`);
  await until(page, 'four', () => document.querySelectorAll('.rejecting > li').length === 4);
  assert.match(await page.$eval('.rejecting', (list) => list.innerText), /\d\.csv[^]*1 open/);
  await click(page, 'Show 3 more');
  await until(page, 'seven', () => document.querySelectorAll('.rejecting > li').length === 7);
  await leave(page);
});

test('everything is reached by the keyboard, and shows that it is', async () => {
  const page = await visit(browser, '#/jobs');
  await until(page, 'what was loaded', () => !document.querySelector('.loading'));
  await page.evaluate(() => document.body.focus());
  const unseen = [];
  for (let turn = 0; turn < 400; turn += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === document.body || focused.dataset.seen) return undefined;
      focused.dataset.seen = 'yes';
      return {
        name: focused.outerHTML.slice(0, 90),
        outline: getComputedStyle(focused).outlineStyle,
      };
    });
    if (!at) break;
    if (at.outline === 'none') unseen.push(at.name);
  }
  const missed = await page.$$eval(
    ':is(a[href], button:enabled, input, select):not([data-seen])',
    (all) => all.map((one) => one.outerHTML.slice(0, 90)),
  );
  assert.deepEqual([unseen, missed], [[], []]);
  await leave(page);
});

test('pages are accessible, wide and narrow, light and dark', async () => {
  const held = await submit(orders, 'seen.csv', HEADER + rows(30, 500), { commit: 'hold' });
  await ended(held, 'HELD');
  const failed = await submit(orders, 'seen-failed.csv', 'a,b\n1,2\n');
  await ended(failed, 'FAILED');
  const rejects = await submit(
    orders,
    'seen-rejects.csv',
    `${HEADER}${rows(5, 600)}7,2026-13-01,1.00,x\n`,
  );
  await ended(rejects, 'SUCCEEDED');
  await api('PUT', `/datasets/${orders}`, `${CONTRACT}# Two.\n`, 'application/yaml');
  const places = [
    '#/jobs',
    `#/jobs/${held}`,
    `#/jobs/${failed}`,
    `#/jobs/${rejects}`,
    `#/jobs/${rejects}/rejects`,
    '#/land',
    '#/datasets',
    `#/datasets/${orders}?version=2`,
    '#/nowhere',
  ];
  for (const place of places) {
    const page = await visit(browser, place);
    await until(page, 'what was loaded', () => !document.querySelector('.loading'));
    await page.evaluate(AXE);
    for (const [width, theme] of LOOKS) {
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      const found = await page.evaluate(async () =>
        (await axe.run(document)).violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' ')}`,
        ),
      );
      assert.deepEqual(found, [], `${place} at ${width}, ${theme}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${place} is ${over} pixels wider than a page of ${width}`);
    }
    await leave(page);
  }
  await api('POST', `/jobs/${held}/refuse`);
});

test('the first view is small', async () => {
  const page = await browser.newPage();
  const bodies = [];
  const home = CONSOLE.replace(/[^/]*$/, '');
  page.on('response', (response) => {
    if (response.url().startsWith(home))
      bodies.push(
        response
          .buffer()
          .then((body) => [response.url().slice(home.length), gzipSync(body).length]),
      );
  });
  await page.goto(`${CONSOLE}#/jobs`);
  await page.waitForSelector('main h1');
  await until(page, 'what was loaded', () => !document.querySelector('.loading'));
  const files = await Promise.all(bodies);
  // Large libraries are loaded where they are needed.
  assert.deepEqual(
    files.map(([name]) => name).filter((name) => /hyparquet|fzstd|codemirror/.test(name)),
    [],
  );
  const total = files.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first view: ${total} bytes compressed, ${files.length} files`);
  assert.ok(total < FIRST_VIEW, JSON.stringify(files));
  await page.close();
});
