/** Instructions that a processor of the default sandbox, or any here, lacks: what they are of, and which processor has it. */
import type { Arch } from '../base/address.js';
import { neededExtension } from '../engine/carried/needed.js';
import { cpuWith } from '../engine/cpu-model.js';

/**
 * `the emulated CPU has no AVX2: cpu 'x86-64-v3' has it`, for the first instruction of `code`, which was #UD; undefined for
 * one that no extension known here would carry out.
 */
export function missingExtension(code: Uint8Array, arch: Arch): string | undefined {
  const extension = neededExtension(code, arch === 'x86-64');
  if (extension === undefined) return undefined;
  if (extension === 'avx512') return 'the emulated CPU has no AVX-512, and none here has';
  const name = extension.toUpperCase().replace('_', '.').replace('LAHF.LM', 'LAHF');
  return `the emulated CPU has no ${name}: cpu '${cpuWith(extension)}' has it`;
}
