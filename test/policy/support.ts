/** Requests, VMAs and facts for policy tests: what is not named is ordinary. */
import type { MemoryObject } from '../../src/memory/object.js';
import {
  VM_EXEC,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  type VmFlags,
} from '../../src/os/linux/mm/vmas/vma.js';
import { type AllHookArguments, HOOK_NAMES, type HookName } from '../../src/policy/hooks.js';
import type {
  MapRequest,
  MmFacts,
  Policy,
  ProtectRequest,
  Verdict,
} from '../../src/policy/policy.js';

import type { PolicyStack } from '../../src/policy/stack.js';

export const PAGE = 0x7000_0000n;

const LETTERS: Readonly<Record<string, number>> = {
  r: VM_READ,
  w: VM_WRITE,
  x: VM_EXEC,
  R: VM_MAYREAD,
  W: VM_MAYWRITE,
  X: VM_MAYEXEC,
  s: VM_SHARED,
  S: VM_MAYSHARE,
};

/** 'rw RWX': lower case rights, upper case may bits, s and S for VM_SHARED and VM_MAYSHARE. */
export function vm(letters: string): VmFlags {
  return [...letters.replace(/[ -]/g, '')].reduce((flags, letter) => {
    const bit = LETTERS[letter];
    if (bit === undefined) throw new Error(`no VM_ bit for '${letter}'`);
    return flags | bit;
  }, 0);
}

export function letters(flags: VmFlags): string {
  const text = (set: string): string => [...set].filter((l) => flags & LETTERS[l]!).join('');
  return `${text('rwxs')} ${text('RWXS')}`.trim();
}

/** PROT_* or VM_* rights of 'rwx', 'r-x', 'none'. */
export function prot(text: string): number {
  return text === 'none' ? 0 : vm(text.replace(/-/g, ''));
}

export function facts(overrides: Partial<MmFacts> = {}): MmFacts {
  return {
    arch: 'x86-64',
    nx: true,
    personality: 0,
    startBrk: 0x60_0000n,
    brk: 0x62_1000n,
    startStack: 0x7fff_ffff_e000n,
    stackPointer: 0x7fff_ffff_d000n,
    restrictedWx: false,
    mdwe: 0,
    ...overrides,
  };
}

export function vma(flags: string | VmFlags, overrides: Partial<Vma> = {}): Vma {
  return {
    start: PAGE,
    end: PAGE + 0x1000n,
    flags: typeof flags === 'string' ? vm(flags) : flags,
    object: undefined,
    pageOffset: 0,
    anonVma: false,
    name: '',
    pkey: 0,
    sealed: false,
    ...overrides,
  };
}

/** A mapping request; `flags` as for vm(), with every may bit when it names none. */
export function mapping(flags: string, overrides: Partial<MapRequest> = {}): MapRequest {
  const bits = vm(/[RWX]/.test(flags) ? flags : `${flags}RWX`);
  return {
    range: { start: PAGE, end: PAGE + 0x1000n },
    prot: bits & 7,
    mapFlags: 0x22,
    flags: bits,
    object: undefined,
    origin: 'mmap',
    ...overrides,
  };
}

/** A change of `before` to the rights of `text`; the may bits stay. */
export function change(
  before: Vma,
  text: string,
  overrides: Partial<ProtectRequest> = {},
): ProtectRequest {
  const rights = prot(text);
  return {
    range: { start: before.start, end: before.end },
    prot: rights,
    flags: (before.flags & ~7) | rights,
    ...overrides,
  };
}

export function object(overrides: Partial<MemoryObject> = {}): MemoryObject {
  return {
    kind: 'file',
    path: '/tmp/code',
    inode: 42,
    device: '00:10',
    inodePrivate: false,
    label: { type: 'tmp_t', class: 'file' },
    size: 4096,
    readsAsZero: false,
    read: () => new Uint8Array(0),
    write: () => ({ ok: true, value: 0 }),
    truncate: () => ({ ok: true, value: 0 }),
    frame: () => undefined,
    ...overrides,
  };
}

/** 'ok', 'narrow rw RW', 'EACCES wx/write-exec', 'kill SIGKILL pax/no-exec', 'note selinux/execmem'. */
export function text(verdict: Verdict | undefined): string {
  if (verdict === undefined) return 'no hook';
  switch (verdict.kind) {
    case 'allow':
      return verdict.rule === undefined ? 'ok' : `note ${verdict.rule}`;
    case 'narrow':
      return `narrow ${letters(verdict.flags)}`;
    case 'deny':
      return `${verdict.errno} ${verdict.rule}`;
    case 'kill':
      return `kill ${verdict.signal} ${verdict.rule}`;
  }
}

/** One mprotect as mm does it over one VMA: rights hook, may bits, late hook. The VMA after it, or the errno. */
export function doProtect(
  policy: Policy,
  before: Vma,
  request: string | ProtectRequest,
  given: MmFacts,
): { readonly result: string; readonly vma: Vma } {
  const asked = typeof request === 'string' ? change(before, request) : request;
  const refuse = (errno: string): { result: string; vma: Vma } => ({ result: errno, vma: before });
  const early = policy.mprotectArguments?.(asked.prot, asked.range, given);
  if (early?.kind === 'deny') return refuse(early.errno);
  const rights = policy.mprotectRights?.(before, asked, given);
  if (rights?.kind === 'deny') return refuse(rights.errno);
  const flags = rights?.kind === 'narrow' ? rights.flags : asked.flags;
  if (flags & 7 & ~(before.flags >> 4)) return refuse('EACCES');
  const late = policy.mprotect?.(before, { ...asked, flags }, given);
  if (late?.kind === 'deny') return refuse(late.errno);
  const after = late?.kind === 'narrow' ? late.flags : flags;
  return { result: 'ok', vma: { ...before, flags: after } };
}

/** One mmap as mm does it: every map hook in order. */
export function doMap(
  policy: Policy,
  request: MapRequest,
  given: MmFacts,
): { readonly result: string; readonly vma: Vma } {
  let now = request;
  for (const hook of ['mmapFile', 'mmapFlags', 'mmapRegion', 'mmapRegionPost'] as const) {
    const verdict = policy[hook]?.(now, given);
    if (verdict?.kind === 'deny') return { result: verdict.errno, vma: vma(0) };
    if (verdict?.kind === 'kill') return { result: verdict.signal, vma: vma(0) };
    if (verdict?.kind === 'narrow') now = { ...now, flags: verdict.flags };
  }
  return { result: 'ok', vma: vma(now.flags, { object: now.object }) };
}

/** A whole stack in the place of one policy. */
export function policyOf(stack: PolicyStack): Policy {
  const hooks = HOOK_NAMES.map((hook) => [
    hook,
    (...args: AllHookArguments[HookName]) => stack.ask(hook, ...args),
  ]);
  return { name: 'stack', ...Object.fromEntries(hooks) };
}
