import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { options, placeAt } from '../../lib/complete.js';

const schema = JSON.parse(
  readFileSync(new URL('../../../docs/reference/contract.schema.json', import.meta.url)),
);

/** Where `‸` is in a text. */
function at(marked) {
  const offset = marked.indexOf('‸');
  return [marked.replace('‸', ''), offset];
}
const place = (marked) => {
  const { path, kind, key, word } = placeAt(...at(marked));
  return `${[...path, ...(key === undefined ? [] : [key])].join('.')} ${kind} ${word}`.trim();
};
const labels = (marked) => options(schema, ...at(marked)).options.map(({ label }) => label);

test('a place is known in blocks and in braces', () => {
  for (const [marked, expected] of [
    ['‸', 'key'],
    ['na‸', 'key na'],
    ['name: a‸', 'name value a'],
    ['name: ‸', 'name value'],
    ['schema:\n  ‸', 'schema key'],
    ['schema:\n‸', 'key'],
    ['schema:\n  fields:\n    - na‸', 'schema.fields.0 key na'],
    ['schema:\n  fields:\n  - name: a\n  - name: b\n    ty‸', 'schema.fields.1 key ty'],
    ['schema:\n  fields:\n    - name: a\n      type: ‸', 'schema.fields.0.type value'],
    ['schema:\n  fields:\n    - { name: a, ty‸', 'schema.fields.0 key ty'],
    ['schema:\n  fields:\n    - { name: a, type: in‸ }', 'schema.fields.0.type value in'],
    ['schema:\n  fields:\n    - { name: a }\n    - { ‸ }', 'schema.fields.1 key'],
    ['schema: { fields: [{ name: a }, { na‸', 'schema.fields.1 key na'],
    [
      'schema:\n  fields:\n    - { name: a,\n        constraints: { req‸',
      'schema.fields.0.constraints key req',
    ],
    ['description: |\n  name: x\n  more\noutput:\n  mo‸', 'output key mo'],
    ['{"name": "a", "output": {"mode": "‸"}}', 'output.mode value "'],
    ['# name: x\nout‸', 'key out'],
    ['output:\n  ‸\nrejects: { limit: 1% }', 'output key'],
  ]) {
    assert.equal(place(marked), expected, marked);
  }
});

test('keys are those of the schema that are not there', () => {
  const all = labels('name: a\n‸');
  assert.ok(all.includes('schema') && all.includes('output') && !all.includes('name'));
  assert.ok(labels('output:\n  ‸').includes('partitionBy') || labels('output:\n  ‸').length > 3);
  assert.deepEqual(labels('nothing:\n  ‸'), []);
});

test('what a field may have depends on its type', () => {
  const field = (text) => labels(`schema:\n  fields:\n    - { name: a, ${text} }`);
  assert.ok(field('type: datetime, ‸').includes('timezone'));
  assert.ok(!field('type: integer, ‸').includes('timezone'));
  assert.ok(field('type: integer, constraints: { ‸ }').includes('minimum'));
  assert.ok(!field('type: string, constraints: { ‸ }').includes('minimum'));
  assert.deepEqual(field('type: date, physicalType: ‸'), ['date32']);
  assert.ok(field('type: integer, physicalType: ‸').includes('uint16'));
});

test('values are those that may stand there', () => {
  assert.ok(labels('schema:\n  fields:\n    - type: ‸').includes('datetime'));
  assert.deepEqual(labels('output: { format: csv, compression: ‸ }'), ['zstd', 'gzip', 'none']);
  assert.deepEqual(labels('dialect:\n  header: ‸'), ['true', 'false']);
  assert.ok(labels('schema:\n  fieldsMatch: ‸').includes('superset'));
});

test('an option says what it is', () => {
  const { options: found, from } = options(schema, ...at('name: a\noutp‸'));
  assert.equal(from, 'name: a\n'.length);
  assert.deepEqual(
    found.find(({ label }) => label === 'output'),
    { label: 'output', detail: 'object', info: 'What is written.' },
  );
});

test('no text is too broken to be looked at', () => {
  const whole =
    'schema:\n  fields:\n    - { name: "a b", type: [x, {y: z}] } # c\n  -\n}: ]\n- - x: |\n';
  for (let offset = 0; offset <= whole.length; offset += 1) {
    options(schema, whole, offset);
    options(schema, whole.slice(0, offset), offset);
  }
});
