/**
 * hardened-runtime: code signing enforcement of macOS for hardened programs: executable pages come
 * from signed files, or from memory mapped with MAP_JIT by a program entitled to it. Such memory is
 * writable or executable for each thread, by a switch of the thread.
 * Apple's source of these rules (XNU osfmk/vm, bsd/kern/kern_mman.c:mmap()) was not at hand; they
 * follow Apple's documents; its error numbers are unverified.
 */
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_TYPE } from '../../abi/linux/mman.js';
import type { MemoryObject } from '../../memory/object.js';
import {
  VM_ACCESS,
  VM_EXEC,
  VM_MAYEXEC,
  VM_READ,
  VM_WRITE,
  type Vma,
} from '../../os/linux/mm/vma.js';
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
  'unsigned-memory': 'memory that no signed file backs may not be executable',
  'jit-protect': 'the protection of MAP_JIT memory is fixed, threads switch it for themselves',
  'unsigned-file': 'pages of a file without a signature of this system do not execute',
  'code-signature': 'the page has no valid code signature: the process is killed',
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
  readonly allowJit: boolean;
  /** com.apple.security.cs.allow-unsigned-executable-memory. */
  readonly unsignedMemory: boolean;
  /** com.apple.security.cs.disable-executable-page-protection. */
  readonly unprotected: boolean;
}

function isJit({ mapFlags, object }: MapRequest): boolean {
  return (
    object === undefined && (mapFlags & (MAP_JIT | MAP_ANONYMOUS)) === (MAP_JIT | MAP_ANONYMOUS)
  );
}

/** Signed: the program that was started, and what the system brought with it. */
function isSigned(object: MemoryObject): boolean {
  return object.kind === 'file' && isSystemCode(labelOf(object));
}

function onMapFirst({ allowJit, unprotected }: Settings, request: MapRequest): Verdict {
  if (!isJit(request)) return allow;
  if ((request.mapFlags & MAP_TYPE) !== MAP_PRIVATE || request.mapFlags & MAP_FIXED) {
    return rules.deny('EINVAL', 'jit-arguments');
  }
  return allowJit || unprotected ? allow : rules.deny('EPERM', 'jit-entitlement');
}

function onMap(settings: Settings, request: MapRequest): Verdict {
  const { flags, object, origin } = request;
  if (!(flags & VM_EXEC) || origin === 'exec' || settings.unprotected || isJit(request)) {
    return allow;
  }
  if (!settings.unsignedMemory) {
    if (flags & VM_WRITE) return rules.deny('EACCES', 'write-exec');
    if (object === undefined) return rules.deny('EACCES', 'unsigned-memory');
  }
  return object === undefined || isSigned(object)
    ? allow
    : rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'unsigned-file');
}

/** Under these rules anonymous memory that is writable and executable can only be MAP_JIT memory. */
function isJitMemory({ unsignedMemory }: Settings, { flags, object }: Vma): boolean {
  const all = VM_READ | VM_WRITE | VM_EXEC;
  return !unsignedMemory && object === undefined && (flags & VM_ACCESS) === all;
}

function onProtect(settings: Settings, vma: Vma, { flags }: ProtectRequest): Verdict {
  if (settings.unprotected) return allow;
  if (isJitMemory(settings, vma)) return rules.deny('EPERM', 'jit-protect');
  if (!(flags & VM_EXEC) || settings.unsignedMemory) return allow;
  if (flags & VM_WRITE) return rules.deny('EACCES', 'write-exec');
  return vma.flags & VM_EXEC ? allow : rules.deny('EACCES', 'unsigned-memory');
}

function policyFor(options: PolicyOptions): Policy {
  const settings: Settings = {
    allowJit: options.on('allow-jit'),
    unsignedMemory: options.on('allow-unsigned-executable-memory'),
    unprotected: options.on('disable-executable-page-protection'),
  };
  const perThread = options.value('cpu') === 'apple-silicon';
  return {
    name: 'hardened-runtime',
    spec: options.spec,
    effects: { nx: true, ignoreGnuStack: true, ...(perThread ? { mapJit: true } : {}) },
    mmapFile: (request) => onMapFirst(settings, request),
    mmapRegion: (request) => onMap(settings, request),
    mprotectRights: (vma, request) => onProtect(settings, vma, request),
    implicit: ({ flags }) =>
      flags & VM_EXEC ? rules.narrow(flags & ~(VM_EXEC | VM_MAYEXEC), 'data-no-exec') : allow,
    fault: (vma, _address, access) =>
      access === 'exec' && vma?.object !== undefined && !(vma.flags & VM_EXEC)
        ? rules.kill('SIGKILL', 'code-signature')
        : allow,
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
      'MAP_JIT (0x800, with MAP_ANON|MAP_PRIVATE and without MAP_FIXED, else EINVAL) needs the entitlement allow-jit, else EPERM. Its memory may be writable and executable at once; on Apple Silicon each thread has one of the two, by pthread_jit_write_protect_np(): a thread starts with execute. Here that call is the private prctl 0x57580003. Its protection cannot be changed (EPERM).',
      'Other anonymous memory may not be executable (EACCES), neither at mmap nor by mprotect, unless allow-unsigned-executable-memory is granted.',
      'A file that is not signed may be mapped executable, but its pages do not execute: the process is killed (SIGKILL, "Code Signature Invalid"). Signed here are the program itself and files of the system\'s directories.',
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
    ],
    deviations: [
      'The rules act on Linux system calls; error numbers are not verified against a real system.',
      'A fetch from memory without execute is SIGSEGV as on Linux (macOS: SIGBUS).',
      "MAP_JIT with a file is not refused: on Linux the same bit is MAP_DENYWRITE, which loaders use. An unsigned file's mapping shows without x in the maps.",
      'Pages of signed files that were modified are not told apart.',
    ],
  },
  create: policyFor,
};
