/**
 * Calling conventions as data: which registers carry arguments, who cleans the stack, what a callee
 * must preserve. Sources: System V ABI AMD64 (3.2), System V ABI i386 (2.2), Microsoft "x64 calling
 * convention", "__stdcall" and "__fastcall".
 */

import type { Arch } from '../../base/address.js';
import { unknownValue } from '../../base/errors.js';
import { ownEntry } from '../../base/own-entry.js';
import type { TypeModel } from './value-type.js';

export const ABIS = ['sysv', 'win64', 'cdecl', 'stdcall', 'fastcall'] as const;
export type AbiName = (typeof ABIS)[number];

export interface Convention {
  readonly name: AbiName;
  readonly arch: Arch;
  readonly word: 4 | 8;
  readonly model: TypeModel;
  readonly integers: readonly string[];
  readonly floats: readonly string[];
  /** The n-th argument has the n-th register of either kind (Win64). */
  readonly sharedSlots: boolean;
  /** Bytes above the return address that belong to the callee. */
  readonly shadow: number;
  /** Bytes below the stack pointer that signal handlers leave alone. */
  readonly redZone: number;
  /** Of the stack pointer at a call, before the return address is pushed. */
  readonly stackAlign: number;
  /** The callee removes its arguments from the stack. */
  readonly calleeCleans: boolean;
  readonly calleeSaved: readonly string[];
  /** al: how many vector registers a variadic call uses. */
  readonly vectorCount: boolean;
}

const SYSV: Convention = {
  name: 'sysv',
  arch: 'x86-64',
  word: 8,
  model: { word: 8, long: 8, align8: 8 },
  integers: ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'],
  floats: Array.from({ length: 8 }, (_, index) => `xmm${index}`),
  sharedSlots: false,
  shadow: 0,
  redZone: 128,
  stackAlign: 16,
  calleeCleans: false,
  calleeSaved: ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'],
  vectorCount: true,
};

const WIN64: Convention = {
  ...SYSV,
  name: 'win64',
  model: { word: 8, long: 4, align8: 8 },
  integers: ['rcx', 'rdx', 'r8', 'r9'],
  floats: ['xmm0', 'xmm1', 'xmm2', 'xmm3'],
  sharedSlots: true,
  shadow: 32,
  redZone: 0,
  calleeSaved: [
    ...['rbx', 'rbp', 'rdi', 'rsi', 'r12', 'r13', 'r14', 'r15'],
    ...Array.from({ length: 10 }, (_, index) => `xmm${index + 6}`),
  ],
  vectorCount: false,
};

const CDECL: Convention = {
  name: 'cdecl',
  arch: 'i386',
  word: 4,
  model: { word: 4, long: 4, align8: 4 },
  integers: [],
  floats: [],
  sharedSlots: false,
  shadow: 0,
  redZone: 0,
  // As GCC and Clang on Linux have kept it since 2.96; the printed ABI says 4.
  stackAlign: 16,
  calleeCleans: false,
  calleeSaved: ['ebx', 'esi', 'edi', 'ebp'],
  vectorCount: false,
};

const STDCALL: Convention = {
  ...CDECL,
  name: 'stdcall',
  model: { word: 4, long: 4, align8: 8 },
  stackAlign: 4,
  calleeCleans: true,
};

const FASTCALL: Convention = { ...STDCALL, name: 'fastcall', integers: ['ecx', 'edx'] };

const CONVENTIONS: Readonly<Record<AbiName, Convention>> = {
  sysv: SYSV,
  win64: WIN64,
  cdecl: CDECL,
  stdcall: STDCALL,
  fastcall: FASTCALL,
};

/** What a C compiler uses in that world when nothing is said. */
export function defaultAbi(arch: Arch, os: string): AbiName {
  if (arch === 'i386') return 'cdecl';
  return os === 'linux' ? 'sysv' : 'win64';
}

/** @throws MayexecError for an unknown name. */
export function conventionOf(name: string): Convention {
  const convention = ownEntry(CONVENTIONS, name);
  if (convention === undefined) throw unknownValue('abi', name, ABIS);
  return convention;
}
