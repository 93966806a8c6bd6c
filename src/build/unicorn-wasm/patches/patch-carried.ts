/**
 * Instructions that the engine port carries out itself, in TypeScript, without ending the run (disas_insn of
 * translate.c): those that the engine lacks or has wrong.
 *
 * 1. Before the switch over opcodes, a table says which opcodes are asked about. For these `carX` asks the engine port
 *    (CARRIED_DECODE_CELL) once, when the instruction is translated. It answers that the engine does it, that it is
 *    undefined, or with a number. Then all that is translated is a call of a helper with this number. VEX prefixes
 *    are always asked about: patch-mmu-fault.ts has refused them until here.
 * 2. The helper, in the place of `invlpga`, which no guest can reach, calls the engine port (CARRIED_RUN_CELL) until that
 *    has finished. Where memory that it needs is not in the TLB, it says so and is called again from its beginning
 *    once the engine has filled the entry, or has raised the fault with the state at this very instruction. Before
 *    a store, code translated from its bytes is dropped, as prepX of patch-stores.ts does.
 * 3. Of instructions that stay the engine's, the port says whether their vector in memory has to be aligned, and which
 *    prefixes do not count: the last of F2 and F3 does, and 66 does not beside them.
 */
import { CARRIED, CARRY_ACCESS, CPU, RAISE_ACCESS } from '../../../engine/unicorn1/offsets.js';
import { TranslateError } from '../read/source.js';

/** A byte of its prefixes says repz (1), repnz (2), data (8): more than one is for the engine port to sort out. */
const PREFIXES = 'n[e+4>>2]';

/** `reswitch:`, once for each opcode byte; `S` is the opcode, 0x100 and more behind 0F. */
const SWITCH = 'l=1,v=0,z=0,x=1;Ke:switch(0|S){';
/** The labels: `e` leaves with s->pc, `l` is illegal_op. */
const ASKED =
  `l=1,v=0,z=0,x=1;if(0|t[${CARRIED.OPCODES}+S|0]|4&${PREFIXES}|11&${PREFIXES}&(11&${PREFIXES})-1|((0|n[e+16>>2])-r|0)>>>0>4){` +
  'if(2==(0|(v=0|carX(0|A,0|e,0|r,0|i))))break e;if(1==(0|v))break l;v=0}Ke:switch(0|S){';

/** As patch-mmu-fault.ts has made it. */
const VEX = 'break l;X=v>>>4&8,n[e+64>>2]=l>>>2&1,';
const VEX_ASKED = `if(2==(0|carX(0|A,0|e,0|r,0|i)))break e;${VEX}`;

const HELPER = 275;
/** `helper_invlpga(env, aflag)`, as its entry of the table calls it in place. */
const INVLPGA =
  'function(A,e){e|=0;var r,a,i,f,c=0,b=0,k=0;32&t[186+(A|=0)|0]&&4&t[A+3611|0]&&(In(0|A,122,0,0|(c=0)),_()),';

const cell = (address: number): string => `n[${address / 4}]`;
/** tlb_fill(cpu, lo, hi, access, mmu, retaddr) */
const fill = (access: number): string =>
  `Bn(A+${-CPU.ENV}|0,0|${cell(CARRIED.LO)},0|${cell(CARRIED.HI)},${access},0|${cell(CARRIED.MODE)},0|n[35200])`;
const RUN =
  'function(A,e){A|=0,e|=0;var k=0,g=0;for(;;){' +
  `if(!(k=0|Pk[0|${cell(CARRIED.RUN_CELL)}](0|A,0|e,0|g)))break;g=1;` +
  `if(1==(0|k))${fill(0)};` +
  `else if(2==(0|k))prepX(0|A,0|${cell(CARRIED.LO)},0|${cell(CARRIED.HI)},0|${cell(CARRIED.MODE)},0|n[35200],0|${cell(CARRIED.LENGTH)});` +
  `else ${fill(CARRY_ACCESS)};}}`;

/** The code byte at an address, by tlb_fill where that is a miss: helper_ldb_cmmu(env, lo, hi, mmu). */
const FETCH = `_t(0|A,0|${cell(CARRIED.LO)},0|${cell(CARRIED.HI)},0|${cell(CARRIED.MODE)})`;
/** carX(env, s, pc lo, pc hi): 0 the engine does it, 1 undefined, 2 translated. */
const CARRY =
  'function carX(A,e,r,i){A|=0,e|=0,r|=0,i|=0;var c=0,p=0,q=0;' +
  `for(;;){p=0|Pk[0|${cell(CARRIED.DECODE_CELL)}](0|A,0|r,0|i);if(3!=(0|p))break;${FETCH}|0;}` +
  `if((0|p)<4){${PREFIXES}=n[e+4>>2]&~${cell(CARRIED.DROPPED_PREFIXES)};return 0|p}p=p-4|0;` +
  'c=0|n[864+(0|n[e+168>>2])>>2];' +
  // gen_update_cc_op(s): movi cc_op
  'if(1==(0|t[e+84|0])){q=0|n[c+61080>>2],n[c+61080>>2]=q+2|0,f[q>>1]=11;' +
  'q=0|n[c+61084>>2],n[c+61084>>2]=q+4|0,n[q>>2]=0|n[c+199256>>2];' +
  'q=0|n[c+61084>>2],n[c+61084>>2]=q+4|0,n[q>>2]=0|n[e+76>>2];a[e+84|0]=0}' +
  // The routine may set flags: CC_OP_DYNAMIC. What is only checked goes on.
  `if(!(0|${cell(CARRIED.CHECKED)})){n[e+76>>2]=0;` +
  `n[e+16>>2]=0|${cell(CARRIED.NEXT)};n[e+20>>2]=0|${cell(CARRIED.NEXT + 4)}}` +
  `q=0|${cell(CARRIED.CHECKED)};if(q)p=0|canonX(0|c,q-1|0,0|p);else p=0|callX(0|c,0|p);` +
  // gen_eob(s)
  `if(0|${cell(CARRIED.JUMPS)})Zn(0|e);return 0|p}`;
/** One operation into the buffers of the TCG context `A`. */
const emit = (op: number, args: readonly string[]): string =>
  `i=0|n[A+61080>>2],n[A+61080>>2]=i+2|0,f[i>>1]=${op};` +
  args.map((arg) => `i=0|n[A+61084>>2],n[A+61084>>2]=i+4|0,n[i>>2]=${arg};`).join('');
const SET_LABEL = 7;
const MOVI = 11;
const ADD = 22;
const SHR = 35;
const BRCOND = 40;
const COND_EQ = 8;
/** callX(tcg_ctx, routine) emits the call of the helper, and is 2. */
const CALL =
  'function callX(A,e){A|=0,e|=0;' +
  `${cell(CARRIED.ARGUMENTS)}=0|n[A+199252>>2];${cell(CARRIED.ARGUMENTS + 4)}=0|gc(0|A,0|e);` +
  `Fc(0|A,${HELPER},-1,2,${CARRIED.ARGUMENTS});return 2}`;
/**
 * canonX(tcg_ctx, register, routine) emits the call only for a register whose address is not canonical: bits 47 to 63 of
 * it are not alike. 0: the engine goes on with the instruction. Its temporaries are cpu_tmp0's halves, as in patch-blocks.ts.
 */
const CANONICAL =
  'function canonX(A,e,r){A|=0,e|=0,r|=0;var i=0,a=0,b=0,k=0,l=0;' +
  'a=0|n[n[A+199996>>2]>>2],b=a+1|0,k=(0|n[n[(A+199260|0)+(e<<2)>>2]>>2])+1|0,l=0|Bc(0|A);' +
  emit(MOVI, ['a', '32768']) +
  emit(ADD, ['a', '0|k', 'a']) +
  emit(MOVI, ['b', '16']) +
  emit(SHR, ['a', 'a', 'b']) +
  emit(MOVI, ['b', '0']) +
  emit(BRCOND, ['a', 'b', String(COND_EQ), 'l']) +
  'callX(0|A,0|r)|0;' +
  `${emit(SET_LABEL, ['l'])}return 0}`;
const FUNCTION = 'function Un(A,e){e|=0;var r,i,c=0,b=0,';

/**
 * tcg_gen_qemu_ld_i64 and tcg_gen_qemu_st_i64, whose MMU mode is `i` and `a`. The first quadword of a vector gets a mode
 * with a mark: it has to be aligned, or (a load of 16 bytes, which the engine makes as two) the page in which it ends is
 * to be asked for before anything has changed.
 */
const ALIGNED_MARK = 256;
const WHOLE_MARK = 512;
/** A quadword that is the address of a jump: it has to be canonical. */
const TARGET_MARK = 1024;
const MARKS = ALIGNED_MARK | WHOLE_MARK | TARGET_MARK;
/** From this offset on, 16 bytes end in the next page. */
const PAGE_END = 4080;
const LOAD = 'b=0|n[A+61080>>2],n[A+61080>>2]=b+2|0,f[b>>1]=124,';
const STORE = 'i=0|n[A+61080>>2],n[A+61080>>2]=i+2|0,f[i>>1]=125,';
const marked = (mode: string, before: string): string =>
  `${cell(CARRIED.ALIGNED)}&&(${mode}=${mode}|${cell(CARRIED.ALIGNED)}<<8,${cell(CARRIED.ALIGNED)}=0),${before}`;
/** helper_le_ldq_mmu(env, lo, hi, mode, retaddr) and helper_le_stq_mmu, which has the value before its mode. */
const QUAD_HELPERS = [
  { head: 'function Vt(A,e,r,a,i){', mode: 'a', retaddr: 'i', target: true },
  { head: 'function gt(A,e,r,i,f,c,b){', mode: 'c', retaddr: 'b', target: false },
];
const VECTOR_GP = 13;
const RAISE_GP = (retaddr: string): string =>
  `Bn(A+${-CPU.ENV}|0,${VECTOR_GP},0,${RAISE_ACCESS},1,0|${retaddr})`;
/** The load of a target: XA is the upper half of what a function returned. */
const TARGET =
  'function targetX(A,e,r,a,i){A|=0,e|=0,r|=0,a|=0,i|=0;var c=0,b=0;c=0|Vt(0|A,0|e,0|r,0|a,0|i),b=0|XA;' +
  `if((b+32768|0)>>>16)${RAISE_GP('i')};XA=b;return 0|c}`;
/** helper_ldub_mmu of the operand's first byte, and of the next page's. */
const TOUCH = (mode: string, retaddr: string): string =>
  `ot(0|A,0|e,0|r,255&${mode},0|${retaddr})|0,ot(0|A,4096+(-4096&e)|0,r+((4096+(-4096&e)|0)==0)|0,255&${mode},0|${retaddr})|0`;

function patchAlignment(source: string): string {
  return QUAD_HELPERS.reduce(
    (text, { head, mode, retaddr, target }) => {
      const start = text.indexOf(head);
      const body = text.indexOf(';', text.indexOf('var ', start)) + 1;
      const check =
        `A|=0,e|=0,r|=0,${mode}|=0;if(${MARKS}&${mode}){if(${ALIGNED_MARK}&${mode}){` +
        `if(15&e)${RAISE_GP(retaddr)}}` +
        (target
          ? `else if(${TARGET_MARK}&${mode})return 0|targetX(0|A,0|e,0|r,255&${mode},0|${retaddr});`
          : '') +
        `else if((4095&e)>>>0>${PAGE_END}>>>0)${TOUCH(mode, retaddr)};${mode}=255&${mode}}`;
      return text.slice(0, body) + check + text.slice(body);
    },
    source.replace(LOAD, marked('i', LOAD)).replace(`;${STORE}`, `;${marked('a', STORE)}`),
  );
}

/** RET and RETF take their immediate for a signed one; it is not. */
const RETURN = 'E=(1<<Kn(0|e))+(S<<16>>16)|0';
const FAR_RETURN = 'n[D+4>>2]=d,v=S<<16>>16}if(0|n[e+40>>2]';
/** `leave`: the stack pointer moved before what it points to was loaded. On(c, ot, register, value) is gen_op_mov_reg_v. */
const LEAVE =
  '0|n[e+52>>2]?((0|(S=0|n[n[c+199988>>2]>>2]))!=(0|(E=0|n[n[c+199280>>2]>>2]))&&(l=0|n[c+61080>>2]';
const LEAVE_END = 'On(0|c,0|(S=0|Kn(0|e)),5,0|n[n[c+199988>>2]>>2]),qn(0|e,0|S);break e}';
/** cpu_regs[R_ESP] stands for cpu_regs[R_EBP] while gen_pop_T0 loads. */
const LEFT =
  'S=0|n[c+199276>>2],n[c+199276>>2]=0|n[c+199280>>2],E=0|Kn(0|e),n[c+199276>>2]=S,' +
  'On(0|c,0|n[e+52>>2]?3:0|n[e+72>>2]?2:1,4,0|n[n[c+199280>>2]>>2]),' +
  'On(0|c,0|E,5,0|n[n[c+199988>>2]>>2]),qn(0|e,0|E);break e}';
/** `bsf` and `bsr` of 32 bits that find none leave all of the register. Where they find one, its upper half is 0 already. */
const SCANNED = 'On(0|c,0|E,0|N,0|n[n[c+199988>>2]>>2]);break e}if(ju=s,';
/** `loopne` and `loope` with a prefix: AMD's CPUs take the condition from it. */
const LOOP = 'fc(b+352|0,0|e,5^X,';
const unsigned = (text: string): string => text.replace('S<<16>>16', '65535&S');

export function patchCarried(source: string): string {
  for (const text of [
    RETURN,
    FAR_RETURN,
    LEAVE,
    LEAVE_END,
    SCANNED,
    LOOP,
    SWITCH,
    VEX,
    INVLPGA,
    FUNCTION,
    LOAD,
    `;${STORE}`,
    ...QUAD_HELPERS.map(({ head }) => head),
  ])
    if (source.split(text).length !== 2)
      throw new TranslateError(`expected once in the engine's text: ${text}`);
  const start = source.indexOf(INVLPGA);
  const end = closingBrace(source, start + 'function(A,e)'.length);
  return patchAlignment(`${source.slice(0, start)}${RUN}${source.slice(end + 1)}`)
    .replace(RETURN, unsigned(RETURN))
    .replace(FAR_RETURN, unsigned(FAR_RETURN))
    .replace(SWITCH, ASKED)
    .replace(VEX, VEX_ASKED)
    .replace(SCANNED, SCANNED.replace('0|E', '2==(0|E)?3:0|E'))
    .replace(LOOP, LOOP.replace('5^X', `(3&${PREFIXES})?(2&${PREFIXES}?5:4):5^X`))
    .replace(textBetween(source, LEAVE, LEAVE_END), LEFT)
    .replace(FUNCTION, `${CALL}${CANONICAL}${TARGET}${CARRY}${FUNCTION}`);
}

function textBetween(source: string, first: string, last: string): string {
  return source.slice(source.indexOf(first), source.indexOf(last) + last.length);
}

/** The brace that closes the one at `open`, in text without strings. */
function closingBrace(source: string, open: number): number {
  let depth = 0;
  for (let i = open; ; i++) {
    const char = source[i];
    if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return i;
    else if (char === undefined) throw new TranslateError('a helper of the engine does not end');
  }
}
