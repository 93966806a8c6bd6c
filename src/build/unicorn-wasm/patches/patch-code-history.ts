/**
 * What the engine port needs to know of code that is rewritten (exec.c, translate-all.c; src/engine/unicorn1/code-history.ts).
 *
 * 1. `notdirty_mem_write`, which makes each store to a page that may hold translated code, tells the port of it when it is
 *    made: STORED_CELL, with the ram_addr_t and the number of bytes. Where the answer is not 0 the page stays one
 *    of those, even when no code of it is left.
 * 2. `tb_gen_code` tells of each block that it has translated: TRANSLATED_CELL, with the struct TranslationBlock.
 */
import { STORED_CELL, TRANSLATED_CELL } from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

/** `notdirty_mem_write(uc, opaque, ram_addr, val, size)`; `b` is the size, and something else later on. */
const WRITE =
  'function(A,e,r,i,f,c,b){f|=0,c|=0,b|=0;var k,s=0,u=0,o=0,S=0,E=0,I=0,l=0,v=0,X=0,N=0,M=0;eA=k=eA-48|0,';
/** `if (cpu_physical_memory_get_dirty_flag(...)) tlb_set_dirty(...)`, where the store is made; `S` is the address. */
const SET_DIRTY = '(0|ct(0|n[A+800>>2],0|E,0|l))>>>0>=E>>>0||(u=b=0|n[A+180>>2]';
const TELL_STORED = `0|Pk[0|n[${STORED_CELL / 4}]](0|S,0|pX,0)||`;

/** The end of `tb_gen_code`; `I` is the block. */
const GENERATED = 'o=I}return 0|o}Ib(D+-16768|0,81410,0)';
const TELL_TRANSLATED = `o=0|Pk[0|n[${TRANSLATED_CELL / 4}]](0|I,0,0),`;

export function patchCodeHistory(source: string): string {
  return [
    [WRITE, WRITE.replace('var k,', 'var k,pX=0,').replace('eA=k=', 'pX=b,eA=k=')],
    [SET_DIRTY, `${TELL_STORED}${SET_DIRTY}`],
    [GENERATED, `${TELL_TRANSLATED}${GENERATED}`],
  ].reduce((text, [from, to]) => {
    if (text.split(from!).length !== 2)
      throw new TranslateError(`expected once in the engine's text: ${from}`);
    return text.replace(from!, () => to!);
  }, source);
}
