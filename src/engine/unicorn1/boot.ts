/**
 * Brings a CPU to the state that its profile describes: mode, privilege, segments, control registers, x87 and
 * SSE ready.
 *
 * The hidden parts of the segments and the hidden flags are written as QEMU keeps them, so no boot code
 * runs. Where the profile has a GDT, that is one page which exists for the CPU's own accesses only (supervisor
 * mode): a guest that touches its address gets an ordinary page fault.
 */

import {
  AVX_LENGTH,
  AVX_OFFSET,
  areaLength,
  enabledState,
  STATE_AVX,
} from '../carried/xsave-area.js';
import { type CpuProfile, GDT_ENTRIES } from '../cpu-profile.js';
import { UC_X86_REG_EFLAGS, UC_X86_REG_FPCW, UC_X86_REG_MXCSR } from './api.js';
import { controlFlags } from './control.js';
import type { Machine } from './machine.js';
import {
  CPUID_13,
  CPUID_13_LEAVES,
  ENV,
  FEATURES_7_ECX_CELL,
  HF,
  SEGMENT,
  SEGMENT_CS,
  SEGMENT_DS,
  SEGMENT_ES,
  SEGMENT_FS,
  SEGMENT_GS,
  SEGMENT_SS,
  TICKS,
} from './offsets.js';
import { storeSegment } from './segments.js';

/** IF and the bit that is always set. */
export const EFLAGS_USER = 0x202;
/** A kernel begins with interrupts off. */
const EFLAGS_KERNEL = 0x2;
const FPCW_INITIAL = 0x37f;
const MXCSR_INITIAL = 0x1f80;
const LAST_CPUID_LEAF = 7;
const LAST_CPUID_LEAF_XSAVE = 13;
/** XSAVEOPT, XSAVEC with compacted areas, XGETBV with ECX 1. */
const XSAVE_FORMS = 7;
/** `gdt` is where the engine's GDT lies in the module's memory. */
export function boot(machine: Machine, gdt: number, profile: CpuProfile, seed = 1): void {
  const { heap, env } = machine;
  const { segments, privilege } = profile;
  machine.reset();
  heap.writeU64(TICKS, 0n);
  heap.bytes.fill(0, gdt, gdt + 4096);
  for (const [index, descriptor] of profile.gdt?.entries ?? []) {
    heap.writeU64(gdt + index * 8, descriptor);
  }
  heap.writeU64(env + ENV.GDT + SEGMENT.BASE, profile.gdt?.address ?? 0n);
  heap.writeU32(env + ENV.GDT + SEGMENT.LIMIT, profile.gdt === undefined ? 0 : GDT_ENTRIES * 8 - 1);
  storeSegment(machine, SEGMENT_CS, segments.cs);
  storeSegment(machine, SEGMENT_SS, segments.ss);
  storeSegment(machine, SEGMENT_DS, segments.ds);
  storeSegment(machine, SEGMENT_ES, segments.es);
  storeSegment(machine, SEGMENT_FS, segments.fs);
  storeSegment(machine, SEGMENT_GS, segments.gs);
  heap.writeU32(env + ENV.HFLAGS, hiddenFlags(profile));
  heap.writeU64(env + ENV.CR0, profile.cr0);
  heap.writeU64(env + ENV.CR4, profile.cr4);
  heap.writeU64(env + ENV.EFER, profile.efer);
  heap.writeU64(env + ENV.RANDOM, BigInt(seed));
  setFeatures(machine, profile);
  setArithmetic(machine, privilege === 0 ? EFLAGS_KERNEL : EFLAGS_USER);
}

/** env->hflags, which QEMU derives from the other registers. */
function hiddenFlags({ arch, privilege, cr0, cr4 }: CpuProfile): number {
  return (
    privilege |
    (HF.SOFTMMU | HF.CS32 | HF.SS32) |
    (arch === 'x86-64' ? HF.LMA | HF.CS64 : 0) |
    controlFlags(cr0, cr4)
  );
}

function setFeatures({ heap, env }: Machine, { features, extensions }: CpuProfile): void {
  const { leaf1Edx, leaf1Ecx, leaf7Ebx, leaf7Ecx, extendedEdx, extendedEcx } = features;
  const xsave = extensions.has('xsave');
  heap.writeU32(env + ENV.CPUID_LEVEL, xsave ? LAST_CPUID_LEAF_XSAVE : LAST_CPUID_LEAF);
  const xcr0 = enabledState(extensions);
  const length = areaLength(xcr0);
  const leaves = xsave
    ? [
        ...[xcr0, length, length, 0],
        ...[XSAVE_FORMS, length, 0, 0],
        ...(xcr0 & STATE_AVX ? [AVX_LENGTH, AVX_OFFSET, 0, 0] : [0, 0, 0, 0]),
      ]
    : Array<number>(4 * CPUID_13_LEAVES).fill(0);
  for (const [i, word] of leaves.entries()) heap.writeU32(CPUID_13 + 4 * i, word);
  [leaf1Edx, leaf1Ecx, leaf7Ebx, extendedEdx, extendedEcx].forEach((word, i) => {
    heap.writeU32(env + ENV.FEATURES + 4 * i, word);
  });
  heap.writeU32(FEATURES_7_ECX_CELL, leaf7Ecx);
}

/** Flags, x87 and SSE through the API, which also sets what QEMU derives (lazy flags, rounding). */
function setArithmetic(machine: Machine, eflags: number): void {
  const { heap, env, module, handle, scratch } = machine;
  const set = (register: number, value: number) => {
    heap.writeU64(scratch, BigInt(value));
    machine.check(module.uc.uc_reg_write(handle, register, scratch), 'uc_reg_write');
  };
  set(UC_X86_REG_EFLAGS, eflags);
  set(UC_X86_REG_FPCW, FPCW_INITIAL);
  set(UC_X86_REG_MXCSR, MXCSR_INITIAL);
  heap.bytes.fill(1, env + ENV.FPTAGS, env + ENV.FPTAGS + 8);
}
