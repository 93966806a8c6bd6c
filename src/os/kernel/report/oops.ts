/**
 * The report of an oops in the words of Linux arch/x86/mm/fault.c:page_fault_oops(), kernel/traps.c and dumpstack.c.
 */

import type { ReportMemory } from './memory.js';
import {
  codeLine,
  controlLines,
  generalLines,
  type SavedRegisters,
  savedRegisters,
} from './registers.js';
import { type KernelModule, loadedModules, type SymbolNames } from './symbols.js';
import { short, word } from './text.js';
import { callTrace } from './trace.js';
import { taintLine, taintText, type VersionWords } from './versions.js';

/** The task that runs, as asm/lib/kernel.inc keeps it. */
export interface ReportedTask {
  readonly comm: string;
  readonly pid: number;
  readonly stackStart: bigint;
  readonly stackEnd: bigint;
  readonly flags: number;
  readonly preemptCount: number;
  readonly work: bigint;
}

export const PF_KTHREAD = 1;
export const PF_WQ_WORKER = 2;
/** pt_regs of the system call, at the end of a task's stack. */
const USER_REGISTERS = 168n;
const USER_FRAME = 120n;

export interface ReportContext {
  readonly memory: ReportMemory;
  readonly words: VersionWords;
  /** What follows the release in the line of the CPU. */
  readonly build: string;
  readonly names: SymbolNames;
  readonly modules: readonly KernelModule[];
  readonly taints: ReadonlySet<string>;
  readonly task: ReportedTask;
  readonly inInterrupt: boolean;
  /** A control or segment register, as it is now. */
  readonly read: (name: string) => bigint;
  readonly setCr2: (value: bigint) => void;
  readonly codeRange: { readonly start: bigint; readonly end: bigint };
}

/** `CPU: 0 PID: 96 Comm: cat ...`, the taints, the machine, and of a worker what it works at. */
export function headLines(context: ReportContext): string[] {
  const { words, task, taints, names, modules } = context;
  const uid = words.uid ? 'UID: 0 ' : '';
  const work = task.flags & PF_WQ_WORKER ? names.text(task.work, modules) : undefined;
  return [
    `CPU: 0 ${uid}PID: ${task.pid} Comm: ${task.comm} ${taintText(words, taints)}${words.release} ${context.build}`,
    ...taintLine(words, taints),
    'Hardware name: mayexec ring-0 machine',
    ...(work === undefined ? [] : [`Workqueue: events ${work.replace(/\+\S+/, '')}`]),
  ];
}

/** RIP, Code, RSP to R15. */
export function instructionLines(context: ReportContext, regs: SavedRegisters): string[] {
  const { memory, names, modules, setCr2 } = context;
  const name = names.text(regs.rip, modules) ?? `0x${regs.rip.toString(16)}`;
  const code = codeLine(memory, regs.rip);
  if (code.faulted !== undefined) setCr2(code.faulted);
  return [`RIP: ${short(regs.cs)}:${name}`, code.text, ...generalLines(regs)];
}

/** From `Call Trace:` to ` </TASK>`. */
export function traceLines(context: ReportContext, regs: SavedRegisters): string[] {
  const { memory, names, modules, task, inInterrupt, codeRange } = context;
  const isCode = (address: bigint): boolean =>
    (address >= codeRange.start && address < codeRange.end) ||
    modules.some(
      ({ parts: [text] }) =>
        text !== undefined && address >= text.loaded && address < text.loaded + text.bytes,
    );
  const nameOf = (address: bigint): string | undefined =>
    isCode(address) ? names.text(address, modules) : undefined;
  const trace = callTrace({
    memory,
    regs,
    stack: { start: task.stackStart, end: task.stackEnd },
    nameOf,
    unwindable: isCode(regs.rip) || regs.rip === 0n,
  });
  const user =
    trace.whole && (task.flags & PF_KTHREAD) === 0 && task.pid !== 0
      ? userLines(context, task.stackEnd - USER_REGISTERS)
      : [];
  const asTask = (lines: readonly string[]) => [' <TASK>', ...lines, ' </TASK>'];
  if (!inInterrupt) return ['Call Trace:', ...asTask([...trace.lines, ...user])];
  // What was interrupted is a part of its own.
  const entry = trace.lines.findIndex((line) => line.includes(' timer_entry+')) + 1;
  const before = entry === 0 ? trace.lines.length : entry;
  return [
    'Call Trace:',
    ' <IRQ>',
    ...trace.lines.slice(0, before),
    ' </IRQ>',
    ...asTask(trace.lines.slice(before)),
  ];
}

function userLines({ memory }: ReportContext, at: bigint): string[] {
  const regs = savedRegisters(memory, at, USER_FRAME);
  return [
    `RIP: ${short(regs.cs)}:0x${regs.rip.toString(16)}`,
    codeLine(memory, regs.rip).text,
    ...generalLines(regs, true),
  ];
}

/** All are unsigned are all unsigned, whatever became of the kernel's own taint. */
export function moduleLine({ modules }: ReportContext): string {
  return `Modules linked in:${modules.map(({ name }) => ` ${name}(E)`).join('')}`;
}

/** RIP to CR4. */
export function allRegisters(context: ReportContext, regs: SavedRegisters): string[] {
  return [...instructionLines(context, regs), ...controlLines(context.read)];
}

/** What the lines before `Oops:` say of a page fault. */
export function pageFaultLines(
  { memory, words }: ReportContext,
  address: bigint,
  code: number,
): string[] {
  const fetch = (code & 16) !== 0;
  return [
    ...(fetch && code & 1 ? fetchWarning(memory, address, words) : []),
    address < 0x1000n
      ? `BUG: kernel NULL pointer dereference, address: ${word(address)}`
      : `BUG: unable to handle page fault for address: ${word(address)}`,
    `#PF: supervisor ${fetch ? 'instruction fetch' : code & 2 ? 'write access' : 'read access'} in kernel mode`,
    `#PF: error_code(0x${short(code)}) - ${
      (code & 1) === 0
        ? 'not-present page'
        : code & 8
          ? 'reserved bit violation'
          : 'permissions violation'
    }`,
    memory.tableWords(address),
  ];
}

const NX = 1n << 63n;
const USER = 4n;

/** NX is looked at first, whoever's page it is. */
function fetchWarning(memory: ReportMemory, address: bigint, { upperNx }: VersionWords): string[] {
  const entries = memory.entries(address);
  const leaf = entries.at(-1)?.entry ?? 0n;
  if ((leaf & 1n) === 0n) return [];
  const judged = upperNx ? entries : entries.slice(-1);
  if (judged.some(({ entry }) => (entry & NX) !== 0n))
    return ['kernel tried to execute NX-protected page - exploit attempt? (uid: 0)'];
  return entries.every(({ entry }) => (entry & USER) !== 0n)
    ? ['unable to execute userspace code (SMEP?) (uid: 0)']
    : [];
}

export function modulesOf(memory: ReportMemory, head: bigint): readonly KernelModule[] {
  return head === 0n ? [] : loadedModules(memory, head);
}
