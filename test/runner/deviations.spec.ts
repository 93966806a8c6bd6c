/** What a difference between two CPUs is put down to, and what is not. */
import { describe, expect, it } from 'vitest';
import type { CaseRecord } from '../../src/runner/cpu-case.js';
import { explain } from '../../src/runner/deviations.js';
import { assemble } from '../../src/toolchain/assemble.js';
import { disassemble } from '../../src/toolchain/disassembly/disassembler.js';

const RETURNS: CaseRecord = { end: { kind: 'return' }, state: undefined, buffers: {} };
const ILLEGAL: CaseRecord = {
  end: { kind: 'signal', signal: 'SIGILL', code: 'ILL_ILLOPN', address: 0n, pc: 0n },
  state: undefined,
  buffers: {},
};

const flag = (where: string) => ({ where, host: '0x0', sandbox: '0x1' });

async function causes(
  source: string,
  where: readonly string[],
  pair = [RETURNS, RETURNS] as const,
) {
  const { bytes } = await assemble(source, { arch: 'x86-64', file: 'path' });
  const path = await disassemble(bytes, { arch: 'x86-64' });
  return explain(where.map(flag), pair, path)?.map(({ name }) => name);
}

describe('a difference in flags', () => {
  it.each([
    ['mul rcx', ['ZF', 'SF', 'PF', 'AF']],
    ['and rax, rcx', ['AF']],
    ['shl rax, 5', ['OF', 'AF']],
    ['shr al, 1', ['AF']],
    ['div rcx', ['CF', 'ZF', 'OF']],
    ['bt eax, ecx', ['ZF', 'OF'].slice(1)],
    ['rol eax, 3', ['OF']],
    ['mul rcx; lea rax, [rcx]; mov rdx, rax', ['ZF']],
  ])('after `%s` is known in %j', async (source, where) => {
    expect(await causes(source, where)).toEqual(['undefined flags']);
  });

  it.each([
    ['mul rcx', ['CF']],
    ['add rax, rcx', ['AF']],
    ['mul rcx; add rax, rcx', ['ZF']],
    ['shl rax, 1', ['OF']],
    ['rol eax, 3', ['CF']],
    ['inc eax', ['CF']],
    ['mul rcx; inc eax', ['ZF']],
  ])('after `%s` is not known in %j', async (source, where) => {
    expect(await causes(source, where)).toBeUndefined();
  });

  it('that an instruction took up explains whatever comes of it', async () => {
    expect(await causes('mul rcx; setz al', ['rax'])).toEqual(['undefined flags']);
    expect(await causes('mul rcx; setc al', ['rax'])).toBeUndefined();
  });

  it('and another one have their causes each', async () => {
    expect(await causes('fdivp; mul rcx', ['fpsw', 'ZF'])).toEqual([
      'exception flags',
      'undefined flags',
    ]);
    expect(await causes('fdivp; mul rcx', ['mxcsr', 'ZF'])).toBeUndefined();
  });
});

describe('a difference in the end', () => {
  it('is known where only the sandbox takes the instruction for none', async () => {
    expect(await causes('ret', ['end'], [RETURNS, ILLEGAL])).toEqual(['unsupported instruction']);
    expect(await causes('ret', ['end'], [ILLEGAL, RETURNS])).toBeUndefined();
  });
});
