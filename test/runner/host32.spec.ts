/** A host whose kernel runs no 32-bit programs: execve says ENOEXEC, and the answer says so. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MayexecError } from '../../src/index.js';
import { askHost, type Execute } from '../../src/native/host.js';
import { compareWithHost, whyNotOnHost } from '../../src/native/index.js';
import { lacking } from '../host/host.js';

const CLASS_32 = 1;
const SENTENCE = /^this host's kernel runs no 32-bit programs, .* i386 .*(ENOEXEC|SIG)/;

/** As kernels do that were built without IA32 emulation, and those whose int 0x80 is a fault. */
const ENDS: readonly (readonly [string, ReturnType<Execute>])[] = [
  ['ENOEXEC', { error: new Error('spawnSync exit ENOEXEC'), status: null, signal: null }],
  ['SIGSEGV', { status: null, signal: 'SIGSEGV' }],
];

it.for(ENDS)('is known by %s', ([, end], { skip }) => {
  const reason = lacking('x86-64');
  if (reason !== undefined) return skip(reason);
  const execute: Execute = (file) => (readFileSync(file)[4] === CLASS_32 ? end : spawnSync(file));
  expect(askHost('i386', execute)).toMatch(SENTENCE);
  expect(askHost('x86-64', execute)).toBeUndefined();
});

it('is told by compareWithHost, where this is one', async ({ skip }) => {
  if (whyNotOnHost('i386') === undefined) return skip('this host runs 32-bit programs');
  const compared = compareWithHost({ asm: 'mov eax, 1; ret', arch: 'i386' }, [{}]);
  await expect(compared).rejects.toThrow(whyNotOnHost('i386'));
  await expect(compared).rejects.toBeInstanceOf(MayexecError);
});
