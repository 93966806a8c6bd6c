/**
 * Single instructions on this machine's CPU and on ours, with operands from edge values: the same registers, flags,
 * MXCSR, memory and faults. MAYEXEC_INSTRUCTIONS=1000000 judges so many, MAYEXEC_INSTRUCTIONS_SEED other ones.
 */
import { describe, expect, it } from 'vitest';
import { lacking } from '../host/host.js';
import { FAMILIES, instructionCase } from './instructions/generate.js';
import { differences } from './instructions/judge.js';
import { instructionsElf, runInSandbox, runNatively } from './instructions/run.js';

const CHUNK = 1000;
const COUNT = Number(process.env.MAYEXEC_INSTRUCTIONS ?? 16_000);
const SEED = Number(process.env.MAYEXEC_INSTRUCTIONS_SEED ?? 1);
const EACH = Math.ceil(COUNT / FAMILIES.length / CHUNK) * CHUNK;

describe.each(FAMILIES)('instructions: %s', (family) => {
  it('leave what the host’s CPU leaves', async ({ skip }) => {
    const reason = lacking('x86-64', 'amd-cpu');
    if (reason !== undefined) return skip(reason);
    const elf = await instructionsElf();
    for (let first = 0; first < EACH; first += CHUNK) {
      const seeds = Array.from({ length: CHUNK }, (_, i) => SEED * 10_000_000 + first + i);
      const cases = seeds.map((seed) => instructionCase(family, seed));
      const host = runNatively(elf, cases);
      const ours = await runInSandbox(
        elf,
        cases,
        family === 'vex' ? 'x86-64-v3,+aes,+pclmul' : undefined,
      );
      expect(ours).toHaveLength(cases.length);
      const found: string[] = [];
      for (const [i, each] of cases.entries()) {
        const difference = await differences(each, host[i]!, ours[i]!);
        if (difference !== undefined) found.push(`seed ${seeds[i]}, ${difference.text}`);
      }
      expect(found).toEqual([]);
    }
  });
});
