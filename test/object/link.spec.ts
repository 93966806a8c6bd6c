/** Objects of a real compiler, linked in memory and run: each kind of relocation has to be right for that. */
import { describe, expect, it } from 'vitest';
import { rawObject } from '../../src/formats/raw-object.js';
import { readObject } from '../../src/formats/read-object.js';
import { link } from '../../src/object/link.js';
import { makeObject, sources } from './host-compiler.js';
import { load, objects } from './load.js';

const BASE = 0x10000n;

const CASES = (['x86-64', 'i386'] as const).flatMap((arch) => {
  const flags = ['-O0 -fno-pic', '-O2 -fno-pic', '-O0 -fPIC', '-O2 -fPIC', '-O2 -fPIC -fno-plt'];
  if (arch === 'x86-64') flags.push('-O1 -fno-pic -mcmodel=large', '-O1 -fPIC -mcmodel=large');
  return flags.map((each) => ({ arch, flags: each }));
});

function compiled(source: string, arch: string, flags: string) {
  const bits = arch === 'i386' ? ['-m32', '-msse2'] : ['-m64'];
  return makeObject('gcc', [
    ...bits,
    ...flags.split(' '),
    '-ffreestanding',
    '-fno-stack-protector',
    '-c',
    `${sources}${source}`,
  ]);
}

describe.each(CASES)('objects of gcc for $arch, $flags', ({ arch, flags }) => {
  it('run as their source says', async (ctx) => {
    const many = compiled('many.c', arch, flags);
    const uses = compiled('uses-many.c', arch, flags);
    if ('why' in many) return ctx.skip(many.why);
    if ('why' in uses) return ctx.skip(uses.why);
    using image = await load(objects(['many.o', many.bytes], ['uses-many.o', uses.bytes]));
    expect(image.call('add_through_host', 20, 21)).toBe(42);
    expect(image.call('next')).toBe(41);
    expect(image.call('next')).toBe(42);
    expect(String.fromCharCode(image.call('letter', 2, 1))).toBe('w');
    expect(image.call('apply', 0, 21)).toBe(42);
    expect(image.call('apply', 1, 5)).toBe(15);
    expect(image.call('fill', 10)).toBe(23);
    expect([0, 1, 2, 3, 4, 5, 6].map((x) => image.call('choose', x))).toEqual([
      11, 7, 19, 48, 23, 5, -1,
    ]);
    expect(image.call('halved', 43)).toBe(21);
    expect(image.call('next_and_shared')).toBe(43 + 11);
    expect(image.call('optional_or_seven', 3)).toBe(7);
  });
});

describe('COFF objects', () => {
  const SOURCE = {
    'x86-64': `
      .text
      .globl add_twice
add_twice:
      sub rsp, 40
      mov edi, ecx
      mov esi, edx
      call host_add
      add eax, [rip + five]
      lea rdx, [rip + table]
      add eax, [rdx + 4]
      mov rdx, [rip + pointer]
      add eax, [rdx]
      cmp dword ptr [rip + five], 5
      setne dl
      movzx edx, dl
      add eax, edx
      add rsp, 40
      ret
      .data
five: .long 5
pointer: .quad five
      .section .rdata, "dr"
table: .long 1, 100
`,
    i386: `
      .text
      .globl _add_twice
_add_twice:
      push dword ptr [esp + 8]
      push dword ptr [esp + 8]
      call _host_add
      add esp, 8
      add eax, [five]
      add eax, [table + 4]
      mov edx, [pointer]
      add eax, [edx]
      ret
      .data
five: .long 5
pointer: .long five
      .section .rdata, "dr"
table: .long 1, 100
`,
  };

  it.for([
    ['x86-64', 'x86_64-w64-mingw32-as'],
    ['i386', 'i686-w64-mingw32-as'],
  ] as const)('for %s run as their source says', async ([arch, assembler], ctx) => {
    const made = makeObject(assembler, ['-msyntax=intel', '-mnaked-reg'], SOURCE[arch]);
    if ('why' in made) return ctx.skip(made.why);
    using image = await load(objects(['made.obj', made.bytes]));
    // Windows passes in ecx and edx, of which the code makes a call by System V.
    const name = arch === 'i386' ? '_add_twice' : 'add_twice';
    const args = arch === 'i386' ? [20, 21] : [0, 0, 21, 20];
    expect(image.call(name, ...args)).toBe(20 + 21 + 5 + 100 + 5);
  });
});

describe('bytes with a list of relocations', () => {
  it('reach labels of their own and names of the host', async () => {
    const code = Uint8Array.of(
      ...[0xe8, 0, 0, 0, 0], // call host_add
      ...[0x03, 0x05, 0, 0, 0, 0], // add eax, [rip + constant]
      ...[0xeb, 0], // jmp end
      ...[0xf4], // hlt
      ...[0xc3], // end: ret
      ...[0xe7, 0x03, 0, 0], // constant: 999
    );
    const object = rawObject({
      arch: 'x86-64',
      code,
      symbols: { f: 0, end: 14, constant: 15 },
      relocations: [
        { offset: 1, type: 'rel32', symbol: 'host_add' },
        { offset: 7, type: 'R_X86_64_PC32', symbol: 'constant', addend: -4 },
        { offset: 12, type: 'rel8', symbol: 'end' },
      ],
    });
    using image = await load([object]);
    expect(image.call('f', 1, 1)).toBe(1001);
  });

  const code = new Uint8Array(8);
  it.each([
    [
      'an unknown type',
      { offset: 0, type: 'rel23', symbol: 'f' },
      "unknown relocation type 'rel23'",
      "did you mean 'rel32'?",
    ],
    [
      'a place behind the end',
      { offset: 5, type: 'rel32', symbol: 'f' },
      "relocation rel32 against 'f' is at offset 5, outside the code of 8 bytes",
      'outside the code',
    ],
    [
      'a type of another architecture',
      { offset: 0, type: 'R_386_PC32', symbol: 'f' },
      "unknown relocation type 'R_386_PC32'",
      "did you mean 'R_X86_64_PC32'?",
    ],
  ])('are refused with %s', (_, relocation, message, hint) => {
    const make = (): unknown => rawObject({ arch: 'x86-64', code, relocations: [relocation] });
    expect(make).toThrow(message);
    expect(make).toThrow(hint);
  });

  it('are refused with a label outside the code', () => {
    expect(() => rawObject({ arch: 'i386', code, symbols: { end: 9 } })).toThrow(
      "symbol 'end' is at offset 9, outside the code of 8 bytes",
    );
  });
});

describe('what does not add up', () => {
  const calls = (symbol: string, name = 'code') =>
    rawObject({
      arch: 'x86-64',
      name,
      code: new Uint8Array(8),
      symbols: { [`in_${name}`]: 0 },
      relocations: [{ offset: 1, type: 'rel32', symbol }],
    });

  it('names every undefined symbol once, where it is wanted, and the nearest known one', () => {
    const files = [calls('host_ad', 'a'), calls('host_ad', 'b'), calls('nothing', 'c')];
    expect(() => link(files, { base: BASE, externals: { host_add: 1n } })).toThrow(
      "2 undefined symbols: 'host_ad' (rel32 at a: .text+0x1); did you mean 'host_add'?, 'nothing' (rel32 at c: .text+0x1): defined are in_a, in_b, in_c, host_add",
    );
  });

  it('refuses a name that two objects define', () => {
    const again = { ...calls('in_a', 'a'), name: 'again' };
    expect(() => link([calls('in_a', 'a'), again], { base: BASE })).toThrow(
      "symbol 'in_a' is defined in a and in again",
    );
  });

  it('says which relocation does not reach', () => {
    const far = { base: BASE, externals: { far: 0x7fff_0000_0000n } };
    expect(() => link([calls('far')], far)).toThrow(
      "rel32 at code: .text+0x1 against 'far' does not fit: 0x7ffefffefffb needs more than 32 signed bits",
    );
  });

  it('refuses objects of two architectures, and none', () => {
    const other = rawObject({ arch: 'i386', name: 'other', code: Uint8Array.of(0xc3) });
    expect(() => link([calls('in_code'), other], { base: BASE })).toThrow(
      'code is for x86-64, but other is for i386',
    );
    expect(() => link([], { base: BASE })).toThrow('nothing to link');
  });

  it('refuses a base that no page begins at', () => {
    expect(() => link([calls('in_code')], { base: 1n })).toThrow(
      'base is 0x1: expected a multiple of 4096',
    );
  });

  it.each([
    ['nothing', Uint8Array.of(), 'is empty'],
    ['text', new TextEncoder().encode('hello, world'), 'is no object file'],
    ['an archive', new TextEncoder().encode('!<arch>\n...'), 'is an archive'],
    ['a program of Windows', new TextEncoder().encode('MZ......'), 'is a Windows program'],
  ])('says what %s is', (_, bytes, what) => {
    expect(() => readObject('x.o', bytes)).toThrow(`x.o: ${what}`);
  });
});
