/** Object files that are cut off, changed, or for somebody else: one clear line, never a crash or a hang. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { readObject } from '../../src/formats/read-object.js';
import { link } from '../../src/object/link.js';
import { makeObject } from './host-compiler.js';

/** GNU's own type for an absolute address in 64-bit COFF code is in no specification. */
const source = (base: string): string => `
    .text
    .globl f
f:  call g
    mov eax, dword ptr [${base}h]
    ret
    .data
h:  .long 1
    .long f
    .comm shared, 16, 8
`;

const FORMATS = [
  ['ELF x86-64', 'as', ['--64'], ''],
  ['ELF i386', 'as', ['--32'], ''],
  ['COFF x86-64', 'x86_64-w64-mingw32-as', [], 'rip + '],
  ['COFF i386', 'i686-w64-mingw32-as', [], ''],
] as const;

/** Reads and links; what is refused is refused in words. */
function attempt(bytes: Uint8Array): string | undefined {
  try {
    link([readObject('x.o', bytes)], { base: 0x10000n, externals: { g: 0x20000n } });
    return undefined;
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    return error.message;
  }
}

describe.each(FORMATS)('an object of %s', (_, assembler, flags, base) => {
  const made = makeObject(assembler, [...flags, '-msyntax=intel', '-mnaked-reg'], source(base));

  it('is taken whole', (ctx) => {
    if ('why' in made) return ctx.skip(made.why);
    expect(attempt(made.bytes)).toBeUndefined();
  });

  it('says that it is cut off, wherever that is', (ctx) => {
    if ('why' in made) return ctx.skip(made.why);
    const { bytes } = made;
    for (let length = 1; length < bytes.length; length++) {
      const message = attempt(bytes.subarray(0, length));
      // The last bytes may be padding that nobody misses.
      if (message === undefined) expect(length).toBeGreaterThan(bytes.length - 16);
      else expect(message).toMatch(/^x\.o: (is cut off|is no object file|a name|its|section)/);
    }
  });

  it('is taken or refused in words, whatever byte of it is changed', (ctx) => {
    if ('why' in made) return ctx.skip(made.why);
    const { bytes } = made;
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at] = value;
        attempt(damaged);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an object for another machine', () => {
  it.each([
    ['AArch64', 64, 183],
    ['ARM', 32, 40],
    ['x32', 32, 62],
    ['machine 7777', 64, 7777],
  ])('ELF for %s says so', (name, bits, machine) => {
    const bytes = new Uint8Array(64);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, 1, 1]);
    bytes[16] = 1;
    bytes[18] = machine & 255;
    bytes[19] = machine >> 8;
    expect(attempt(bytes)).toBe(`x.o: is an object file for ${name}: expected x86-64 or i386`);
  });

  it('COFF for AArch64 says so', () => {
    expect(attempt(Uint8Array.of(0x64, 0xaa, ...new Uint8Array(18)))).toBe(
      'x.o: is an object file for AArch64: expected x86-64 or i386',
    );
  });

  it('an executable says that it is one', () => {
    const bytes = new Uint8Array(64);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    bytes[16] = 2;
    bytes[18] = 62;
    expect(attempt(bytes)).toContain('x.o: is an executable, and no relocatable object');
  });
});

describe('an object that uses what cannot be linked in memory', () => {
  it.for([
    [
      'a thread-local variable of a shared object',
      '.att_syntax prefix\nleaq t@tlsgd(%rip), %rdi\n',
      'thread-local storage',
    ],
    [
      'an indirect function',
      '.type f, @gnu_indirect_function\nf: ret\n',
      'is an indirect function',
    ],
  ])('is refused: %s', ([, text, message], ctx) => {
    const made = makeObject('as', ['--64', '-msyntax=intel', '-mnaked-reg'], text);
    if ('why' in made) return ctx.skip(made.why);
    expect(attempt(made.bytes)).toContain(message);
  });
});
