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
 * 1a. It ends as well where it has TRANSLATION_BYTES, and not only where it has no room for more.
 * 2. The two ends that are none of the program's add one to the blocks that are left, unless the page ends there too.
 * 3. So does an instruction that begins again because it stored to its own block.
 * 4. A block that goes on from one line of code into another counts LINE_BLOCKS more, between its two instructions. Where
 *    the lines are depends on nothing but addresses, so that it makes no difference where a block was interrupted. After an
 *    instruction that takes far longer than others (in user mode) it counts some more.
 */
import {
  BLOCKS_LEFT_CELL,
  CONTINUES_CELL,
  ENV,
  HF,
  LINE_BLOCKS,
  LINE_BYTES,
  TRANSLATION_BYTES,
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
/** After an instruction that ends no block: `pc` is where the next one begins. */
const costUnless = (otherPage: string, pc: string): string =>
  `costX(0|A,0|i,0|${pc},0|${otherPage});`;
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
const addToLeft = (count: string): string[] => [
  emit(MOVI, ['a', String(BLOCKS_LEFT_CELL)]),
  emit(LOAD, ['e', 'a', '0']),
  emit(MOVI, ['a', count]),
  emit(ADD, ['e', 'e', 'a']),
  emit(MOVI, ['a', String(BLOCKS_LEFT_CELL)]),
  emit(STORE, ['e', 'a', '0']),
];
const BEGIN = 'var e=0,r=0,a=0;e=0|n[n[A+199996>>2]>>2],a=e+1|0,';
/** markX(tcg_ctx) and chargeX(tcg_ctx, count) */
const EMITTERS =
  `function markX(A){A|=0;${BEGIN}${[
    ...addToLeft('1'),
    emit(STORE, ['e', 'a', String(CONTINUES_CELL - BLOCKS_LEFT_CELL)]),
  ].join(',')}}` + `function chargeX(A,i){A|=0,i|=0;${BEGIN}${addToLeft('0|i').join(',')}}`;

/** HF_CPL_MASK, HF_CS64_MASK. */
const USER = `(3&n[A+${ENV.HFLAGS}>>2])==3`;
const WIDE = `n[A+${ENV.HFLAGS}>>2]&${HF.CS64}`;
/** helper_ldb_cmmu(env, address, MMU_USER_IDX): a byte of code that has been read before. */
const byteAt = (distance: number): string => `0|_t(0|A,e+${distance}|0,0|r,1)`;
/** Of the prefixes 66, 67, F0, F2, F3 and those of segments, and of REX in 64-bit code. */
const isPrefix = [
  ...[0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].map(
    (prefix) => `((0|a)==${prefix})`,
  ),
  `(((240&a)==64)&((0|f)!=0))`,
].join('|');
/** heavyX(env, address): what the instruction there counts for more than any other. */
const HEAVY = [
  'function heavyX(A,e,r){A|=0,e|=0,r|=0;var a=0,i=0,f=0;',
  `if(!(${USER}))return 0;f=${WIDE};`,
  `l:for(;;){a=${byteAt(0)};if(!(${isPrefix}))break l;e=e+1|0,r=r+((0|e)==0)|0,i=i+1|0;if((0|i)>14)return 0}`,
  // pusha, popa
  'if((0|a)==96|(0|a)==97)return f?0:3;',
  // enter with frames of outer procedures
  `if((0|a)==200)return (31&(${byteAt(3)}))+1>>1;`,
  `if((0|a)==15){a=${byteAt(1)};if((0|a)==162)return 1;if((0|a)!=174)return 0;`,
  `a=${byteAt(2)};return(192&a)!=192&(56&a)<16?3:0}`,
  // fbld, fbstp; frstor, fnsave; fldenv, fnstenv
  `i=(0|a)==223?4:(0|a)==221?3:(0|a)==217?1:0;if(!i)return 0;`,
  `a=${byteAt(1)};return(192&a)!=192&(40&a)==32?0|i:0}`,
].join('');
/** costX(env, dc, pc, otherPage): `dc->prev_pc` is where the instruction began that is translated now. */
const COST =
  'function costX(A,e,r,a){A|=0,e|=0,r|=0,a|=0;var i=0;i=0|heavyX(0|A,0|n[e+184>>2],0|n[e+188>>2]);' +
  `if(-${LINE_BYTES}&(r^n[e+184>>2]))if(!(n[e+116>>2]|a))i=i+${LINE_BLOCKS}|0;` +
  'if(i)chargeX(0|n[864+(0|n[e+176>>2])>>2],0-i|0)}';
const FUNCTIONS = `${EMITTERS}${HEAVY}${COST}`;

/** As patch-stores.ts has made it. */
const RESTART = '=1,n[c+288>>2]=0,k=g,';
const LEFT = `n[${BLOCKS_LEFT_CELL / 4}]`;
const GIVE_BACK = `${LEFT}=1+(0|${LEFT})|0,n[${CONTINUES_CELL / 4}]=0|${LEFT}`;

export function patchBlocks(source: string): string {
  return [
    [SINGLE, `${costUnless(OTHER_PAGE, 'M')}${SINGLE}${MARK}`],
    [FULL, `${short(FULL).replace('||(c=k', `||${OTHER_PAGE}||(c=k`)}${MARK}`],
    [
      INLINED_FULL,
      `${short(INLINED_FULL).replace('||!(', `||${INLINED_OTHER_PAGE}||!(`)}${INLINED_MARK}`,
    ],
    [
      INLINED_SINGLE,
      INLINED_SINGLE.replace('}}s=', `}${costUnless(INLINED_OTHER_PAGE, 'G')}}${INLINED_MARK}s=`),
    ],
    [
      INLINED_NEXT,
      INLINED_NEXT.replace('break e}', `break e}${costUnless(INLINED_OTHER_PAGE, 'G')}`),
    ],
    [FUNCTION, `${FUNCTIONS}${FUNCTION}`],
    [RESTART, `=1,${GIVE_BACK},n[c+288>>2]=0,k=g,`],
  ].reduce((text, [from, to]) => replaceOnly(text, from!, to!), source);
}

/** `TARGET_PAGE_SIZE - 32` bytes at most are too many to translate again for one that has changed. */
function short(full: string): string {
  return full.replace('=4063)', `=${TRANSLATION_BYTES})`);
}

function replaceOnly(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new TranslateError(`expected once in the engine's text: ${from}`);
  return parts.join(to);
}
