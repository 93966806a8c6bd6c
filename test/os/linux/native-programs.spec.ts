/** The same program on the host's kernel and in the sandbox: it prints what it sees, and both must see the same. */
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../src/base/address.js';
import type { Outcome } from '../../../src/base/outcome.js';
import { lacking } from '../../host/host.js';
import type { Trait } from '../../host/traits.js';
import { compile } from './compiler.js';
import { openMachine } from './machine.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];

interface Program {
  readonly source: string;
  readonly arches: readonly Arch[];
  /** What it asks of the host, besides running. */
  readonly needs: readonly Trait[];
}

const both = (source: string, ...needs: Trait[]): Program => ({ source, arches: ARCHES, needs });
const PROGRAMS: readonly Program[] = [
  both('signals.c'),
  both('files.c'),
  both('process.c'),
  both('mdwe.c', 'mdwe'),
  both('shm.c'),
  both('limits.c'),
  both('memory.c'),
  both('pipes.c'),
  both('poll.c'),
  both('top.c'),
  both('threads.c'),
  { source: 'int80.c', arches: ['x86-64'], needs: ['i386'] },
];

function statusOf(outcome: Outcome): number {
  if (outcome.kind === 'exit') return outcome.code;
  if (outcome.kind !== 'signal') return -1;
  return 128 + (constants.signals[outcome.signal as NodeJS.Signals] ?? 0);
}

/**
 * Without what hangs on this host: the sizes that /proc/self/smaps tells behind a read of a fresh page, where there
 * is no zero page, and the filter that /proc/self/status tells of.
 */
function comparable(output: string): string {
  const text = lacking('no-seccomp-filter') ? output.replace(/^Seccomp:.*\n/m, '') : output;
  if (lacking('zero-page') === undefined) return text;
  return text.replace(/^-- one read\n[\s\S]*?^-- /m, (entry) =>
    entry.replace(/ *\d+ kB/g, ' # kB'),
  );
}

describe.each(ARCHES)('%s programs see what Linux shows them', (arch) => {
  for (const { source, needs } of PROGRAMS.filter(({ arches }) => arches.includes(arch)))
    it(source, async ({ skip }) => {
      const reason = lacking(arch, ...needs);
      if (reason !== undefined) return skip(reason);
      const program = compile(source, arch);
      if ('why' in program) return skip(program.why);
      const native = program.run();
      if ('why' in native) return skip(native.why);
      using machine = await openMachine(arch);
      machine.process.exec('/tmp/program', program.bytes, ['/tmp/program'], ['A=1']);
      expect([...machine.process.symbols.keys()]).toContain('_start');
      const outcome = machine.process.run();
      expect(comparable(machine.output)).toBe(comparable(native.stdout));
      expect(statusOf(outcome)).toBe(native.status);
    });
});
