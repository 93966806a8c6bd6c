/**
 * What PaX and grsecurity print.
 * PaX 4.9 fs/exec.c:pax_report_fault(), arch/x86/mm/fault.c:pax_report_insns();
 * grsecurity 4.9 include/linux/grmsg.h, grsecurity/grsec_log.c:gr_log_varargs().
 */
import type { Addr, Arch } from '../../base/address.js';
import { VM_GROWSDOWN, type Vma } from '../../os/linux/mm/vmas/vma.js';
import type { FaultContext, MmFacts, TaskFacts } from '../policy.js';
import { taskOf } from '../task.js';

const BYTES_AT_PC = 20;
const BYTES_AT_SP = 80;

/** The report of a refused fetch: four lines. */
export function faultReport(
  vma: Vma | undefined,
  address: Addr,
  facts: MmFacts,
  context: FaultContext | undefined,
): string[] {
  const task = taskOf(facts);
  const pc = context?.pc ?? address;
  const sp = context?.stackPointer ?? facts.stackPointer;
  const where = vma === undefined ? '(null)' : faultPlace(vma, pc, facts);
  const offset = vma === undefined ? 0n : BigInt(vma.pageOffset) << 12n;
  const range = `${hex8(vma?.start ?? 0n)}-${hex8(vma?.end ?? 0n)} ${hex8(offset)}`;
  return [
    `PAX: execution attempt in: ${where}, ${range}`,
    `PAX: terminating task: ${task.exe}(${task.comm}):${task.pid}, uid/euid: ${task.uid}/${task.euid}, PC: ${pointer(pc, facts.arch)}, SP: ${pointer(sp, facts.arch)}`,
    ...memoryLines(pc, sp, facts.arch, context),
  ];
}

function memoryLines(pc: Addr, sp: Addr, arch: Arch, context: FaultContext | undefined): string[] {
  const byteAt = (address: Addr): number | undefined => context?.byteAt(address);
  const size = arch === 'i386' ? 4 : 8;
  const bytes = Array.from({ length: BYTES_AT_PC }, (_, i) => {
    const byte = byteAt(pc + BigInt(i));
    return byte === undefined ? '?? ' : `${byte.toString(16).padStart(2, '0')} `;
  });
  // One word below the stack pointer, then 80 bytes above it.
  const words = Array.from({ length: BYTES_AT_SP / size + 1 }, (_, i) =>
    wordText(byteAt, sp + BigInt((i - 1) * size), size),
  );
  return [`PAX: bytes at PC: ${bytes.join('')}`, `PAX: bytes at SP-${size}: ${words.join('')}`];
}

function wordText(
  byteAt: (address: Addr) => number | undefined,
  address: Addr,
  size: number,
): string {
  const bytes = Array.from({ length: size }, (_, i) => byteAt(address + BigInt(size - 1 - i)));
  if (bytes.includes(undefined)) return `${'?'.repeat(2 * size)} `;
  return `${bytes.map((byte) => byte?.toString(16).padStart(2, '0')).join('')} `;
}

/** For a fetch the heap is where the address is, [start_brk, brk); then growing VMAs are the stack. */
function faultPlace(vma: Vma, pc: Addr, { startBrk, brk }: MmFacts): string {
  if (vma.object !== undefined) return mangled(vma.object.path);
  if (pc >= startBrk && pc < brk) return '<heap>';
  return vma.flags & VM_GROWSDOWN ? '<stack>' : '<anonymous mapping>';
}

/** For grsecurity the stack comes first, and the heap is any VMA that touches it. */
function grsecPlace(vma: Vma, { startBrk, brk }: MmFacts): string {
  if (vma.object !== undefined) return vma.object.path;
  if (vma.flags & VM_GROWSDOWN) return '<stack>';
  return vma.start <= brk && vma.end >= startBrk ? '<heap>' : '<anonymous mapping>';
}

/** Tabs, newlines and backslashes as octal escapes (seq_file.c:mangle_path). */
function mangled(path: string): string {
  return path.replace(/[\t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

export function grsecMmap(path: string | undefined, facts: MmFacts): string {
  return `grsec: denied RWX mmap of ${path ?? '<anonymous mapping>'} by ${subject(taskOf(facts))}`;
}

export function grsecMprotect(vma: Vma, facts: MmFacts): string {
  return `grsec: denied RWX mprotect of ${grsecPlace(vma, facts)} by ${subject(taskOf(facts))}`;
}

export function grsecStackMark(path: string, facts: MmFacts): string {
  return `grsec: denied marking stack executable as requested by PT_GNU_STACK marking in ${path} by ${subject(taskOf(facts))}`;
}

export function grsecTextrel(vma: Vma, opening: boolean, facts: MmFacts): string {
  const way = opening ? 'executable to writable' : 'writable to executable';
  const path = vma.object?.path ?? '<anonymous mapping>';
  return `grsec: allowed ${way} text relocation transition in ${path}, VMA:0x${hex8(vma.start)} 0x${hex8(BigInt(vma.pageOffset))} by ${subject(taskOf(facts))}`;
}

/** DEFAULTSECMSG: the task, then its parent. */
function subject(task: TaskFacts): string {
  const ids = `uid/euid:${task.uid}/${task.euid} gid/egid:${task.gid}/${task.egid}`;
  const { parent } = task;
  return `${task.exe}[${task.comm}:${task.pid}] ${ids}, parent ${parent.exe}[${parent.comm}:${parent.pid}] uid/euid:0/0 gid/egid:0/0`;
}

function hex8(value: bigint): string {
  return value.toString(16).padStart(8, '0');
}

/** %p of that kernel: all digits, no prefix. */
function pointer(value: bigint, arch: Arch): string {
  return value.toString(16).padStart(arch === 'i386' ? 8 : 16, '0');
}
