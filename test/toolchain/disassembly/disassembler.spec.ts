import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../../src/base/errors.js';
import { disassemble, loadDisassembler } from '../../../src/toolchain/disassembly/disassembler.js';
import { formatListing, hexdump } from '../../../src/toolchain/disassembly/listing.js';

const JIT = Uint8Array.of(0xb8, 0xe9, 0x03, 0x00, 0x00, 0xc3);

describe('disassemble', () => {
  it('gives address, bytes, mnemonic, operands and text of each instruction', async () => {
    expect(await disassemble(JIT, { arch: 'x86-64', address: 0x7fff00001000n })).toEqual([
      {
        address: 0x7fff00001000n,
        bytes: JIT.slice(0, 5),
        mnemonic: 'mov',
        operands: 'eax, 0x3e9',
        text: 'mov eax, 0x3e9',
      },
      {
        address: 0x7fff00001005n,
        bytes: JIT.slice(5),
        mnemonic: 'ret',
        operands: '',
        text: 'ret',
      },
    ]);
  });

  it('reads the same bytes by architecture', async () => {
    const bytes = Uint8Array.of(0x40, 0x90);
    const texts = async (arch: 'x86-64' | 'i386') =>
      (await disassemble(bytes, { arch })).map(({ text }) => text);
    expect(await texts('i386')).toEqual(['inc eax', 'nop']);
    expect(await texts('x86-64')).toEqual(['nop']);
  });

  it('writes AT&T syntax when asked', async () => {
    const [first] = await disassemble(JIT, { arch: 'i386', syntax: 'att' });
    expect(first?.text).toBe('movl $0x3e9, %eax');
  });

  it('stops after the number of instructions asked for', async () => {
    const nops = new Uint8Array(20).fill(0x90);
    expect(await disassemble(nops, { arch: 'i386', count: 3 })).toHaveLength(3);
    expect(await disassemble(nops, { arch: 'i386' })).toHaveLength(20);
  });

  it('goes on after what is no instruction, byte by byte, losing none', async () => {
    const bytes = Uint8Array.of(0x06, 0x90, 0x0f, 0xff, 0xc3, 0xe8, 0x01);
    const found = await disassemble(bytes, { arch: 'x86-64', address: 16 });
    expect(found.map(({ text }) => text).slice(0, 2)).toEqual(['.byte 0x06', 'nop']);
    expect(found.flatMap((each) => [...each.bytes])).toEqual([...bytes]);
    expect(found.map(({ address }) => address)).toEqual(
      found.map((_, i) => 16n + BigInt(found.slice(0, i).reduce((n, e) => n + e.bytes.length, 0))),
    );
  });

  it('finds the same whatever lies before, instruction by instruction', async () => {
    // Long runs of what is none, alternation, and instructions over every place where a window may end.
    const long = Uint8Array.of(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8);
    const bytes = Uint8Array.from([
      ...new Uint8Array(300).fill(0x06),
      ...Array.from({ length: 300 }, (_, index) => (index % 2 === 0 ? 0x06 : 0x90)),
      ...Array.from({ length: 1000 }, () => [...long]).flat(),
    ]);
    const found = await disassemble(bytes, { arch: 'x86-64' });
    const texts = found.map(({ text }) => text);
    expect(texts.slice(0, 300).every((text) => text === '.byte 0x06')).toBe(true);
    expect(texts.slice(300, 304)).toEqual(['.byte 0x06', 'nop', '.byte 0x06', 'nop']);
    expect(new Set(texts.slice(600))).toEqual(new Set(['movabs rax, 0x807060504030201']));
    expect(texts).toHaveLength(1600);
  });

  it('comes to an end soon, however much is no instruction', async () => {
    const bytes = new Uint8Array(100_000).fill(0x06);
    expect(await disassemble(bytes, { arch: 'x86-64' })).toHaveLength(100_000);
  });

  it.each(['mips', 'constructor', '__proto__'])('refuses the architecture %s', async (arch) => {
    const found = disassemble(JIT, { arch: arch as 'i386' });
    await expect(found).rejects.toThrow(`unknown arch '${arch}'`);
  });

  it('is synchronous once it is loaded, for reports of faults', async () => {
    const loaded = await loadDisassembler();
    expect(loaded.disassemble(JIT, { arch: 'x86-64' })[1]?.text).toBe('ret');
    expect(await loadDisassembler()).toBe(loaded);
  });

  it('refuses what is no bytes, no architecture, no syntax', async () => {
    // @ts-expect-error: what JavaScript callers can do
    await expect(disassemble('90', { arch: 'i386' })).rejects.toBeInstanceOf(MayexecError);
    // @ts-expect-error: likewise
    await expect(disassemble(JIT, { arch: 'arm' })).rejects.toThrow(/x86-64, i386/);
    // @ts-expect-error: likewise
    await expect(disassemble(JIT, { arch: 'i386', syntax: 'masm' })).rejects.toThrow(/intel, att/);
  });
});

describe('a listing', () => {
  it('marks the instruction at PC and names labels and targets', async () => {
    const bytes = Uint8Array.of(0x90, 0xeb, 0xfd, 0xe8, 0xf8, 0xff, 0xff, 0xff);
    const instructions = await disassemble(bytes, { arch: 'x86-64', address: 0x1000n });
    const symbols = new Map([
      ['start', 0x1000n],
      ['again', 0x1003n],
    ]);
    expect(formatListing(instructions, { mark: 0x1001n, symbols })).toEqual([
      'start:',
      '   1000:  90              nop',
      '=> 1001:  eb fd           jmp 0x1000 <start>',
      'again:',
      '   1003:  e8 f8 ff ff ff  call 0x1000 <start>',
    ]);
  });

  it('of nothing is empty', () => {
    expect(formatListing([])).toEqual([]);
    expect(hexdump(new Uint8Array(), 0n)).toEqual([]);
  });
});

describe('a hexdump', () => {
  it('shows rows of 16 bytes with their text, and the marked byte in brackets', () => {
    const bytes = Uint8Array.from({ length: 18 }, (_, i) => 0x3c + i);
    expect(hexdump(bytes, 0x7fff0000n, 0x7fff0011n)).toEqual([
      `7fff0000 ${[...bytes.subarray(0, 16)].map((b) => ` ${b.toString(16)} `).join('')} <=>?@ABCDEFGHIJK`,
      `7fff0010  4c [4d]${' '.repeat(56)} LM`,
    ]);
  });
});
