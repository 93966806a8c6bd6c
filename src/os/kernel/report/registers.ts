/** Registers as a report prints them: Linux arch/x86/kernel/process_64.c:__show_regs(), dumpstack.c:show_opcodes(). */
import type { ReportMemory } from './memory.js';
import { short, word } from './text.js';

/** pt_regs, by name. */
export interface SavedRegisters {
  readonly rip: bigint;
  readonly cs: bigint;
  readonly rflags: bigint;
  readonly rsp: bigint;
  readonly ss: bigint;
  /** The error code, or what a system call's number was. */
  readonly code: bigint;
  readonly general: Readonly<Record<string, bigint>>;
}

/** In the order of pt_regs, from its start. */
const GENERAL = [
  ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8'],
  ...['rax', 'rcx', 'rdx', 'rsi', 'rdi'],
];
const LINES = [
  ['rax', 'rbx', 'rcx'],
  ['rdx', 'rsi', 'rdi'],
  ['rbp', 'r8', 'r9'],
  ['r10', 'r11', 'r12'],
  ['r13', 'r14', 'r15'],
];
/** pt_regs of asm/lib/kernel.inc have the vector between the registers and the error code. */
const FRAME_WITH_VECTOR = 8n * 16n;

export function savedRegisters(
  memory: ReportMemory,
  at: bigint,
  frame = FRAME_WITH_VECTOR,
): SavedRegisters {
  const general = Object.fromEntries(
    GENERAL.map((name, index) => [name, memory.word(at + 8n * BigInt(index))]),
  );
  const [code, rip, cs, rflags, rsp, ss] = [0n, 1n, 2n, 3n, 4n, 5n].map((index) =>
    memory.word(at + frame + 8n * index),
  ) as [bigint, bigint, bigint, bigint, bigint, bigint];
  return { rip, cs, rflags, rsp, ss, code, general };
}

/** RSP to R15. */
export function generalLines(
  { rsp, ss, rflags, general, code }: SavedRegisters,
  isUser = false,
): string[] {
  const origin = isUser ? ` ORIG_RAX: ${word(code)}` : '';
  const flags = rflags.toString(16).padStart(8, '0');
  return [
    `RSP: ${short(ss)}:${word(rsp)} EFLAGS: ${flags}${origin}`,
    ...LINES.map((names) =>
      names
        .map((name) => `${name.toUpperCase().replace(/^R(\d)$/, 'R0$1')}: ${word(general[name]!)}`)
        .join(' '),
    ),
  ];
}

/** FS to CR4. */
export function controlLines(read: (name: string) => bigint): string[] {
  return [
    `FS:  ${word(read('fs_base'))}(${short(read('fs'))}) GS:${word(read('gs_base'))}(${short(read('gs'))}) knlGS:${word(0n)}`,
    `CS:  ${short(read('cs'))} DS: ${short(read('ds'))} ES: ${short(read('es'))} CR0: ${word(read('cr0'))}`,
    `CR2: ${word(read('cr2'))} CR3: ${word(read('cr3'))} CR4: ${word(read('cr4'))}`,
  ];
}

const PROLOGUE = 42;
const OPCODE_BYTES = 64;
const LAST_USER = 0x7fff_ffff_ffffn;

export interface CodeLine {
  readonly text: string;
  /** Where reading it faulted, which is what CR2 then has. */
  readonly faulted: bigint | undefined;
}

/** 42 bytes before the instruction, its first marked, 21 after it. */
export function codeLine(memory: ReportMemory, rip: bigint): CodeLine {
  const start = BigInt.asUintN(64, rip - BigInt(PROLOGUE));
  const bytes = start > LAST_USER ? memory.bytes(start, OPCODE_BYTES) : undefined;
  if (bytes === undefined) {
    // Addresses of user mode and those that are not canonical are not even tried.
    const tried = start >> 47n === 0x1_ffffn;
    return {
      text: `Code: Unable to access opcode bytes at 0x${start.toString(16)}.`,
      faulted: tried ? memory.firstUnmapped(start, OPCODE_BYTES) : undefined,
    };
  }
  const shown = Array.from(bytes, (byte, index) => {
    const digits = byte.toString(16).padStart(2, '0');
    return index === PROLOGUE ? `<${digits}>` : digits;
  });
  return { text: `Code: ${shown.join(' ')}`, faulted: undefined };
}
