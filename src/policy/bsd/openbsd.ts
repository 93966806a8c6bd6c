/**
 * openbsd: W^X as OpenBSD enforces it: what is asked for at once counts, not what a page was before.
 * mmap and mprotect with both PROT_WRITE and PROT_EXEC are refused before anything else is looked at.
 * OpenBSD sys/uvm/uvm_mmap.c:uvm_wxcheck(), sys_mmap(), sys_mprotect(); sys/kern/exec_elf.c.
 */

import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/linux/mman.js';
import type { Addr } from '../../base/address.js';
import { ownEntry } from '../../base/own-entry.js';
import {
  VM_EXEC,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_NOHUGEPAGE,
  VM_WRITE,
  type Vma,
} from '../../os/linux/mm/vma.js';
import { onOff, type PolicyDefinition, type PolicyOptions, Rules } from '../definition.js';
import { allow, type ImageFacts, type MmFacts, type Policy, type Verdict } from '../policy.js';
import { taskOf } from '../task.js';

const rules = new Rules('openbsd', {
  'write-exec': 'memory may not be asked to be writable and executable at once',
  abort: 'kern.wxabort: asking for writable and executable memory ends the process',
  'prot-bits': 'mmap and mprotect know no protection bits but read, write and execute',
  'wxneeded-mount':
    'the program needs writable and executable memory, and its mount lacks wxallowed',
  'data-no-exec': 'heap and stack are never executable',
  'map-stack': 'a system call needs its stack pointer in memory that was mapped as a stack',
});

const PT_OPENBSD_WXNEEDED = 0x65a3dbe7;
const KNOWN = BigInt(PROT_READ | PROT_WRITE | PROT_EXEC);
const BOTH = BigInt(PROT_WRITE | PROT_EXEC);

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
  return !exempt && (prot & BOTH) === BOTH ? wxCheck(settings, call, facts) : allow;
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
    implicit: ({ flags }) =>
      flags & VM_EXEC ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'data-no-exec') : allow,
  };
}

function settingsOf(options: PolicyOptions): Settings {
  return {
    spec: options.spec,
    wxabort: options.on('wxabort'),
    exempt: options.on('wxallowed'),
    mapStack: options.on('map-stack'),
    immutable: options.on('immutable'),
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
    ],
    rules: rules.table,
    description: [
      'mmap and mprotect first test the protection: bits other than read, write and execute are EINVAL, write and execute at once is ENOTSUP. Length, address and descriptor come later, so that mmap of length 0 with both is ENOTSUP too.',
      'With kern.wxabort=1 the process is aborted instead (no handler runs) and a line is logged.',
      'RW to RX to RW by mprotect is always allowed.',
      'Heap and stack are never executable; PT_GNU_STACK is not looked at. A private mapping of /dev/zero is anonymous memory.',
      'Text, read-only data and RELRO of the program are immutable after loading: mprotect, munmap and MAP_FIXED over them answer EPERM.',
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
      'OpenBSD manual pages mmap(2), mimmutable(2), mount(8), sysctl(2)',
    ],
    deviations: [
      "The rules act on Linux system calls: other errors and their order stay Linux's, ENOTSUP has Linux's number 95 (OpenBSD: 91).",
      'RELRO becomes immutable with the mprotect that makes it read-only: Linux programs do not call mimmutable. mprotect of immutable memory to the rights that it has is EPERM too, as for mseal.',
      "pledge, msyscall, pinsyscalls and execute-only text are not modelled; MAP_STACK's own argument checks are left out, Linux programs use it with other flags.",
      'The stack pointer is looked at in system calls only; memory under madvise(MADV_NOHUGEPAGE) counts as mapped with MAP_STACK.',
    ],
  },
  create: (options) => policyFor(settingsOf(options), undefined),
};
