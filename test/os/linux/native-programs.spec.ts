/** The same program on the host's kernel and in the sandbox: it prints what it sees, and both must see the same. */
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import type { Outcome } from '../../../src/base/outcome.js';
import { compile } from './compiler.js';
import { openMachine } from './machine.js';

const PROGRAMS = [
  'signals.c',
  'files.c',
  'process.c',
  'shm.c',
  'limits.c',
  'memory.c',
  'pipes.c',
  'top.c',
];

function statusOf(outcome: Outcome): number {
  if (outcome.kind === 'exit') return outcome.code;
  if (outcome.kind !== 'signal') return -1;
  return 128 + (constants.signals[outcome.signal as NodeJS.Signals] ?? 0);
}

describe.each(['x86-64', 'i386'] as const)(
  '%s programs see what Linux shows them',
  (arch: Arch) => {
    for (const source of PROGRAMS)
      it(source, async ({ skip }) => {
        const program = compile(source, arch);
        if ('why' in program) return skip(program.why);
        const native = program.run();
        if (native === undefined) return skip('the host is not Linux on x86-64');
        using machine = await openMachine(arch);
        machine.process.exec('/tmp/program', program.bytes, ['/tmp/program'], ['A=1']);
        expect([...machine.process.symbols.keys()]).toContain('_start');
        const outcome = machine.process.run();
        expect(machine.output).toBe(native.stdout);
        expect(statusOf(outcome)).toBe(native.status);
      });
  },
);
