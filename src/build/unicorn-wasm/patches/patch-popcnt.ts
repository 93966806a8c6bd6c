/**
 * `popcnt` of 16 and 32 bits. QEMU's helper of that age (int_helper.c) sets ZF by the whole register that
 * holds the operand, bits above it included. It now gets the operand alone.
 */
import { TranslateError } from '../read/source.js';

/** helper_popcnt(env, lo, hi, size): `CC_SRC = n ? 0 : CC_Z` and what comes of it. */
const HEAD = 'return P=!((e|=0)|(d=r|=0)),d=0,Q=0,V=P?d:Q,i=D=P?64:0,n[160+(D=A|=0)>>2]=i,';
/** MO_16 and MO_32. */
const OPERAND_ALONE = '1==(0|a)&&(e&=65535,r=0),2==(0|a)&&(r=0),';

export function patchPopcnt(source: string): string {
  const found = source.split(HEAD).length - 1;
  if (found !== 1) throw new TranslateError(`expected one popcnt in the engine, found ${found}`);
  return source.replace(HEAD, HEAD.replace('return ', `return ${OPERAND_ALONE}`));
}
