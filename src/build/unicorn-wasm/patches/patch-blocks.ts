/**
 * What counts as a block, however it is translated (`gen_intermediate_code_internal` of translate.c and the
 * interpreter of tci.c).
 *
 * A block ends at a branch, a system call, an instruction that changes how the next ones are decoded (a load of a
 * segment, `popf`), or where the next instruction begins in another page. QEMU ends a translation also where
 * it ran out of room for its own operations, which is elsewhere when every instruction is hooked, and after a single
 * instruction where it must run one alone (a store to its own block, the shadow of `mov ss`). What begins after such
 * an end is to count nothing: the end gives back the one that it will be counted.
 *
 * 1. A translation ends where the page ends.
 * 2. The two ends that are none of the program's add one to the blocks that are left, unless the page ends there too.
 * 3. So does an instruction that begins again because it stored to its own block.
 * 4. A block that goes on from one line of code into another counts LINE_BLOCKS more, between its two instructions. Where
 *    the lines are depends on nothing but addresses, so that it makes no difference where a block was interrupted.
 */
import {
  BLOCKS_LEFT_CELL,
  CONTINUES_CELL,
  LINE_BLOCKS,
  LINE_BYTES,
} from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

/** `if (dc->tf || dc->singlestep_enabled || (flags & HF_INHIBIT_IRQ_MASK)) {` */
const SINGLE = 'if(0|n[i+116>>2]||0|n[i+120>>2]||!I){';
/** `if (gen_opc_ptr >= gen_opc_end || (pc_ptr - pc_start) >= TARGET_PAGE_SIZE - 32 || num_insns >= max_insns)` */
const FULL = 's>>>0>(_=4063)>>>0||(c=k,!((b=b+1|0)>>>0<W>>>0))))break e}';
/** pc_ptr is `v:M`, pc_start `B:d`. */
const OTHER_PAGE = '(-4096&(M^d)|v^B)';
/**
 * `i` is the DisasContext, from which the TCG context comes. With the trap flag (`dc->tf`) nothing goes on at once: the
 * trap has its handler run first.
 */
const markUnless = (otherPage: string): string =>
  `if(!(n[i+116>>2]|${otherPage}))markX(0|n[864+(0|n[i+176>>2])>>2]);`;
/** After an instruction that ends no block: `dc->prev_pc` is where it began, `pc` where the next one does. */
const lineUnless = (otherPage: string, pc: string): string =>
  `if(-${LINE_BYTES}&(${pc}^n[i+184>>2]))if(!(n[i+116>>2]|${otherPage}))lineX(0|n[864+(0|n[i+176>>2])>>2]);`;
const MARK = markUnless(OTHER_PAGE);

/** The same function once more, as the optimiser put it into tb_gen_code: both ends, pc_ptr `M:G`, pc_start `c:b`. */
const INLINED_FULL = 'o>>>0>(R=4063)>>>0||!((s=s+1|0)>>>0<B>>>0)))break i}';
const INLINED_SINGLE =
  '0|n[i+32>>2]){I=0;break e}}s=0|n[864+(0|n[i+176>>2])>>2],u=0|n[n[s+199996>>2]>>2],D=N=';
const INLINED_OTHER_PAGE = '(-4096&(G^b)|M^c)';
const INLINED_MARK = markUnless(INLINED_OTHER_PAGE);
/** Behind the call of disas_insn in its loop: `dc->is_jmp`, then `dc->tf` and `singlestep_enabled`. */
const INLINED_NEXT = '0|n[i+32>>2]){I=0;break e}if(n[i+116>>2]|n[i+120>>2])break a;';
const FUNCTION = 'function Un(A,e){e|=0;var r,i,c=0,b=0,';

/** tcg_gen_op2i or tcg_gen_op3i, as they are inlined everywhere. */
const emit = (op: number, args: readonly string[]): string =>
  `r=0|n[A+61080>>2],n[A+61080>>2]=r+2|0,f[r>>1]=${op},` +
  args.map((arg) => `r=0|n[A+61084>>2],n[A+61084>>2]=r+4|0,n[r>>2]=${arg}`).join(',');
/** INDEX_op_movi_i32, INDEX_op_ld_i32, INDEX_op_st_i32 and INDEX_op_add_i32. */
const MOVI = 11;
const LOAD = 18;
const STORE = 21;
const ADD = 22;
/** Adds to the blocks that are left: the cell's address in one half of cpu_tmp0, its value in the other. */
const addToLeft = (count: number): string[] => [
  emit(MOVI, ['a', String(BLOCKS_LEFT_CELL)]),
  emit(LOAD, ['e', 'a', '0']),
  emit(MOVI, ['a', String(count)]),
  emit(ADD, ['e', 'e', 'a']),
  emit(MOVI, ['a', String(BLOCKS_LEFT_CELL)]),
  emit(STORE, ['e', 'a', '0']),
];
const BEGIN = 'A|=0;var e=0,r=0,a=0;e=0|n[n[A+199996>>2]>>2],a=e+1|0,';
/** markX(tcg_ctx) and lineX(tcg_ctx) */
const FUNCTIONS =
  `function markX(A){${BEGIN}${[
    ...addToLeft(1),
    emit(STORE, ['e', 'a', String(CONTINUES_CELL - BLOCKS_LEFT_CELL)]),
  ].join(',')}}` + `function lineX(A){${BEGIN}${addToLeft(-LINE_BLOCKS).join(',')}}`;

/** As patch-stores.ts has made it. */
const RESTART = '=1,n[c+288>>2]=0,k=g,';
const LEFT = `n[${BLOCKS_LEFT_CELL / 4}]`;
const GIVE_BACK = `${LEFT}=1+(0|${LEFT})|0,n[${CONTINUES_CELL / 4}]=0|${LEFT}`;

export function patchBlocks(source: string): string {
  return [
    [SINGLE, `${lineUnless(OTHER_PAGE, 'M')}${SINGLE}${MARK}`],
    [FULL, `${FULL.replace('||(c=k', `||${OTHER_PAGE}||(c=k`)}${MARK}`],
    [INLINED_FULL, `${INLINED_FULL.replace('||!(', `||${INLINED_OTHER_PAGE}||!(`)}${INLINED_MARK}`],
    [
      INLINED_SINGLE,
      INLINED_SINGLE.replace('}}s=', `}${lineUnless(INLINED_OTHER_PAGE, 'G')}}${INLINED_MARK}s=`),
    ],
    [
      INLINED_NEXT,
      INLINED_NEXT.replace('break e}', `break e}${lineUnless(INLINED_OTHER_PAGE, 'G')}`),
    ],
    [FUNCTION, `${FUNCTIONS}${FUNCTION}`],
    [RESTART, `=1,${GIVE_BACK},n[c+288>>2]=0,k=g,`],
  ].reduce((text, [from, to]) => replaceOnly(text, from!, to!), source);
}

function replaceOnly(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new TranslateError(`expected once in the engine's text: ${from}`);
  return parts.join(to);
}
