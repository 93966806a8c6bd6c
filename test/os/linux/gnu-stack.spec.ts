/**
 * PT_GNU_STACK and READ_IMPLIES_EXEC at exec, by kernel version: the table in the comment of
 * arch/x86/include/asm/elf.h:elf_read_implies_exec(), as it is since 5.8 and as it was before.
 */
import { expect, it } from 'vitest';
import { writeElf } from '../../../src/formats/elf/writer.js';
import { Sandbox } from '../../../src/index.js';

/** Whether a new private mapping that asks for reading and writing is executable, and whether the stack is. */
async function rights(
  arch: 'x86-64' | 'i386',
  stack: 'rw' | 'rwx' | 'none',
  kernel: string,
): Promise<{ data: boolean; stack: boolean }> {
  const address = arch === 'i386' ? 0x8048000n : 0x400000n;
  const text = { address, bytes: Uint8Array.of(0x90), memoryLength: 1, write: false, exec: true };
  const program = writeElf({ arch, entry: address, segments: [text], stack });
  using sandbox = await Sandbox.create({ policy: `nx:kernel=${kernel}`, program });
  const { value } = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
  const perms = (found: (entry: { name: string; start: bigint }) => boolean): string =>
    sandbox.maps().find(found)!.perms;
  return {
    data: perms(({ start }) => start === value).includes('x'),
    stack: perms(({ name }) => name === '[stack]').includes('x'),
  };
}

const all = { data: true, stack: true };
const stackOnly = { data: false, stack: true };
const nothing = { data: false, stack: false };

it.each([
  ['6.18', 'i386', 'none', all],
  ['6.18', 'i386', 'rwx', stackOnly],
  ['6.18', 'i386', 'rw', nothing],
  ['6.18', 'x86-64', 'none', nothing],
  ['6.18', 'x86-64', 'rwx', stackOnly],
  ['6.18', 'x86-64', 'rw', nothing],
  ['5.7', 'i386', 'none', all],
  ['5.7', 'i386', 'rwx', all],
  ['5.7', 'i386', 'rw', nothing],
  ['5.7', 'x86-64', 'none', all],
  ['5.7', 'x86-64', 'rwx', all],
  ['5.7', 'x86-64', 'rw', nothing],
] as const)('%s, %s, PT_GNU_STACK %s: %o', async (kernel, arch, stack, expected) => {
  expect(await rights(arch, stack, kernel)).toEqual(expected);
});
