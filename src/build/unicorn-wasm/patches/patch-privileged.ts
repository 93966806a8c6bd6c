/**
 * Privileged instructions that change how addresses are translated: `mov` to CR0, CR3 and CR4, and `invlpg`
 * (misc_helper.c of target-i386). Page tables and their TLB are the engine port's, so that whoever owns them carries
 * these out: at privilege level 0 they raise #GP with the exact state, as port instructions do (patch-mmu-fault.ts, 3),
 * and the world decodes what they were.
 */
import { RAISE_ACCESS } from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

const GENERAL_PROTECTION = 13;
/** `tlb_fill(cpu, vector, 0, RAISE_ACCESS, user, retaddr)`, as in RAISE_WITH_STATE of patch-mmu-fault.ts. */
const RAISE = `Bn(A+-16768|0,${GENERAL_PROTECTION},0,${RAISE_ACCESS},1,0|n[35200])`;

/** helper_write_crN(env, register, value); CR2 and CR8 change no translation. */
const WRITE_CR = 'function gn(A,e,r,i){r|=0,i|=0;var f,c=0;Rn(0|(A|=0),(e|=0)+16|0,0,0|(c=0));';
const WRITE_CR_RAISES = WRITE_CR.replace(
  'Rn(0|(A|=0),(e|=0)+16|0,0,0|(c=0));',
  `A|=0,e|=0;if((0|e)!=2&(0|e)!=8)${RAISE};`,
);

/** helper_invlpg(env, address): the check for SVM, then tlb_flush_page(). */
const INVLPG = 'e|=0,r|=0,Rn(0|(A|=0),121,0,0),kt(A+-16768|0,0|e,0|r)';
const INVLPG_RAISES = `A|=0,e|=0,r|=0,${RAISE}`;

export function patchPrivileged(source: string): string {
  return [
    [WRITE_CR, WRITE_CR_RAISES],
    [INVLPG, INVLPG_RAISES],
  ].reduce((text, [from, to]) => {
    const parts = text.split(from!);
    if (parts.length !== 2) throw new TranslateError(`expected once in the engine's text: ${from}`);
    return parts.join(to);
  }, source);
}
