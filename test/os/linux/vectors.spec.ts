/** A program with a C library on processors of each level: which string functions it picks shows in nothing. */
import { expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { compile } from './compiler.js';

const STRINGS = '250 299 0 found\n';
const FRAME = 'frame 1 1\nend 46505845, upper half 3\n';

it.for([
  ['x86-64', `${STRINGS}frame 0 0\n`],
  ['x86-64-v2', `${STRINGS}frame 0 0\n`],
  ['x86-64-v3', `${STRINGS}${FRAME}child 1 2 1111 4\n${STRINGS}${FRAME}parent 1 2 1111 4\n`],
] as const)('on %s', async ([cpu, output], { skip }) => {
  const program = compile('vectors.c', 'x86-64', '-O1 -static', 'gcc');
  if ('why' in program) return skip(program.why);
  using sandbox = await Sandbox.create({ cpu, program: program.bytes });
  expect(sandbox.run()).toEqual({ kind: 'exit', code: 0 });
  expect(new TextDecoder().decode(sandbox.stdout)).toBe(output);
});
