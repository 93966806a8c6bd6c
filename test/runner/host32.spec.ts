/** A host whose kernel runs no 32-bit programs: execve says ENOEXEC, and the answer says so. */
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { MayexecError } from '../../src/index.js';
import { compareWithHost, whyNotOnHost } from '../../src/native/index.js';
import { lacking } from '../host/host.js';

const CLASS_32 = 1;

vi.mock('node:child_process', async (original) => {
  const actual = await original<typeof import('node:child_process')>();
  const spawnSync = (file: string, ...rest: never[]): unknown =>
    readFileSync(file)[4] === CLASS_32
      ? { error: new Error(`spawnSync ${file} ENOEXEC`), status: null, signal: null }
      : actual.spawnSync(file, ...rest);
  return { ...actual, spawnSync };
});

const SENTENCE = /^this host's kernel runs no 32-bit programs, .* i386 .*ENOEXEC/;

it('is asked before code of i386 goes there', async ({ skip }) => {
  const reason = lacking('x86-64');
  if (reason !== undefined) return skip(reason);
  expect(whyNotOnHost('i386')).toMatch(SENTENCE);
  const compared = compareWithHost({ asm: 'mov eax, 1; ret', arch: 'i386' }, [{}]);
  await expect(compared).rejects.toThrow(SENTENCE);
  await expect(compared).rejects.toBeInstanceOf(MayexecError);
});

it('still runs code of x86-64', async ({ skip }) => {
  const reason = lacking('x86-64');
  if (reason !== undefined) return skip(reason);
  expect(whyNotOnHost('x86-64')).toBeUndefined();
  expect((await compareWithHost('mov eax, 1; ret', [{}])).failures).toEqual([]);
});
