/**
 * CPUID leaf 7, ECX, where protection keys are announced (QEMU target-i386/cpu.c:cpu_x86_cpuid). Unicorn
 * 1.0.3 knows nothing of that register and answers 0. Here it answers what the engine port has written
 * to FEATURES_7_ECX_CELL.
 */
import { FEATURES_7_ECX_CELL } from '../../../engine/unicorn1/offsets.js';

/** `*ebx = count == 0 ? env->features[FEAT_7_0_EBX] : 0; *ecx = 0;` */
const LEAF_7 = 'case 7:return n[a>>2]=0,n[i>>2]=r?0:0|n[A+35384>>2],n[f>>2]=0,';
const WITH_ECX = LEAF_7.replace('n[f>>2]=0,', `n[f>>2]=r?0:0|n[${FEATURES_7_ECX_CELL / 4}],`);

export function patchCpuid(source: string): string {
  if (source.split(LEAF_7).length !== 2) throw new Error(`expected once in the engine: ${LEAF_7}`);
  return source.replace(LEAF_7, WITH_ECX);
}
