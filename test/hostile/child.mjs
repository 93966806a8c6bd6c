/**
 * Runs hostile programs (a JSON list on standard input, see cases.ts) one after the other, in a process of its own
 * with a small heap. Prints a line of JSON as each begins, and one with what came of it.
 */
import { readFileSync } from 'node:fs';
import { assemblePe, assembleProgram, Sandbox } from '../../dist/index.js';

async function run({ name, source, blocks, memory, monitor = false }) {
  const assemble = /^\s*\.import\s/m.test(source) ? assemblePe : assembleProgram;
  const { elf } = await assemble(source, { arch: 'x86-64', file: 'hostile.s' });
  const before = process.cpuUsage();
  const sandbox = await Sandbox.create({ program: elf, monitor, limits: { blocks, memory } });
  const outcome = sandbox.run();
  const { user, system } = process.cpuUsage(before);
  sandbox.close();
  const { kind, code, limit, signal } = outcome;
  const what = { exit: code, limit, signal }[kind] ?? '';
  const peak = process.resourceUsage().maxRSS * 1024;
  return { name, ends: `${kind} ${what}`, seconds: (user + system) / 1e6, peak };
}

for (const each of JSON.parse(readFileSync(0, 'utf8'))) {
  process.stdout.write(`${JSON.stringify({ begins: each.name })}\n`);
  process.stdout.write(`${JSON.stringify(await run(each))}\n`);
}
