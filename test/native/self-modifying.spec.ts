/**
 * Self-modifying code on the CPU of this machine and on ours: random programs, the same results.
 * MAYEXEC_NATIVE=20000 judges so many per architecture (default 200), MAYEXEC_NATIVE_SEED which ones.
 */
import { describe, expect, it } from 'vitest';
import { ARCHES } from '../engine/conformance/suite.js';
import { lacking } from '../host/host.js';
import { placedPrograms, runInSandbox, runNatively, runnerElf } from './self-modifying.js';

const CHUNK = 200;
const asked = Number.parseInt(process.env.MAYEXEC_NATIVE ?? '', 10);
const count = Number.isNaN(asked) ? CHUNK : asked;
const seed = Number(process.env.MAYEXEC_NATIVE_SEED ?? 1);

describe.each(ARCHES)('the CPU of this machine, %s', (arch) => {
  it('rewrites running code alike', async ({ skip }) => {
    const reason = lacking(arch);
    if (reason !== undefined) return skip(reason);
    const elf = await runnerElf(arch);
    for (let first = 0; first < count; first += CHUNK) {
      const programs = placedPrograms(
        arch,
        seed * 1_000_000 + first,
        Math.min(CHUNK, count - first),
      );
      const real = runNatively(arch, elf, programs);
      const ours = await runInSandbox(arch, elf, programs);
      const at = ours.findIndex((text, i) => text !== real[i]);
      expect(ours[at]).toBe(real[at]);
    }
  });
});
