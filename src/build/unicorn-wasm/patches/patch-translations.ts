/**
 * Translations that stay (cpu-exec.c, tci.c).
 *
 * Unicorn drops all translated code at the end of each run, "because emulation might stop in the middle of
 * translation". What is half translated is found by nobody, and the engine port says when code has changed
 * between two runs; so that is left out.
 *
 * 1. `cpu_exec` keeps translations when it ends.
 * 2. `flush_code(env)` and `invalidate_code(uc, start, end, 0)`, of RAM addresses, are exported for the port.
 * 3. Where a block ends with a jump to an address that is computed, the interpreter looks for the next block itself
 *    (`tb_find_fast`) and goes on there; before, each such jump left it through two guarded calls of the shell. A jump to
 *    where the run is to end stops it.
 * 4. A stop that was asked for leaves `cpu_exec` without longjmp.
 */
import {
  BLOCKS_LEFT_CELL,
  CPU,
  END_CELL,
  END_PLACE,
  ENV,
  PLACE_CELL,
  PLACE_HIGH_CELL,
  PLACE_MASK_CELL,
  TB,
} from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

/** What follows each guarded call in cpu_exec: an exception that longjmp reports goes to its setjmp. */
const GUARD =
  'f=0|n[i>>2],n[i>>2]=0,c=cA,i=-1,f&&(c=0|n[c>>2])){if(!(i=0|Or(0|f,r+12|0)))break e;pa(0|c)}if(f=0|Ya(),1==(0|i))break i;';
/** `tb_flush(env)`, function 58 of the table. */
const FLUSH = `if(n[(i=nA)>>2]=0,U(58,0|G),${GUARD}break A}`;
const FLUSH_FUNCTION = ',Ba,da,h,function(A){';

/** `if (cpu->exit_request) { cpu->exit_request = 0; cpu->exception_index = EXCP_INTERRUPT; cpu_loop_exit(cpu); }` */
const EXIT = 'if(n[J>>2]=0,n[B>>2]=65536,n[(i=nA)>>2]=0,U(59,0|N),';
const EXIT_END = 'f=0|Ya();break i}';
/** As what longjmp leads to: `cpu->current_tb`, `can_do_io` and `cc->cpu_exec_exit(cpu)`. */
const EXIT_NEW = `n[J>>2]=0,n[B>>2]=65536,o=65536,n[N+${CPU.CURRENT_TB}>>2]=0,n[16756+(0|n[Q>>2])>>2]=0,Pk[0|n[lA+176>>2]](0|N);break A}`;

const EXPORTS = 'uc_version:function(A,e){';
const OUR_EXPORTS = 'flush_code:function(A){A|=0,Pk[58](0|A)},invalidate_code:ft,';

/** `INDEX_op_exit_tb`: what it returns are the four bytes at `e`; 0 when no block can be linked to the next. */
const EXIT_TB = 'case 120:break A;';
const LEFT = `n[${BLOCKS_LEFT_CELL / 4}]`;
const EXIT_TB_NEW =
  'case 120:if(t[0|e]|t[e+1|0]<<8|t[e+2|0]<<16|t[e+3|0]<<24)break A;' +
  `if(!(s=0|nextX(0|A)))break A;if((0|${LEFT})<1)break A;${LEFT}=(0|${LEFT})-1|0,e=s;continue r;`;

/** `env->eflags & (IOPL_MASK | TF_MASK | RF_MASK | VM_MASK | AC_MASK)`, which are in a block's key. */
const KEY_FLAGS = 471296;
/** nextX(env): where the next block's code is, 0 when it is not known or something else is to be done first. */
const NEXT = [
  'function nextX(A){A|=0;var e=0,r=0,a=0,i=0,f=0;',
  `e=A+-${CPU.ENV}|0;`,
  `if(n[e+${CPU.EXIT_REQUEST}>>2]|n[e+${CPU.INTERRUPT_REQUEST}>>2])return 0;`,
  // The program counter and the code segment's base.
  `i=0|n[A+${ENV.CS_BASE}>>2],r=i+(0|n[A+${ENV.EIP}>>2])|0;`,
  `a=(0|n[A+${ENV.CS_BASE + 4}>>2])+(0|n[A+${ENV.EIP + 4}>>2])|0;`,
  'if(r>>>0<i>>>0)a=a+1|0;',
  // Where the run is to end: the fault that a fetch from there would raise takes a hundred times as long.
  `if((n[${PLACE_MASK_CELL / 4}]&r)==(0|n[${PLACE_CELL / 4}]))if((0|n[${PLACE_HIGH_CELL / 4}])==(0|a)){` +
    `n[${END_CELL / 4}]=${END_PLACE},ck(0|n[A+36092>>2]);return 0}`,
  // tb_jmp_cache_hash_func
  'f=r^(r>>>6|a<<26);',
  `f=0|n[(e+${CPU.TB_JMP_CACHE}|0)+((f>>>6&4032|f&63)<<2)>>2];`,
  'if(!f)return 0;',
  `if(((0|n[f+${TB.PC}>>2])!=(0|r))|((0|n[f+${TB.PC + 4}>>2])!=(0|a)))return 0;`,
  `if(((0|n[f+${TB.CS_BASE}>>2])!=(0|i))|((0|n[f+${TB.CS_BASE + 4}>>2])!=(0|n[A+${ENV.CS_BASE + 4}>>2])))return 0;`,
  `i=n[A+${ENV.EFLAGS}>>2]&${KEY_FLAGS}|n[A+${ENV.HFLAGS}>>2];`,
  `if((0|n[f+${TB.FLAGS}>>2])!=(0|i))return 0;`,
  `n[e+${CPU.CURRENT_TB}>>2]=f;`,
  `return 0|n[f+${TB.CODE}>>2]}`,
].join('');
const FUNCTION = 'function Un(A,e){';

export function patchTranslations(source: string): string {
  const start = only(source, EXIT);
  const end = source.indexOf(EXIT_END, start) + EXIT_END.length;
  if (end - start > 250) throw new TranslateError(`the engine leaves its loop otherwise: ${EXIT}`);
  only(source, FLUSH_FUNCTION);
  return [
    [source.slice(start, end), EXIT_NEW],
    [FLUSH, 'break A}'],
    [EXPORTS, `${OUR_EXPORTS}${EXPORTS}`],
    [EXIT_TB, EXIT_TB_NEW],
    [FUNCTION, `${NEXT}${FUNCTION}`],
  ].reduce((text, [from, to]) => {
    only(text, from!);
    return text.replace(from!, () => to!);
  }, source);
}

function only(source: string, text: string): number {
  const found = source.indexOf(text);
  if (found < 0 || source.indexOf(text, found + 1) >= 0)
    throw new TranslateError(`expected once in the engine's text: ${text}`);
  return found;
}
