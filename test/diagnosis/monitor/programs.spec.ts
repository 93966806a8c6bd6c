/** A monitor only looks: programs with signals, forks, shared memory and much mprotect do the same under it. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { straceText } from '../../../src/trace/print.js';
import { compile } from '../../os/linux/compiler.js';

const PROGRAMS = ['signals.c', 'files.c', 'process.c', 'shm.c', 'limits.c', 'memory.c', 'pipes.c'];

async function run(bytes: Uint8Array, monitor: boolean) {
  using sandbox = await Sandbox.create({ program: bytes, monitor });
  sandbox.countInstructions(true);
  const outcome = sandbox.run();
  return {
    outcome,
    stdout: new TextDecoder().decode(sandbox.stdout),
    trace: straceText(sandbox.trace),
    instructions: sandbox.instructions,
  };
}

describe.each(['x86-64', 'i386'] as const)('under a monitor %s programs do the same', (arch) => {
  it.for(PROGRAMS)('%s', async (source, { skip }) => {
    const program = compile(source, arch);
    if ('why' in program) return skip(program.why);
    expect(await run(program.bytes, true)).toEqual(await run(program.bytes, false));
  });
});
