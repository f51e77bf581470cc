// Holds `flowc schema` against a validator of JSON Schema 2020-12: node verify.mjs FLOWC CASE…
//
// Every schema of a case is one, and accepts and rejects what its `values.json` says, by name of a type, or by
// `flow.input`, `flow.output`, `worker.arguments`, `worker.reply`.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';

const [flowc, ...cases] = process.argv.slice(2);
let tried = 0;
const wrong = [];
for (const folder of cases) {
  const all = JSON.parse(execFileSync(flowc, ['schema', join(folder, 'input.flow')], { encoding: 'utf8' }));
  const schemas = { ...all.types };
  for (const [name, parts] of [...Object.entries(all.flows), ...Object.entries(all.workers)]) {
    for (const [part, schema] of Object.entries(parts)) schemas[`${name}.${part}`] = schema;
  }
  const validators = {};
  for (const [name, schema] of Object.entries(schemas)) {
    try {
      // A case beside a default, or a pattern with a type above it, is meant.
      validators[name] = new Ajv2020({ strict: false, formats: { 'date-time': true, duration: true } }).compile(schema);
    } catch (error) {
      wrong.push(`${folder}: ${name} is no schema: ${error.message}`);
    }
  }
  const values = JSON.parse(readFileSync(join(folder, 'values.json'), 'utf8'));
  for (const [name, { accepts, rejects }] of Object.entries(values)) {
    for (const [list, fits] of [[accepts, true], [rejects, false]]) {
      for (const value of list) {
        tried += 1;
        if (validators[name]?.(value) !== fits) wrong.push(`${folder}: ${name} ${fits ? 'rejects' : 'accepts'} ${JSON.stringify(value)}`);
      }
    }
  }
}
wrong.forEach((line) => console.error(line));
console.log(`${tried} values of ${cases.length} cases: ${wrong.length} differences`);
process.exit(wrong.length === 0 && tried > 80 ? 0 : 1);
