/**
 * hardened-runtime: code signing enforcement of macOS for hardened programs: pages that execute come
 * from signed files, or from memory mapped with MAP_JIT by a program entitled to it. Such memory is
 * writable or executable for each thread, by a switch of the thread. Other memory may be made
 * executable, but is judged page by page when something of it is fetched: then the process is killed.
 * Apple's source of these rules (XNU osfmk/vm, bsd/kern/kern_mman.c:mmap()) was not at hand; they
 * follow Apple's documents and crash reports (LuaJIT issue 1334: a region `r-x/rwx`, made so by
 * mprotect, "CODESIGNING, Code 2 Invalid Page"); some error numbers are unverified.
 */
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_TYPE } from '../../abi/linux/mman.js';
import type { MemoryObject } from '../../memory/object.js';
import type { FetchedVma } from '../../os/linux/mm/hooks.js';
import {
  VM_EXEC,
  VM_JIT,
  VM_MAYEXEC,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from '../../os/linux/mm/vmas/vma.js';
import { onOff, type PolicyDefinition, type PolicyOptions, Rules } from '../definition.js';
import {
  allow,
  type MapRequest,
  type Policy,
  type ProtectRequest,
  type Verdict,
} from '../policy.js';
import { isSystemCode, labelOf } from '../selinux/file-contexts.js';

const rules = new Rules('hardened-runtime', {
  'jit-entitlement': 'MAP_JIT needs the entitlement com.apple.security.cs.allow-jit',
  'jit-arguments': "MAP_JIT is for private anonymous memory at an address of the system's choice",
  'write-exec': 'memory may be writable and executable only when mapped with MAP_JIT',
  'unsigned-memory': 'no signed file backs this memory: the process is killed when it executes it',
  'jit-protect': 'the protection of MAP_JIT memory is fixed, threads switch it for themselves',
  'code-signature': 'the page of the file has no valid code signature: the process is killed',
  'data-no-exec': 'heap and stack are not executable',
});

/** sys/mman.h of Apple. On Linux the number is MAP_DENYWRITE, which its loader uses for files and the kernel ignores. */
export const MAP_JIT = 0x0800;

/**
 * Emulator-private prctl: pthread_jit_write_protect_np(arg2) for the calling thread. 1, the state at
 * start: MAP_JIT memory executes and cannot be written; 0: it can be written and does not execute.
 */
export const PR_JIT_WRITE_PROTECT = 0x57580003;

interface Settings {
  readonly spec: string;
  readonly allowJit: boolean;
  /** com.apple.security.cs.allow-unsigned-executable-memory. */
  readonly unsignedMemory: boolean;
  /** com.apple.security.cs.disable-executable-page-protection. */
  readonly unprotected: boolean;
  /** Each thread has one of the two rights of MAP_JIT memory. */
  readonly perThread: boolean;
}

function isJit({ mapFlags, object }: MapRequest): boolean {
  return (
    object === undefined && (mapFlags & (MAP_JIT | MAP_ANONYMOUS)) === (MAP_JIT | MAP_ANONYMOUS)
  );
}

/** Signed: the program that was started, and what the system brought with it. `special`: the kernel's own code. */
function isSigned(object: MemoryObject, program: string | undefined): boolean {
  if (object.kind === 'special') return true;
  return object.kind === 'file' && (object.path === program || isSystemCode(labelOf(object)));
}

/** When a page is fetched from memory whose rights allow it. */
function mayFetch(settings: Settings, program: string | undefined, vma: FetchedVma): boolean {
  const { flags, object } = vma;
  if (settings.unprotected || flags & VM_JIT) return true;
  return object === undefined ? settings.unsignedMemory : isSigned(object, program);
}

function onMapFirst({ allowJit, unprotected }: Settings, request: MapRequest): Verdict {
  if (!isJit(request)) return allow;
  if ((request.mapFlags & MAP_TYPE) !== MAP_PRIVATE || request.mapFlags & MAP_FIXED) {
    return rules.deny('EINVAL', 'jit-arguments');
  }
  return allowJit || unprotected ? allow : rules.deny('EPERM', 'jit-entitlement');
}

function onMap(settings: Settings, request: MapRequest): Verdict {
  const { flags, origin } = request;
  if (origin === 'exec' || settings.unprotected || isJit(request)) return allow;
  return settings.unsignedMemory ? allow : bothAtOnce(flags);
}

function onProtect(settings: Settings, vma: Vma, { flags }: ProtectRequest): Verdict {
  if (settings.unprotected || settings.unsignedMemory) return allow;
  return vma.flags & VM_JIT ? rules.deny('EACCES', 'jit-protect') : bothAtOnce(flags);
}

function bothAtOnce(flags: VmFlags): Verdict {
  return flags & VM_EXEC && flags & VM_WRITE ? rules.deny('EACCES', 'write-exec') : allow;
}

function settingsOf(options: PolicyOptions): Settings {
  return {
    spec: options.spec,
    allowJit: options.on('allow-jit'),
    unsignedMemory: options.on('allow-unsigned-executable-memory'),
    unprotected: options.on('disable-executable-page-protection'),
    perThread: options.value('cpu') === 'apple-silicon',
  };
}

function policyFor(settings: Settings, program: string | undefined): Policy {
  const fetches = (vma: FetchedVma): boolean => mayFetch(settings, program, vma);
  return {
    name: 'hardened-runtime',
    spec: settings.spec,
    effects: {
      nx: true,
      ignoreGnuStack: true,
      mapJit: settings.perThread ? 'by-thread' : 'for-all',
      mayFetch: fetches,
    },
    forProgram: ({ path }) => policyFor(settings, path),
    mmapFile: (request) => onMapFirst(settings, request),
    mmapRegion: (request) => onMap(settings, request),
    mprotectRights: (vma, request) => onProtect(settings, vma, request),
    implicit: ({ flags }) =>
      flags & VM_EXEC ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'data-no-exec') : allow,
    fault: (vma, _address, access) => {
      if (access !== 'exec' || vma === undefined || !(vma.flags & VM_EXEC)) return allow;
      if (fetches(vma)) return allow;
      const isFile = vma.object?.kind === 'file';
      return rules.kill('SIGKILL', isFile ? 'code-signature' : 'unsigned-memory');
    },
  };
}

export const hardenedRuntime: PolicyDefinition = {
  info: {
    name: 'hardened-runtime',
    summary: 'only signed pages execute; MAP_JIT with write protection by thread (macOS)',
    os: ['linux', 'wine'],
    optIn:
      'codesign --options runtime; entitlements in the signature lift single rules. iOS enforces the same for every program.',
    options: [
      onOff('allow-jit', 'off', 'entitlement com.apple.security.cs.allow-jit: MAP_JIT may be used'),
      onOff(
        'allow-unsigned-executable-memory',
        'off',
        'entitlement of that name: anonymous memory may be executable',
      ),
      onOff(
        'disable-executable-page-protection',
        'off',
        'entitlement of that name: no rule is left',
      ),
      {
        name: 'cpu',
        summary: 'on Intel processors MAP_JIT memory is plainly writable and executable',
        values: ['apple-silicon', 'intel'],
        default: 'apple-silicon',
      },
    ],
    rules: rules.table,
    description: [
      'MAP_JIT (0x800, with MAP_ANON|MAP_PRIVATE and without MAP_FIXED, else EINVAL) needs the entitlement allow-jit, else EPERM. Its memory may be writable and executable at once; on Apple Silicon each thread has one of the two, by pthread_jit_write_protect_np(): a thread starts with execute. Here that call is the private prctl 0x57580003. Its protection cannot be changed (EACCES).',
      'Other memory may not be writable and executable at once (EACCES). Executable alone it may be made, by mmap and by mprotect; but at the first fetch from it the process is killed (SIGKILL, "Code Signature Invalid"), unless allow-unsigned-executable-memory is granted.',
      "A file that is not signed may be mapped executable as well, and kills at the first fetch, whatever is granted for memory. Signed here are the program itself and files of the system's directories.",
      'Heap and stack are never executable.',
    ].join('\n'),
    why: 'Only code that somebody signed for runs; a program that makes its own must have been signed as one that does.',
    switches: [
      {
        text: 'the entitlement com.apple.security.cs.allow-unsigned-executable-memory',
        set: { 'allow-unsigned-executable-memory': 'on' },
      },
      {
        text: 'the entitlement com.apple.security.cs.disable-executable-page-protection',
        set: { 'disable-executable-page-protection': 'on' },
      },
    ],
    history:
      'The hardened runtime came with macOS 10.14 (2018) and is required for notarisation. MAP_JIT exists since 10.14, its switch by thread since Apple Silicon (macOS 11, 2020). iOS grants MAP_JIT to browser engines and debugged programs only.',
    workarounds: [
      'MAP_JIT and pthread_jit_write_protect_np(), with the entitlement.',
      'The entitlements allow-unsigned-executable-memory and disable-executable-page-protection.',
      'A separate process that compiles, with its own entitlements.',
    ],
    source: [
      'Apple developer documentation: Hardened Runtime; Porting just-in-time compilers to Apple silicon',
      'crash reports: LuaJIT/LuaJIT issue 1334, openresty/luajit2 issue 145, iina/iina issue 3551 (killed at the first fetch); zherczeg/sljit issue 99 (mprotect of MAP_JIT memory: permission denied)',
    ],
    deviations: [
      'The rules act on Linux system calls; error numbers are not verified against a real system.',
      'A fetch from memory without execute is SIGSEGV as on Linux (macOS: SIGBUS).',
      'MAP_JIT with a file is not refused: on Linux the same bit is MAP_DENYWRITE, which loaders use.',
      'A program interpreter counts as signed only in a directory of the system.',
      'Pages of signed files that were modified are not told apart.',
    ],
  },
  create: (options) => policyFor(settingsOf(options), undefined),
};
