import assert from 'node:assert/strict';
import { test } from 'node:test';
import { href, match, parse } from '../../lib/router.js';

test('a place comes back as it was written', () => {
  for (const path of [
    [],
    ['jobs'],
    ['jobs', 'job-1', 'rejects'],
    ['jobs', 'a/b?c#d %'],
    ['datasets', '<b>'],
  ]) {
    for (const query of [
      {},
      { dataset: 'flights' },
      { label: 'team:a&b=c', status: 'HELD' },
      { q: '#?/ü' },
    ]) {
      assert.deepEqual(parse(href(path, query)), { path, query });
    }
  }
});

test('empty filters are no part of a place', () => {
  assert.equal(href(['jobs'], { dataset: '', status: undefined }), '#/jobs');
});

test('an address that somebody mistyped is a place all the same', () => {
  assert.deepEqual(parse('#/jobs/%zz'), { path: ['jobs', '%zz'], query: {} });
  assert.deepEqual(parse(''), { path: [], query: {} });
});

test('routes name the parts of a path, and what they take', () => {
  const routes = [
    ['/jobs', 'list'],
    ['/jobs/:job', 'one', 'data'],
  ];
  assert.deepEqual(match(routes, ['jobs']), { page: 'list', names: {}, needs: undefined });
  assert.deepEqual(match(routes, ['jobs', 'x']), {
    page: 'one',
    names: { job: 'x' },
    needs: 'data',
  });
  assert.deepEqual(match([['/', 'home', 'read']], []).page, 'home');
  assert.equal(match(routes, ['nowhere']), undefined);
});
