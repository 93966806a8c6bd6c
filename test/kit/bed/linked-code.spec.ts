/** Objects and relocatable bytes in the kit: linked, called, and calling back. */
import { describe, expect, it } from 'vitest';
import { callback } from '../../../src/kit/bed/callback.js';
import { linkCode } from '../../../src/kit/bed/linked-code.js';
import { Kit } from '../../../src/kit/kit.js';
import { makeObject, sources } from '../../object/host-compiler.js';

describe.each([
  ['x86-64', '-m64', 'sysv'],
  ['i386', '-m32', 'cdecl'],
] as const)('an object of a C compiler for %s', (arch, bits, abi) => {
  const made = makeObject('gcc', [
    bits,
    '-O2',
    '-fno-pic',
    '-ffreestanding',
    '-msse2',
    '-c',
    `${sources}many.c`,
  ]);

  it('is linked and called, function by function, and calls the host by name', async (ctx) => {
    if ('why' in made) return ctx.skip(made.why);
    const seen: number[][] = [];
    const add = callback('i32(i32, i32)', (a: number, b: number) => {
      seen.push([a, b]);
      return a + b;
    });
    const code = linkCode({ name: 'many.o', bytes: made.bytes }, { externals: { host_add: add } });
    using kit = await Kit.open({ arch });
    const call = (entry: string, ...args: number[]) =>
      kit.call(code, args, { abi, entry, returns: 'i32' }).value;
    expect(call('add_through_host', 20, 21)).toBe(42);
    expect(seen).toEqual([[20, 21]]);
    expect(call('choose', 2)).toBe(19);
    // Each call finds the data as they were linked.
    expect([call('next'), call('next')]).toEqual([41, 41]);
  });

  it('says what is missing', (ctx) => {
    if ('why' in made) return ctx.skip(made.why);
    const link = () =>
      linkCode({ name: 'many.o', bytes: made.bytes }, { externals: { host_ad: 1 } });
    expect(link).toThrow(
      /undefined symbol 'host_add' \(.* at many\.o: \.text.*did you mean 'host_ad'\?/,
    );
  });
});

describe('bytes with relocations', () => {
  it('call the host through a stub, from wherever they lie', async () => {
    const code = linkCode(
      {
        arch: 'x86-64',
        code: Uint8Array.of(0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3),
        relocations: [{ offset: 5, type: 'rel32', symbol: 'answer' }],
      },
      { externals: { answer: callback('i32()', () => 42) } },
    );
    using kit = await Kit.open();
    const result = kit.call(code, [], { returns: 'i32' });
    expect(result.value).toBe(42);
    expect(result.callbacks.map(({ name }) => name)).toEqual(['answer']);
    expect(result.breaches).toEqual([]);
  });

  it('are refused without an input, and with an entry that is not there', () => {
    expect(() => linkCode([])).toThrow('nothing to link');
    const raw = { arch: 'x86-64', code: Uint8Array.of(0xc3), symbols: { start: 0 } } as const;
    expect(() => linkCode(raw, { entry: 'strat' })).toThrow("did you mean 'start'?");
  });
});

describe('names with terminal escapes', () => {
  const red = '\x1b[31m';
  const code = Uint8Array.of(0xe8, 0, 0, 0, 0);
  const call = { offset: 1, type: 'rel32', symbol: `f${red}` };
  it.each<[string, () => unknown, string]>([
    [
      'an object that is cut off',
      () => linkCode({ name: `a${red}.o`, bytes: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46) }),
      'a\\x1b[31m.o: is cut off',
    ],
    [
      'a label outside',
      () => linkCode({ arch: 'x86-64', code, symbols: { [`x${red}`]: 99 } }),
      "symbol 'x\\x1b[31m' is at offset 99",
    ],
    [
      'a symbol defined twice',
      () => {
        const one = { arch: 'x86-64', code, symbols: { [`x${red}`]: 0 } } as const;
        return linkCode([one, one]);
      },
      "symbol 'x\\x1b[31m' is defined in",
    ],
    [
      'a target out of reach',
      () =>
        linkCode(
          { arch: 'x86-64', code, relocations: [call] },
          { externals: { [`f${red}`]: 1n << 40n } },
        ),
      "against 'f\\x1b[31m' does not fit",
    ],
    [
      'a name nearly the same',
      () =>
        linkCode(
          { arch: 'x86-64', code, relocations: [{ ...call, symbol: 'fo[31m' }] },
          { externals: { [`fo${red}`]: 1 } },
        ),
      "did you mean 'fo\\x1b[31m'?",
    ],
  ])('are spelt out: %s', (_, act, text) => {
    expect(act).toThrow(text);
  });
});
