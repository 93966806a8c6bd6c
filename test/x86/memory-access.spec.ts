/** What instructions touch, predicted from their bytes, is what the engine asks its TLB for: every opcode, both modes. */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { decode } from '../../src/x86/instruction.js';
import { accessesOf, decodeInstruction } from '../../src/x86/memory-access.js';
import { memoryOperand } from '../../src/x86/operands.js';
import { assemble } from '../engine/assembler.js';
import { Judge } from './judge.js';

/** Where the engine is not the judge: encodings as `prefix map opcode`, and why. */
const NOT_AS_THE_MANUAL: readonly (readonly [RegExp, string])[] = [
  [/^[^:]*0f 9.:/, 'setcc: the engine reads before it writes'],
  [/^(66 )?63:/, 'movsxd of 16 bits: the engine reads 32'],
  [/^(48 )?0f (2[cd]|5a):/, 'the engine reads 16 bytes for 8'],
  [/^f3 0f e6:/, 'the engine reads 16 bytes for 8'],
  [/^(48 )?0f 6[0-2]:/, 'of MMX the engine reads 8 bytes for 4'],
  [/^66 0f 3a 0[ab]:/, 'roundss, roundsd: the engine reads 16 bytes'],
  [/^.*d9:4$/, 'fldenv: the engine leaves out the selectors at its end'],
  [/^48 d[9d]:/, 'x87 environments with REX.W: the engine takes 28 bytes more'],
  [/^.*8f:[1-7]$/, 'no instruction: the engine pops'],
  [
    /^(66 |f[23] |48 )?c8:/,
    'enter: its frame has to end in writable memory too, where nothing is stored',
  ],
  [/^(66|f2) 0f 79:/, 'extrq, insertq have no form in memory: the engine reads'],
];

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
/** Behind [rbx]: a displacement is no part of these, an immediate is this. */
const FILLED = [0xcc, 0xcc, 0xcc, 0xcc];

function* encodings(arch: Arch): Generator<{ bytes: Uint8Array; key: string }> {
  const wide = arch === 'x86-64';
  for (const map of MAPS) {
    for (let opcode = 0; opcode < 256; opcode++) {
      if (map.length === 0 && (opcode === 0x0f || PREFIXES.includes(opcode))) continue;
      if (map.length === 0 && wide && (opcode & 0xf0) === 0x40) continue;
      if (map.length === 1 && (opcode === 0x38 || opcode === 0x3a)) continue;
      // Moves to plain offsets have no ModRM.
      if (map.length === 0 && (opcode & 0xfc) === 0xa0) continue;
      for (const prefix of [[], [0x66], [0xf3], [0xf2], ...(wide ? [[0x48]] : [])]) {
        for (const reg of registersOf(map, opcode)) {
          const start = [...prefix, ...map, opcode];
          const key = `${start.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}:${reg}`;
          yield { bytes: Uint8Array.of(...start, (reg << 3) | 3, ...FILLED), key };
        }
      }
    }
  }
}

/** All eight of what is a group; elsewhere the register makes no difference. */
function registersOf(map: readonly number[], opcode: number): readonly number[] {
  const groups =
    map.length === 0
      ? opcode >= 0x80 && !(opcode >= 0x90 && opcode < 0xc0)
      : map.length === 1 && [0x00, 0x01, 0xae, 0xba, 0xc7].includes(opcode);
  return groups ? [0, 1, 2, 3, 4, 5, 6, 7] : [1];
}

describe.each(['x86-64', 'i386'] as const)('every opcode of %s', (arch) => {
  it('touches what the engine asks for', async () => {
    using judge = await Judge.open(arch);
    const wrong: string[] = [];
    let judged = 0;
    for (const { bytes, key } of encodings(arch)) {
      if (NOT_AS_THE_MANUAL.some(([pattern]) => pattern.test(key))) continue;
      const operand = memoryOperand(decode(bytes, arch === 'x86-64'));
      const length = operand?.bytes ?? 8;
      const stack = arch === 'x86-64' ? 8 : 4;
      // Across a page's end and just before it; pushes from the other side.
      for (const before of [length - 1, length, -1, -stack, 1 - stack]) {
        const { predicted, asked } = judge.run(bytes, before);
        if (asked === undefined) break;
        judged++;
        if (predicted.join() !== asked.join()) {
          wrong.push(`${key} ${before} before: ${predicted}; the engine ${asked}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(5000);
  });
});

/** Registers are bx, si, di, sp and bp at boundaries of their own, others 1. */
const DIRECTED: readonly (readonly [Arch, string, Readonly<Record<string, bigint>>])[] = [
  ['x86-64', 'bts qword ptr [rbx], rax', { rax: 64n * 600n }],
  ['x86-64', 'bts qword ptr [rbx], rax', { rax: -1n }],
  ['x86-64', 'bt dword ptr [rbx], eax', { rax: 0xffff_ffffn }],
  ['x86-64', 'btr word ptr [rbx], ax', { rax: 0x8000n }],
  ['i386', 'btc dword ptr [ebx], eax', { eax: 0x8000_0000n }],
  ['x86-64', 'lock cmpxchg16b [rbx]', {}],
  ['x86-64', 'cmpxchg qword ptr [rbx], rcx', { rax: 7n }],
  ['x86-64', 'xlatb', { rax: 0xffn }],
  ['x86-64', 'rep movsb', { rcx: 0n }],
  ['x86-64', 'rep movsq', { rcx: 1n }],
  ['x86-64', 'rep stosd', { rcx: 1n }],
  ['x86-64', 'repne scasw', { rcx: 1n }],
  ['x86-64', 'cmpsq', {}],
  ['x86-64', 'lodsb', {}],
  ['x86-64', 'pop qword ptr [rsp + 8]', {}],
  ['x86-64', 'push qword ptr [rsp + 4096]', {}],
  ['x86-64', 'call [rsp + 8]', {}],
  ['x86-64', 'mov rax, [rbx + rcx*8 - 1]', { rcx: 500n }],
  ['x86-64', 'mov [rsi + 0x1000], eax', {}],
  ['x86-64', 'mov rax, [r12 + r13*2]', { r12: 0x70_0000n, r13: 0x7ffn }],
  ['x86-64', 'mov rax, [rip + 0xffa]', {}],
  ['x86-64', 'mov eax, [ebx + ecx]', { rcx: 0x1_0000_0000n }],
  ['x86-64', 'add fs:[rbx], eax', { fs_base: 0x10_0000n }],
  ['x86-64', 'mov rax, gs:[0x28]', { gs_base: 0x77_0fd8n }],
  ['x86-64', 'movabs rax, [0x123456]', {}],
  ['x86-64', 'movabs [0x123fff], eax', {}],
  ['i386', 'mov eax, [0x7ffffe]', {}],
  ['i386', 'mov ax, [bx + si + 4]', { ebx: 0xfff0n, esi: 0x1ffn }],
  ['i386', 'mov [bp - 2], dx', { ebp: 0x2001n }],
  // With nothing between the last push and the end of its frame.
  ['x86-64', 'enter 0, 0', {}],
  ['x86-64', 'enter 0, 1', {}],
  ['x86-64', 'enter 0, 5', {}],
  ['i386', 'enter 0, 3', {}],
  ['x86-64', 'leave', {}],
  ['i386', 'pushad', {}],
  ['i386', 'popad', {}],
  ['x86-64', 'pushfq', {}],
  ['x86-64', 'maskmovdqu xmm1, xmm2', { xmm2: 0x80n << 120n }],
  ['x86-64', 'maskmovdqu xmm1, xmm2', { xmm2: 0x8000_0080_0000_0000_8080_8000_0000_0080n }],
  ['x86-64', 'maskmovdqu xmm1, xmm2', { xmm2: 0x7fn }],
  ['x86-64', 'lea rax, [rbx]', {}],
  ['x86-64', 'prefetcht0 [rbx]', {}],
  ['x86-64', 'nop dword ptr [rbx]', {}],
  ['x86-64', 'clflush [rbx]', {}],
];

describe('addresses and implied operands', () => {
  it.each(DIRECTED)('%s: %s', async (arch, text, registers) => {
    using judge = await Judge.open(arch);
    const bytes = assemble(arch, text, 0x10_0000);
    for (const before of [-9, -8, -4, -1, 0, 1, 2, 3, 4, 7, 8, 9, 15, 16]) {
      const { predicted, asked } = judge.run(bytes, before, registers);
      if (asked === undefined) continue;
      expect([before, predicted]).toEqual([before, asked]);
    }
  });

  it.each([
    ['fxsave [rbx]', 'w', 512],
    ['fxrstor [rbx]', 'r', 512],
    ['fnsave [rbx]', 'w', 108],
    ['fldenv [rbx]', 'r', 28],
    ['fnstenv [rbx]', 'w', 28],
    ['fbld [rbx]', 'r', 10],
    ['fbstp [rbx]', 'w', 10],
    ['fld tbyte ptr [rbx]', 'r', 10],
    ['ldmxcsr [rbx]', 'r', 4],
    ['add dword ptr [rbx], 1', 'rw', 4],
    ['xadd [rbx], al', 'rw', 1],
    ['cmpxchg16b [rbx]', 'rw', 16],
    ['setz [rbx]', 'w', 1],
    ['punpcklbw mm0, [rbx]', 'r', 4],
  ])('%s: %s, %i bytes', (text, kind, length) => {
    const bytes = assemble('x86-64', text, 0);
    const instruction = decodeInstruction({ address: 0n, bytes }, 'x86-64');
    expect(accessesOf(instruction, () => 0x1000n)).toEqual([
      {
        address: 0x1000n,
        length,
        read: kind.includes('r'),
        write: kind.includes('w'),
        stack: false,
      },
    ]);
  });
});
