/**
 * Data Execution Prevention cell by cell: boot option, mark of the image, SetProcessDEPPolicy, kind of memory. The
 * expected column is Microsoft's documentation of SetProcessDEPPolicy and GetSystemDEPPolicy; no Windows was at hand.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Arch,
  assemblePe,
  type DepOptions,
  type DepQuestion,
  exemptionList,
  Sandbox,
} from '../../src/index.js';

const EMPTY = `
    .import kernel32.dll, ExitProcess
    .globl _start
_start:
    ret
`;
const UNMARKED = `${EMPTY}\n    .section .no_nx_compat\n    .byte 0\n`;

type Image = 'i386 marked' | 'i386 unmarked' | 'x86-64';

const programs = new Map<Image, Uint8Array>();
beforeAll(async () => {
  const build = async (source: string, arch: Arch): Promise<Uint8Array> =>
    (await assemblePe(source, { arch })).elf;
  programs.set('i386 marked', await build(EMPTY, 'i386'));
  programs.set('i386 unmarked', await build(UNMARKED, 'i386'));
  programs.set('x86-64', await build(EMPTY, 'x86-64'));
});

const open = (image: Image, mode: string, dep?: DepOptions): Promise<Sandbox> =>
  Sandbox.create({
    program: { bytes: programs.get(image)!, path: '/game.exe' },
    policy: `dep:mode=${mode}`,
    seed: 0,
    ...(dep === undefined ? {} : { dep }),
  });

const CODE = Uint8Array.of(0xb8, 42, 0, 0, 0, 0xc3);
const RWX = 0x40;

/** Memory of each kind. */
const MEMORY: Readonly<Record<string, (sandbox: Sandbox) => bigint>> = {
  heap: (sb) => sb.syscall('HeapAlloc', sb.syscall('GetProcessHeap').value, 0, 64).value,
  stack: (sb) => (sb.regs.esp ?? sb.regs.rsp ?? 0n) - 0x200n,
  PAGE_READWRITE: (sb) => sb.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).value,
  PAGE_READONLY: (sb) => {
    const at = sb.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).value;
    const old = sb.syscall('VirtualAlloc', 0, 4096, 0x3000, 4).value;
    sb.poke(at, CODE);
    sb.syscall('VirtualProtect', at, 4096, 2, old);
    return at;
  },
  PAGE_EXECUTE_READWRITE: (sb) => sb.syscall('VirtualAlloc', 0, 4096, 0x3000, RWX).value,
  'executable heap': (sb) => {
    const heap = sb.syscall('HeapCreate', 0x40000, 0, 0).value;
    return sb.syscall('HeapAlloc', heap, 0, 64).value;
  },
};
const EXECUTABLE = new Set(['PAGE_EXECUTE_READWRITE', 'executable heap']);

function runs(sandbox: Sandbox, kind: string): boolean {
  const address = MEMORY[kind]!(sandbox);
  sandbox.poke(address, CODE);
  return sandbox.call(address).kind === 'return';
}

type Row = readonly [
  mode: string,
  image: Image,
  none: 'runs' | 'stops',
  /** After SetProcessDEPPolicy(0), (1) and (3): the Win32 error of a call that failed, and what data does then. */
  zero: string,
  one: string,
  three: string,
];

const TABLE: readonly Row[] = [
  ['alwaysoff', 'i386 marked', 'runs', '5 runs', '5 runs', '5 runs'],
  ['alwaysoff', 'i386 unmarked', 'runs', '5 runs', '5 runs', '5 runs'],
  ['alwaysoff', 'x86-64', 'stops', '50 stops', '50 stops', '50 stops'],
  ['alwayson', 'i386 marked', 'stops', '5 stops', '5 stops', '5 stops'],
  ['alwayson', 'i386 unmarked', 'stops', '5 stops', '5 stops', '5 stops'],
  ['alwayson', 'x86-64', 'stops', '50 stops', '50 stops', '50 stops'],
  ['optin', 'i386 marked', 'stops', '5 stops', '5 stops', '5 stops'],
  ['optin', 'i386 unmarked', 'runs', 'runs', 'stops', 'stops'],
  ['optin', 'x86-64', 'stops', '50 stops', '50 stops', '50 stops'],
  ['optout', 'i386 marked', 'stops', '5 stops', '5 stops', '5 stops'],
  ['optout', 'i386 unmarked', 'stops', 'runs', 'stops', 'stops'],
  ['optout', 'x86-64', 'stops', '50 stops', '50 stops', '50 stops'],
  ['optout,exempt=game.exe', 'i386 marked', 'runs', 'runs', 'stops', 'stops'],
  ['optout,exempt=game.exe', 'i386 unmarked', 'runs', 'runs', 'stops', 'stops'],
  ['optout,exempt=game.exe', 'x86-64', 'stops', '50 stops', '50 stops', '50 stops'],
  ['alwayson,exempt=game.exe', 'i386 unmarked', 'stops', '5 stops', '5 stops', '5 stops'],
];

describe('data that is executed', () => {
  it.each(TABLE)('nx=%s, %s: %s; SetProcessDEPPolicy 0: %s, 1: %s, 3: %s', async (...row) => {
    const [mode, image, none, ...after] = row;
    const calls = [undefined, 0, 1, 3];
    for (const [index, expected] of [none, ...after].entries()) {
      using sandbox = await open(image, mode);
      const flags = calls[index];
      const error =
        flags === undefined ? undefined : sandbox.syscall('SetProcessDEPPolicy', flags).error;
      for (const kind of Object.keys(MEMORY)) {
        const data = runs(sandbox, kind) ? 'runs' : 'stops';
        const wanted = EXECUTABLE.has(kind) ? expected.replace('stops', 'runs') : expected;
        const seen = error === undefined ? data : `${error} ${data}`;
        expect([kind, flags, seen]).toEqual([kind, flags, wanted]);
      }
    }
  });

  it('is stopped for good once SetProcessDEPPolicy has enabled it', async () => {
    using sandbox = await open('i386 unmarked', 'optin');
    expect(sandbox.syscall('SetProcessDEPPolicy', 1).error).toBe(undefined);
    expect(sandbox.syscall('SetProcessDEPPolicy', 0).error).toBe(5);
    expect(sandbox.syscall('SetProcessDEPPolicy', 4).error).toBe(87);
  });
});

describe('the exemption list', () => {
  it('is a file that people edit', () => {
    expect(exemptionList('# games\nGAME.EXE  # old\n\n  tool.exe\r\n')).toEqual([
      'GAME.EXE',
      'tool.exe',
    ]);
  });

  it('counts under optout, whatever the case of the name', async () => {
    const exempt = exemptionList('GAME.EXE');
    using listed = await open('i386 marked', 'optout', { exempt });
    expect(runs(listed, 'heap')).toBe(true);
    using always = await open('i386 marked', 'alwayson', { exempt });
    expect(runs(always, 'heap')).toBe(false);
  });
});

describe('the user', () => {
  it.each([
    ['i386 unmarked', 'optout', 'allow', true, true],
    ['i386 unmarked', 'optout', 'close', true, false],
    ['i386 unmarked', 'alwayson', 'allow', false, false],
    ['x86-64', 'optout', 'allow', false, false],
  ] as const)('%s, nx=%s, answers %s (can be exempted: %s): runs %s', async (...row) => {
    const [image, mode, answer, canExempt, goesOn] = row;
    const questions: DepQuestion[] = [];
    const ask = (question: DepQuestion): typeof answer => {
      questions.push(question);
      return answer;
    };
    using sandbox = await open(image, mode, { ask });
    expect(runs(sandbox, 'PAGE_READWRITE')).toBe(goesOn);
    expect(questions).toEqual([{ name: 'game.exe', address: expect.any(BigInt), canExempt }]);
    expect(sandbox.kernelLog.at(-1)).toContain(
      `game.exe is ${goesOn ? 'exempted and goes on' : 'closed'}: the answer was '${answer}'`,
    );
    // Once exempted it is not asked about again.
    expect(runs(sandbox, 'PAGE_READWRITE')).toBe(goesOn);
    expect(questions).toHaveLength(goesOn ? 1 : 2);
  });

  it('is not asked of what is no matter of DEP, and nobody is asked without one', async () => {
    let asked = 0;
    const ask = (): 'allow' => {
      asked++;
      return 'allow';
    };
    using sandbox = await open('i386 unmarked', 'optout', { ask });
    expect(sandbox.call(0x50n).kind).toBe('exception');
    expect(asked).toBe(0);
    using silent = await open('i386 unmarked', 'optout');
    expect(runs(silent, 'heap')).toBe(false);
    expect(silent.kernelLog.at(-1)).toContain('closed: nobody was asked');
  });

  it('is named wrongly in a sentence', async () => {
    await expect(Sandbox.create({ dep: { ask: 'allow' as never } })).rejects.toThrow(/dep\.ask is/);
    await expect(Sandbox.create({ dep: { exmpt: [] } as never })).rejects.toThrow(/exempt/);
  });
});

describe('a thunk of the ATL library in data', () => {
  /** What a thunk jumps to: gives back its argument, a register, a number. */
  const TARGETS = {
    argument: [0x8b, 0x44, 0x24, 0x04, 0xc3],
    ecx: [0x89, 0xc8, 0xc3],
    edx: [0x89, 0xd0, 0xc3],
    number: [0xb8, 0xd2, 4, 0, 0, 0xc3],
  };
  const IMM = [0xd2, 4, 0, 0];
  const word = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];

  it.each<[string, keyof typeof TARGETS, (at: number, target: number) => number[]]>([
    [
      'mov [esp+4], imm; jmp',
      'argument',
      (at, target) => [0xc7, 0x44, 0x24, 4, ...IMM, 0xe9, ...word(target - at - 13)],
    ],
    ['mov ecx, imm; jmp', 'ecx', (at, target) => [0xb9, ...IMM, 0xe9, ...word(target - at - 10)]],
    [
      'mov edx, imm; mov ecx, target; jmp ecx',
      'edx',
      (_at, target) => [0xba, ...IMM, 0xb9, ...word(target), 0xff, 0xe1],
    ],
    [
      'mov ecx, imm; mov eax, target; jmp eax',
      'ecx',
      (_at, target) => [0xb9, ...IMM, 0xb8, ...word(target), 0xff, 0xe0],
    ],
    ['pop ecx; pop eax; push ecx; jmp [eax+4]', 'number', () => [0x59, 0x58, 0x51, 0xff, 0x60, 4]],
  ])('is carried out, unless that is switched off: %s', async (_what, target, thunk) => {
    for (const [mode, ends] of [
      ['optin', { kind: 'return', value: 1234n }],
      ['optin,atl=off', { kind: 'exception' }],
    ] as const) {
      using sandbox = await open('i386 marked', mode);
      const [code, data] = [RWX, 4].map(
        (protect) => sandbox.syscall('VirtualAlloc', 0, 4096, 0x3000, protect).value,
      );
      sandbox.poke(code!, Uint8Array.from(TARGETS[target]));
      sandbox.poke(data!, Uint8Array.from(thunk(Number(data), Number(code))));
      const object = data! + 0x100n;
      sandbox.poke(object + 4n, Uint8Array.from(word(Number(code))));
      expect(sandbox.call(data!, object)).toMatchObject(ends);
    }
  });
});
