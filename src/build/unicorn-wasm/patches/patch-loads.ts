/**
 * Three host loads that the engine's bytecode interpreter leaves out: `ld8s`, `ld16u` and `ld16s`
 * (QEMU tci.c says TODO there and aborts). The code generator does emit `ld16u`, for PEXTRW, so that
 * a guest could end the whole engine with one instruction. They become what `ld8u` beside them is.
 *
 * As all patches it changes the text of one exact file (see source.ts) before either form is built.
 */
import { TranslateError } from '../read/source.js';

/** `ld8u`, and the two cases that print TODO and abort; `$1` is the target, `$2` the address. */
const LOADS =
  /case 14:(n\[\(e=140736\)\+\(t\[i\+2\|0\]<<2\)>>2\])=0\|t\[([^;]*?)\|0\],e=i\+8\|0;continue r;case 15:case 16:n\[r\+180>>2\]=596,[^;]*,_\(\);case 17:n\[r\+212>>2\]=599,[^;]*,_\(\);(?=case 18:)/g;

const WITH_ALL =
  'case 14:$1=0|t[$2|0],e=i+8|0;continue r;' +
  'case 15:$1=t[$2|0]<<24>>24,e=i+8|0;continue r;' +
  'case 16:$1=0|E[$2>>1],e=i+8|0;continue r;' +
  'case 17:$1=E[$2>>1]<<16>>16,e=i+8|0;continue r;';

export function patchLoads(source: string): string {
  const found = [...source.matchAll(LOADS)].length;
  if (found !== 1)
    throw new TranslateError(`expected the interpreter's loads once in the engine, found ${found}`);
  return source.replace(LOADS, WITH_ALL);
}
