/** The texts of /proc/PID/status and smaps, as far as they concern memory. Compare fs/proc/task_mmu.c and array.c. */
import type { AddressSpace } from '../../../mm/address-space.js';
import {
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_SHARED,
  VM_WRITE,
  type Vma,
} from '../../../mm/vma.js';
import type { ProcessView } from './proc.js';

function kilobytes(vmas: readonly Vma[]): number {
  return Number(vmas.reduce((sum, { start, end }) => sum + (end - start), 0n) >> 10n);
}

/** `Name:\t  123 kB` as seq_put_decimal_ull_width() pads it. */
function size(name: string, value: number): string {
  return `${name}:\t${String(value).padStart(8)} kB\n`;
}

function mask(name: string, value: bigint): string {
  return `${name}:\t${value.toString(16).padStart(16, '0')}\n`;
}

export function statusText(view: ProcessView): string {
  const { pid, parentPid, comm, umask, signals } = view;
  const ids = (id: number): string => Array(4).fill(String(id)).join('\t');
  return [
    `Name:\t${comm}\n`,
    `Umask:\t${umask.toString(8).padStart(4, '0')}\n`,
    'State:\tR (running)\n',
    `Tgid:\t${pid}\nNgid:\t0\nPid:\t${pid}\nPPid:\t${parentPid}\nTracerPid:\t0\n`,
    `Uid:\t${ids(1000)}\nGid:\t${ids(1000)}\n`,
    'FDSize:\t64\nGroups:\t\n',
    memoryText(view.mm),
    'Threads:\t1\n',
    mask('SigPnd', 0n),
    mask('ShdPnd', signals.pendingMask),
    mask('SigBlk', signals.blocked),
    mask('SigIgn', signals.ignoredMask),
    mask('SigCgt', signals.caughtMask),
  ].join('');
}

/** Vm lines, by the kinds of mappings (vm_stat_account and task_mem). */
function memoryText(mm: AddressSpace): string {
  const { vmas } = mm;
  const stack = vmas.filter(({ flags }) => (flags & VM_GROWSDOWN) !== 0);
  const data = vmas.filter(
    ({ flags }) => (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE,
  );
  const code = vmas.filter(
    ({ flags }) => (flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) === VM_EXEC,
  );
  const program = code.filter(({ start, end }) => start <= mm.endCode && mm.startCode < end);
  const locked = vmas.filter(({ flags }) => (flags & VM_LOCKED) !== 0);
  const total = kilobytes(vmas);
  return [
    size('VmPeak', total),
    size('VmSize', total),
    size('VmLck', kilobytes(locked)),
    size('VmPin', 0),
    size('VmData', kilobytes(data)),
    size('VmStk', kilobytes(stack)),
    size('VmExe', kilobytes(program)),
    size('VmLib', kilobytes(code) - kilobytes(program)),
  ].join('');
}

/** Of the counters only the size: how much of a mapping is resident is not told. */
export function smapsText(mm: AddressSpace): string {
  return mm.vmas
    .map((vma) => {
      const field = (name: string, value: number): string =>
        `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`;
      return [
        `${mm.mapsLine(vma)}\n`,
        field('Size', kilobytes([vma])),
        field('KernelPageSize', 4),
        field('MMUPageSize', 4),
        `ProtectionKey:  ${String(vma.pkey).padStart(8)}\n`,
        `VmFlags: ${mm.smapsFlags(vma).join(' ')} \n`,
      ].join('');
    })
    .join('');
}
