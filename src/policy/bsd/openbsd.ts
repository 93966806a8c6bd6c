/**
 * openbsd: W^X as OpenBSD enforces it: what is asked for at once counts, not what a page was before.
 * mmap and mprotect with both PROT_WRITE and PROT_EXEC are refused before anything else is looked at.
 * OpenBSD sys/uvm/uvm_mmap.c:uvm_wxcheck(), sys_mmap(), sys_mprotect(); sys/kern/exec_elf.c.
 */

import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_STACK,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import type { Addr } from '../../base/address.js';
import { ownEntry } from '../../base/own-entry.js';
import {
  VM_EXEC,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_NOHUGEPAGE,
  VM_READ,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from '../../os/linux/mm/vmas/vma.js';
import {
  onOff,
  type PolicyDefinition,
  type PolicyOptions,
  type PolicyTarget,
  Rules,
} from '../definition.js';
import { allow, type ImageFacts, type MmFacts, type Policy, type Verdict } from '../policy.js';
import { taskOf } from '../task.js';

const rules = new Rules('openbsd', {
  'write-exec': 'memory may not be asked to be writable and executable at once',
  abort: 'kern.wxabort: asking for writable and executable memory ends the process',
  'prot-bits': 'mmap and mprotect know no protection bits but read, write and execute',
  'wxneeded-mount':
    'the program needs writable and executable memory, and its mount lacks wxallowed',
  'data-no-exec': 'heap and stack are never executable',
  'stack-arguments':
    'MAP_STACK is for private anonymous memory at offset 0 that is both readable and writable',
  'execute-only': 'text is execute-only: it runs, and cannot be read',
  'map-stack': 'a system call needs its stack pointer in memory that was mapped as a stack',
});

const PT_OPENBSD_WXNEEDED = 0x65a3dbe7;
const KNOWN = BigInt(PROT_READ | PROT_WRITE | PROT_EXEC);
const BOTH = BigInt(PROT_WRITE | PROT_EXEC);
const DATA = BigInt(PROT_READ | PROT_WRITE);
const PRIVATE_MEMORY = BigInt(MAP_ANONYMOUS | MAP_PRIVATE);

/** Which call has its protection in argument 2. The old mmap of i386 has it in memory: mmapFile sees that one. */
const CALLS: Readonly<Record<string, 'mmap' | 'mprotect'>> = {
  mmap: 'mmap',
  mmap2: 'mmap',
  mprotect: 'mprotect',
  pkey_mprotect: 'mprotect',
};

interface Settings {
  readonly spec: string;
  readonly wxabort: boolean;
  /** The spec says that the program may. */
  readonly exempt: boolean;
  readonly mapStack: boolean;
  readonly immutable: boolean;
  readonly executeOnly: boolean;
}

/** Programs may ask for both only when marked, and started from a mount that allows it. */
function isExempt({ exempt }: Settings, image: ImageFacts | undefined): boolean {
  if (exempt) return true;
  return image !== undefined && isMarked(image) && image.mountOptions?.has('wxallowed') === true;
}

function isMarked({ programHeaders }: ImageFacts): boolean {
  return programHeaders.some(({ type }) => type === PT_OPENBSD_WXNEEDED);
}

function wxCheck(settings: Settings, call: string, facts: MmFacts): Verdict {
  if (!settings.wxabort) return rules.deny('ENOTSUP', 'write-exec');
  const { comm, pid } = taskOf(facts);
  return rules.kill('SIGABRT', 'abort', [`${comm}(${pid}): ${call} W^X violation`]);
}

function judgeCall(
  settings: Settings,
  exempt: boolean,
  name: string,
  args: readonly bigint[],
  facts: MmFacts,
): Verdict {
  const call = ownEntry(CALLS, name);
  if (call === undefined || (name === 'mmap' && facts.arch === 'i386')) return allow;
  const prot = args[2] ?? 0n;
  if (prot & ~KNOWN & 0xffff_ffffn) return rules.deny('EINVAL', 'prot-bits');
  if (!exempt && (prot & BOTH) === BOTH) return wxCheck(settings, call, facts);
  const isWrong = settings.mapStack && call === 'mmap' && !isStackRequest(args);
  return isWrong ? rules.deny('EINVAL', 'stack-arguments') : allow;
}

/** Beside MAP_STACK; MAP_NORESERVE is 0 on OpenBSD. */
const STACK_FLAGS = PRIVATE_MEMORY | BigInt(MAP_STACK | MAP_FIXED | MAP_NORESERVE);

/** What sys_mmap() asks of a request with MAP_STACK; true for one without. */
function isStackRequest([, , prot = 0n, flags = 0n, , offset = 0n]: readonly bigint[]): boolean {
  if (!(flags & BigInt(MAP_STACK))) return true;
  const isPrivate = (flags & PRIVATE_MEMORY) === PRIVATE_MEMORY && !(flags & ~STACK_FLAGS);
  return isPrivate && offset === 0n && (prot & DATA) === DATA;
}

/**
 * uvm_map_inentry(). Which memory is a stack is told by VM_NOHUGEPAGE, which Linux sets for MAP_STACK (and
 * for madvise(MADV_NOHUGEPAGE)), and by VM_GROWSDOWN.
 */
function judgeStack(vma: Vma | undefined, stackPointer: Addr, facts: MmFacts): Verdict {
  if (vma !== undefined && vma.flags & (VM_GROWSDOWN | VM_NOHUGEPAGE)) return allow;
  const { comm, pid } = taskOf(facts);
  const range = `${(vma?.start ?? 0n).toString(16)}-${((vma?.end ?? 1n) - 1n).toString(16)}`;
  const where = `sp=${stackPointer.toString(16)} inside ${range}`;
  return rules.kill('SIGSEGV', 'map-stack', [`[${comm}]${pid}/${pid} ${where}: not MAP_STACK`]);
}

function isText(flags: VmFlags): boolean {
  return (flags & (VM_READ | VM_WRITE | VM_EXEC)) === (VM_READ | VM_EXEC);
}

function policyFor(settings: Settings, image: ImageFacts | undefined): Policy {
  const exempt = isExempt(settings, image);
  return {
    name: 'openbsd',
    spec: settings.spec,
    effects: {
      nx: true,
      ignoreGnuStack: true,
      ...(settings.mapStack ? { alternateStackIsStack: true } : {}),
      ...(settings.immutable ? { immutableImage: true } : {}),
      ...(settings.executeOnly ? { executeOnly: true } : {}),
    },
    forProgram: (next) => policyFor(settings, next),
    ...(settings.mapStack ? { entryStack: judgeStack } : {}),
    exec: (program) =>
      !settings.exempt && isMarked(program) && !program.mountOptions?.has('wxallowed')
        ? rules.deny('EACCES', 'wxneeded-mount')
        : allow,
    syscall: (name, args, facts) => judgeCall(settings, exempt, name, args, facts),
    // Calls whose protection is not in a register: the old mmap of i386, and shmat with SHM_EXEC.
    mmapFile: ({ flags, origin }, facts) =>
      !exempt && origin !== 'exec' && flags & VM_WRITE && flags & VM_EXEC
        ? wxCheck(settings, 'mmap', facts)
        : allow,
    mmapRegion: ({ flags, origin }) =>
      settings.executeOnly && origin === 'exec' && isText(flags)
        ? rules.narrow(flags & ~VM_READ, 'execute-only')
        : allow,
    implicit: ({ flags }) =>
      flags & VM_EXEC ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'data-no-exec') : allow,
  };
}

/** i386 has no way to it: there every page that is mapped can be read. */
function settingsOf(options: PolicyOptions, { arch }: PolicyTarget): Settings {
  return {
    spec: options.spec,
    wxabort: options.on('wxabort'),
    exempt: options.on('wxallowed'),
    mapStack: options.on('map-stack'),
    immutable: options.on('immutable'),
    executeOnly: options.on('execute-only') && arch === 'x86-64',
  };
}

export const openbsd: PolicyDefinition = {
  info: {
    name: 'openbsd',
    summary: 'W^X as OpenBSD has it: never both at once (ENOTSUP), flipping is allowed',
    os: ['linux', 'wine'],
    optIn:
      'On for every program. Exempt are programs that carry PT_OPENBSD_WXNEEDED (linker option -z wxneeded) on a file system mounted with wxallowed.',
    options: [
      onOff('wxallowed', 'off', 'on: the program counts as marked and its mount as wxallowed'),
      onOff('wxabort', 'off', 'sysctl kern.wxabort: SIGABRT and a log line instead of ENOTSUP'),
      onOff(
        'map-stack',
        'on',
        'since 6.4: the stack pointer must lie in memory mapped with MAP_STACK',
      ),
      onOff(
        'immutable',
        'on',
        'since 7.3: text and read-only data of the program cannot be changed or unmapped',
      ),
      onOff(
        'execute-only',
        'on',
        'since 7.3, on x86-64 processors with protection keys: text cannot be read',
      ),
    ],
    rules: rules.table,
    description: [
      'mmap and mprotect first test the protection: bits other than read, write and execute are EINVAL, write and execute at once is ENOTSUP. Length, address and descriptor come later, so that mmap of length 0 with both is ENOTSUP too.',
      'With kern.wxabort=1 the process is aborted instead (no handler runs) and a line is logged.',
      'RW to RX to RW by mprotect is always allowed.',
      'Heap and stack are never executable; PT_GNU_STACK is not looked at. A private mapping of /dev/zero is anonymous memory.',
      'Text, read-only data and RELRO of the program are immutable after loading: mprotect, munmap and MAP_FIXED over them answer EPERM.',
      'mmap with MAP_STACK must be private, anonymous, at offset 0 and for reading and writing, with no flag besides but MAP_FIXED (and MAP_NORESERVE, which is 0 there), else EINVAL: a stack that is first reserved with PROT_NONE is none.',
      'On x86-64 text can be executed and not read: a load from it is SIGSEGV, a system call that reads from it EFAULT. PROT_EXEC alone means the same for memory of the program.',
      'A program marked as needing both does not start (EACCES) from a mount without wxallowed.',
    ].join('\n'),
    why: 'Memory that is writable and executable at once is what an exploit needs to write its code and run it in one step.',
    switches: [
      {
        text: 'link with -z wxneeded and start from a file system mounted wxallowed',
        set: { wxallowed: 'on' },
      },
    ],
    history:
      'W^X since OpenBSD 3.3 (2003): by NX where there is one, on i386 by a segment limit. The refusal in mmap and mprotect, wxallowed and the mark came with 6.0 (2016), MAP_STACK with 6.4 (2018), mimmutable and execute-only text with 7.3 (2023).',
    workarounds: [
      'Write first, then mprotect to PROT_READ|PROT_EXEC.',
      'Two mappings of one file or shared memory object.',
      'Link with -z wxneeded and run from a wxallowed mount.',
    ],
    source: [
      'OpenBSD sys/uvm/uvm_mmap.c:uvm_wxcheck(), sys_mmap(), sys_mprotect()',
      'OpenBSD sys/uvm/uvm_map.c:uvm_map_immutable(), uvm_map_inentry()',
      'OpenBSD sys/arch/amd64/amd64/pmap.c: PG_XO (protection key 1), since January 2023',
      'OpenBSD manual pages mmap(2), mimmutable(2), mount(8), sysctl(2)',
    ],
    deviations: [
      "The rules act on Linux system calls: other errors and their order stay Linux's, ENOTSUP has Linux's number 95 (OpenBSD: 91).",
      'RELRO becomes immutable with the mprotect that makes it read-only: Linux programs do not call mimmutable. mprotect of immutable memory to the rights that it has is EPERM too, as for mseal.',
      "pledge, msyscall and pinsyscalls are not modelled. Text counts as linked by OpenBSD's linker, which makes it PF_X alone.",
      'The stack pointer is looked at in system calls only; memory under madvise(MADV_NOHUGEPAGE) counts as mapped with MAP_STACK.',
    ],
  },
  create: (options, target) => policyFor(settingsOf(options, target), undefined),
};
