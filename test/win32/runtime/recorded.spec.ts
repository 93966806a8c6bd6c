/**
 * Programs whose output real Wine 8.0 gave: each uses a part of the C library. The recordings (`*.txt`) are of the
 * 64-bit programs, without carriage returns; nothing in them depends on the architecture.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/index.js';
import { buildProgram, lacksMingw } from '../mingw.js';

const lacking = lacksMingw('c');
const folder = new URL('programs/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'latin1');

/** With the exit code that Wine gave. */
const PROGRAMS = [
  ['library', 0],
  ['files', 0],
  ['printf', 7],
  ['jumps', 3],
  ['threads', 0],
  ['system', 6],
] as const;

describe.each(['x86-64', 'i386'] as const)('the C library for %s', (arch) => {
  it.for(PROGRAMS)('does in %s what Wine does', async ([name, code], { skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const bytes = buildProgram(arch, read(`${name}.c`));
    const sandbox = await Sandbox.create({ program: { bytes, path: '/program.exe' } });
    const outcome = sandbox.run();
    const output = new TextDecoder('latin1').decode(sandbox.stdout).replaceAll('\r', '');
    expect(output).toBe(read(`${name}.txt`));
    expect(outcome).toEqual({ kind: 'exit', code });
    sandbox.close();
  });
});
