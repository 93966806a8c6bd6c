/**
 * CPUID (QEMU target-i386/cpu.c:cpu_x86_cpuid). Of leaf 7, ECX, where protection keys are announced, Unicorn 1.0.3
 * knows nothing and answers 0. Here it answers what the engine port has written to FEATURES_7_ECX_CELL. Leaf 13, about
 * XSAVE, it leaves all zero; here its sub-leaves are at CPUID_13, four words each.
 */
import {
  CPUID_13,
  CPUID_13_LEAVES,
  FEATURES_7_ECX_CELL,
} from '../../../engine/unicorn1/offsets.js';

/** `*ebx = count == 0 ? env->features[FEAT_7_0_EBX] : 0; *ecx = 0;` */
const LEAF_7 = 'case 7:return n[a>>2]=0,n[i>>2]=r?0:0|n[A+35384>>2],n[f>>2]=0,';
const WITH_ECX = LEAF_7.replace('n[f>>2]=0,', `n[f>>2]=r?0:0|n[${FEATURES_7_ECX_CELL / 4}],`);

/** `r` is the sub-leaf; the results go to *a, *i, *f and *c. */
const LEAF_13 = 'case 10:break c;case 13:break e}return n[a>>2]=0,';
const at = (word: number): string => `0|n[${CPUID_13 + 4 * word}+(r<<4)>>2]`;
const WITH_XSAVE = LEAF_13.replace(
  'case 13:break e}',
  `case 13:if(r>>>0>=${CPUID_13_LEAVES}>>>0)break e;` +
    `return n[a>>2]=${at(0)},n[i>>2]=${at(1)},n[f>>2]=${at(2)},void(n[c>>2]=${at(3)})}`,
);

export function patchCpuid(source: string): string {
  for (const text of [LEAF_7, LEAF_13])
    if (source.split(text).length !== 2) throw new Error(`expected once in the engine: ${text}`);
  return source.replace(LEAF_7, WITH_ECX).replace(LEAF_13, WITH_XSAVE);
}
