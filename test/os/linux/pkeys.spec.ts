/** Protection keys in signal frames. Few hosts have them: expectations are Intel's and the kernel's source. */
import { describe, expect, it } from 'vitest';
import { compile } from './compiler.js';
import { openMachine } from './machine.js';

/** Values as `show` prints them. */
function valuesOf(output: string): Record<string, number> {
  const lines = output.trimEnd().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', value] = line.split(' = ');
      return [name, Number(value) >>> 0];
    }),
  );
}

describe.each(['x86-64', 'i386'] as const)('a fault by a protection key on %s', (arch) => {
  it('runs its handler with the initial rights, and sigreturn takes those of the frame', async ({
    skip,
  }) => {
    const program = compile('pkeys.c', arch);
    if ('why' in program) return skip(program.why);
    using machine = await openMachine(arch, { protectionKeys: true });
    machine.process.exec('/tmp/program', program.bytes, ['/tmp/program'], []);
    expect(machine.process.run()).toEqual({ kind: 'exit', code: 0 });
    expect(valuesOf(machine.output)).toEqual({
      announced: 3,
      'pkru at start': 0x55555554,
      key: 1,
      pkey_mprotect: 0,
      'magic 1': 0x46505853,
      'magic 2': 0x46505845,
      'in handler': 0x55555554,
      'in frame': 0x5555555c,
      code: 4,
      'key told': 1,
      after: 0x10,
      stored: 7,
      pkey_free: 0,
      'pkey_free again': -22 >>> 0,
    });
  });
});
