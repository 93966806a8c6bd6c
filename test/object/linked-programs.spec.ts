/** What objects of compilers need besides relocations: a thread pointer, initializers, and large tables. */
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { linkCode } from '../../src/kit/bed/linked-code.js';
import { type Calls, openCalls } from '../../src/kit/open-calls.js';
import { plainListing } from '../../src/kit/watch/code-listing.js';
import { outcomeText } from '../../src/kit/watch/failure.js';
import { makeObject, sources } from './host-compiler.js';

let call: Calls['call'];
beforeAll(async () => {
  ({ call } = await openCalls());
});

type Named = { readonly name: string; readonly bytes: Uint8Array };

/** The object of one source, or a skipped test. */
function compiled(ctx: TestContext, source: string, ...flags: readonly string[]): Named {
  const made = makeObject('gcc', ['-O1', '-ffreestanding', ...flags, '-c', `${sources}${source}`]);
  if ('why' in made) ctx.skip(made.why);
  return { name: source, bytes: 'bytes' in made ? made.bytes : new Uint8Array() };
}

function assembled(
  ctx: TestContext,
  text: string,
  command = 'as',
  ...flags: readonly string[]
): Named {
  const made = makeObject(command, flags, text);
  if ('why' in made) ctx.skip(made.why);
  return { name: 'text.o', bytes: 'bytes' in made ? made.bytes : new Uint8Array() };
}

describe.each([
  ['x86-64', '-m64', 'sysv'],
  ['i386', '-m32', 'cdecl'],
] as const)('objects of gcc for %s', (_arch, bits, abi) => {
  const result = (objects: readonly Named[], entry: string, args: readonly number[] = []) =>
    call(linkCode(objects), args, { abi, entry, returns: 'i32' });

  it.for(['-fno-pic', '-fPIC'])('with stack protectors run (%s)', (pic, ctx) => {
    const guarded = [compiled(ctx, 'guarded.c', bits, pic, '-fstack-protector-all')];
    expect(result(guarded, 'sum', [4]).value).toBe(10);
    expect(result(guarded, 'smash', [8]).value).toBe(0x41);
    // As by glibc: __stack_chk_fail ends the process.
    const smashed = result(guarded, 'smash', [40]);
    expect(smashed.outcome).toMatchObject({ signal: 'SIGABRT' });
    expect(outcomeText(smashed)).toContain('found the guard of a frame overwritten');
    expect(plainListing(smashed.facts.code)).not.toContain('add byte ptr [');
  });

  it.for([
    ['local-exec', '-fno-pic'],
    ['initial-exec', '-fno-pic'],
    ['initial-exec', '-fPIC'],
  ])('have thread-local variables (%s, %s)', ([model, pic], ctx) => {
    const flags = [bits, pic ?? '', `-ftls-model=${model}`];
    const objects = [
      compiled(ctx, 'thread.c', ...flags),
      compiled(ctx, 'thread-other.c', ...flags),
    ];
    const value = (entry: string) => result(objects, entry).value;
    // Each call finds them as they were linked.
    expect(['count', 'count', 'all_zero', 'is_aligned', 'of_another'].map(value)).toEqual([
      41, 41, 1, 1, 11,
    ]);
  });

  it('of models for shared objects are refused in words', (ctx) => {
    const object = compiled(ctx, 'thread.c', bits, '-fPIC', '-ftls-model=global-dynamic');
    expect(() => linkCode(object)).toThrow(/compile with -ftls-model=initial-exec or local-exec/);
  });

  it('run their constructors before the first call, by priority', (ctx) => {
    const object = compiled(ctx, 'init.c', bits, '-fno-pic');
    const calls = [1, 2].map(() => result([object], 'in_order').value);
    expect(calls).toEqual([1234, 1234]);
  });
});

it('a constructor that does not return is how the call ended', (ctx) => {
  const text = '.globl f\nf: mov $1, %eax; ret\nbad: ud2\n.section .init_array,"aw"\n.quad bad\n';
  const code = linkCode(assembled(ctx, text));
  expect(call(code).outcome).toMatchObject({ kind: 'signal', signal: 'SIGILL' });
});

it('a constructor leaves no register behind', (ctx) => {
  const text =
    '.globl f\nf: mov %r10, %rax; ret\ni: mov $5, %r10d; std; fld1; ret\n.section .ctors,"aw"\n.quad i\n';
  const result = call(linkCode(assembled(ctx, text)));
  expect(result.value).not.toBe(5n);
  expect(result.breaches).toEqual([]);
});

describe('absolute symbols', () => {
  it.for([
    ['mov $a, %rax', '-5', -5n],
    ['movabs $a, %rax', '0x1234567890abcdef', 0x1234_5678_90ab_cdefn],
    ['movabs $a, %rax', '0xfffffffffffffff1', -15n],
    ['mov $a, %eax', '0xfedcba98', 0xfedc_ba98n],
  ] as const)('%s with a = %s', ([instruction, value, expected], ctx) => {
    const use = assembled(ctx, `.globl f\nf: ${instruction}; ret\n`);
    const code = linkCode([use, assembled(ctx, `.globl a\na = ${value}\n`)], { entry: 'f' });
    expect(call(code).value).toBe(expected);
  });

  it.for([
    ['mov $a, %eax', '-5'],
    ['mov $a, %eax', '0x123456789'],
    ['mov $a, %rax', '0x80000000'],
  ])('%s with a = %s does not fit', ([instruction, value], ctx) => {
    const use = assembled(ctx, `.globl f\nf: ${instruction}; ret\n`);
    expect(() => linkCode([use, assembled(ctx, `.globl a\na = ${value}\n`)])).toThrow(
      /against 'a' does not fit/,
    );
  });
});

it('an ELF file may have more sections than its header can count', (ctx) => {
  const many =
    '.altmacro\n.macro S n\n.section .text.s\\n,"ax"\nnop\n.endm\n.set i,0\n.rept 65400\nS %i\n.set i,i+1\n.endr\n';
  const text = `${many}.section .text.last,"ax"\n.globl f\nf: mov $17,%eax; ret\n`;
  expect(call(linkCode(assembled(ctx, text))).value).toBe(17n);
});

describe('COFF objects', () => {
  const MINGW = 'x86_64-w64-mingw32-as';
  const ORDERED = [
    '.globl f\nf: mov first(%rip), %eax; ret',
    '.section .rdata$zz, "dr"\n.long 30',
    '.section .rdata$b, "dr"\n.long 20',
    '.section .rdata$a, "dr"\nfirst: .long 10',
    '',
  ].join('\n');

  it.for(['', '-mbig-obj'])(
    'have sections in the order of what is behind the $ %s',
    (flag, ctx) => {
      const object = assembled(ctx, ORDERED, MINGW, ...(flag === '' ? [] : [flag]));
      const code = linkCode(object);
      expect(call(code, [], { abi: 'win64' }).value).toBe(10n);
      const read = code.parts.find(({ exec, write }) => !exec && write !== true);
      const words = new Int32Array((read?.bytes ?? new Uint8Array()).slice(0, 64).buffer);
      expect([...words].filter((word) => word !== 0)).toEqual([10, 20, 30]);
    },
  );

  it('of a compiler in the large form are the same code', (ctx) => {
    const flags = ['-O1', '-ffreestanding', '-c', `${sources}init.c`];
    const made = [[], ['-Wa,-mbig-obj']].map((more) =>
      makeObject('x86_64-w64-mingw32-gcc', [...more, ...flags]),
    );
    for (const each of made) {
      if ('why' in each) return ctx.skip(each.why);
      const code = linkCode({ name: 'init.obj', bytes: each.bytes });
      const options = { abi: 'win64', entry: 'in_order', returns: 'i32' } as const;
      // As MinGW's __do_global_ctors runs the list that its linker makes: each array backwards.
      expect(call(code, [], options).value).toBe(1243);
    }
  });

  it('with thread-local sections are refused in words', (ctx) => {
    const object = assembled(ctx, '.section .tls$, "dw"\n.long 1\n', MINGW);
    expect(() => linkCode(object)).toThrow('section .tls$ is thread-local');
  });
});
