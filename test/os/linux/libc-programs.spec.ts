/** Programs with a C library, linked statically: glibc where gcc is there, musl where musl-gcc is. */
import { describe, expect, it } from 'vitest';
import { compile } from './compiler.js';
import { openMachine } from './machine.js';

const BUILDS = [
  ['gcc', '-O1 -static'],
  ['gcc', '-O1 -static-pie'],
  ['musl-gcc', '-O1 -static'],
] as const;

describe.each(['x86-64', 'i386'] as const)('hello.c for %s', (arch) => {
  for (const [compiler, flags] of BUILDS) {
    it(`by ${compiler} ${flags} prints and exits as on the host`, async ({ skip }) => {
      const program = compile('hello.c', arch, flags, compiler);
      if ('why' in program) return skip(program.why);
      const native = program.run(['last']);
      if ('why' in native) return skip(native.why);
      for (const seed of [undefined, 1, 2]) {
        using machine = await openMachine(arch, seed === undefined ? {} : { seed });
        machine.process.exec('/tmp/hello', program.bytes, ['hello', 'last'], ['A=one']);
        expect(machine.process.run()).toEqual({ kind: 'exit', code: native.status });
        expect(machine.output).toBe(native.stdout);
        expect(new TextDecoder().decode(machine.process.stderr)).toBe('done\n');
      }
    });
  }
});

it.for(['x86-64', 'i386'] as const)('a pipeline of processes on %s', async (arch, { skip }) => {
  const program = compile('pipeline.c', arch, '-O1 -static', 'gcc');
  if ('why' in program) return skip(program.why);
  const native = program.run();
  if ('why' in native) return skip(native.why);
  using machine = await openMachine(arch);
  machine.process.exec('/tmp/pipeline', program.bytes, ['pipeline'], []);
  expect(machine.process.run()).toEqual({ kind: 'exit', code: 0 });
  expect(machine.output).toBe(native.stdout);
});
