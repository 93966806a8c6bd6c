/** The texts of /proc/PID/status and smaps, as far as they concern memory. Compare fs/proc/task_mmu.c and array.c. */
import type { AddressSpace } from '../mm/address-space.js';
import { VM_EXEC, VM_GROWSDOWN, VM_LOCKED, VM_SHARED, VM_WRITE, type Vma } from '../mm/vmas/vma.js';
import type { ProcessView } from './process-view.js';

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
  const { pid, tid, parentPid, comm, umask, signals, threads } = view;
  const ids = (id: number): string => Array(4).fill(String(id)).join('\t');
  return [
    `Name:\t${comm}\n`,
    `Umask:\t${umask.toString(8).padStart(4, '0')}\n`,
    'State:\tR (running)\n',
    `Tgid:\t${pid}\nNgid:\t0\nPid:\t${tid}\nPPid:\t${parentPid}\nTracerPid:\t0\n`,
    `Uid:\t${ids(1000)}\nGid:\t${ids(1000)}\n`,
    'FDSize:\t64\nGroups:\t\n',
    memoryText(view.mm),
    `CoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t${threads.length}\n`,
    mask('SigPnd', signals.ownMask),
    mask('ShdPnd', signals.sharedMask),
    mask('SigBlk', signals.blocked),
    mask('SigIgn', signals.actions.ignoredMask),
    mask('SigCgt', signals.actions.caughtMask),
    'NoNewPrivs:\t0\nSeccomp:\t0\n',
  ].join('');
}

/** Pages in memory by kind, in kB (get_mm_counter()). */
function residentText(mm: AddressSpace): string {
  const sums = { anonymous: 0, file: 0, shmem: 0 };
  for (const vma of mm.vmas) {
    const { own, shared } = mm.residentPages(vma);
    sums.anonymous += 4 * own;
    sums[vma.object?.kind === 'file' ? 'file' : 'shmem'] += 4 * shared;
  }
  const total = sums.anonymous + sums.file + sums.shmem;
  return [
    size('VmHWM', 4 * mm.peaks.resident),
    size('VmRSS', total),
    size('RssAnon', sums.anonymous),
    size('RssFile', sums.file),
    size('RssShmem', sums.shmem),
  ].join('');
}

/** Vm lines, by the kinds of mappings (vm_stat_account and task_mem). Deviation: page tables take no memory. */
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
    size('VmPeak', 4 * mm.peaks.mapped),
    size('VmSize', total),
    size('VmLck', kilobytes(locked)),
    size('VmPin', 0),
    residentText(mm),
    size('VmData', kilobytes(data)),
    size('VmStk', kilobytes(stack)),
    size('VmExe', kilobytes(program)),
    size('VmLib', kilobytes(code) - kilobytes(program)),
    size('VmPTE', 0),
    size('VmSwap', 0),
    size('HugetlbPages', 0),
  ].join('');
}

/** Names that show_smap() prints of memory that nothing here has: huge pages, swap, deduplication. */
const ALWAYS_ZERO = [
  ...['KSM', 'LazyFree', 'AnonHugePages', 'ShmemPmdMapped', 'FilePmdMapped'],
  ...['Shared_Hugetlb', 'Private_Hugetlb', 'Swap', 'SwapPss'],
] as const;

/**
 * Compare fs/proc/task_mmu.c:show_smap(). Deviations: every resident page counts as dirty, referenced and
 * this process's alone; pages of a file that a private mapping only reads do not count.
 */
export function smapsText(mm: AddressSpace): string {
  const field = (name: string, value: number): string =>
    `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`;
  return mm.vmas
    .map((vma) => {
      const { own, shared } = mm.residentPages(vma);
      const resident = 4 * (own + shared);
      const every = (names: readonly string[], value: number): string =>
        names.map((name) => field(name, value)).join('');
      return [
        `${mm.mapsLine(vma)}\n`,
        field('Size', kilobytes([vma])),
        every(['KernelPageSize', 'MMUPageSize'], 4),
        every(['Rss', 'Pss', 'Pss_Dirty'], resident),
        every(['Shared_Clean', 'Shared_Dirty', 'Private_Clean'], 0),
        every(['Private_Dirty', 'Referenced'], resident),
        field('Anonymous', 4 * own),
        every(ALWAYS_ZERO, 0),
        field('Locked', vma.flags & VM_LOCKED ? resident : 0),
        'THPeligible:           0\n',
        mm.tuning.pku ? `ProtectionKey:  ${String(vma.pkey).padStart(8)}\n` : '',
        `VmFlags: ${mm.smapsFlags(vma).join(' ')} \n`,
      ].join('');
    })
    .join('');
}
