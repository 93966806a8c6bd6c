/**
 * `npm run bench`: what a sandbox costs. `npm run bench -- --json` prints the rows for machines.
 * `npm run bench -- engine`: the engine port against the bare engine, both forms.
 */
import { formatRows } from './measure.js';
import { sandboxRows } from './sandbox.js';

if (process.argv.includes('engine')) {
  await import('./engine.js');
} else {
  const rows = await sandboxRows();
  console.log(process.argv.includes('--json') ? JSON.stringify(rows, null, 2) : formatRows(rows));
}
