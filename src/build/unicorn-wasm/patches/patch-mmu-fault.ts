/**
 * Changes to the text of Unicorn 1.0.3, made before either form is built from it; those of the files beside this one
 * (flags, stores, translations, in-place vector helpers, popcnt, CPUID, privileged instructions) are made here too, each
 * told where it stands.
 *
 * 1. The page walk. `x86_cpu_handle_mmu_fault` (QEMU target-i386/helper.c) walks x86 page tables in
 *    guest memory on a TLB miss. Ours are outside the guest, so its body becomes a call of a host
 *    function: the engine port fills the TLB entry and returns 0, or sets the exception and returns 1.
 *    The function's table index is read from MMU_FAULT_CELL; the port writes it before the first run.
 * 2. The block budget (`tcg_qemu_tb_exec` of tci.c). A hook called for each block costs as much as ten
 *    instructions. Instead the interpreter counts down BLOCKS_LEFT_CELL when it is entered and when a
 *    block jumps to the next (`goto_tb`). When nothing is left, the jump is not taken, so that the block ends with
 *    its way out, which writes the program counter; and the next entry stops the run before its block.
 * 3. Port input and output (`cpu_inb` and its five relatives in ioport.c, whose permission check Unicorn
 *    left out). They go the way of a TLB miss of a fourth kind (PORT_ACCESS), so that `tlb_fill` finds
 *    the exact program counter and raises what the engine port says: #GP, as in any Linux program.
 * 4. Eight-byte stores near the end of a page (`helper_le_stq_mmu` of softmmu_template.h). Stores of 10
 *    and 16 bytes are made of two, and when the second half faults hardware has stored nothing. The
 *    engine port is told of what could be such a first half, so that it can take it back.
 * 5. UC_HOOK_CODE (Unicorn's disas_insn in translate.c). Before each callback it stored the computed flags
 *    over `env->eflags`, where they outlive the next computation, and afterwards it wrote the
 *    instruction's length into an operand that is not there in this build: registers changed their value.
 *    Only what keeps the lazy flags readable is left, and the length stays unknown.
 * 6. VEX prefixes (disas_insn). The engine has no AVX, and executed most AVX instructions as the SSE ones
 *    that share their opcode bytes; of BMI it executes BLSR, PDEP and PEXT wrongly. All of them are now
 *    undefined opcodes, as on a CPU without these extensions.
 * 7. Exceptions that helpers raise (`raise_exception` of excp_helper.c), division errors above all. They
 *    left the flags as the block's translation last stored them, not as they are at the instruction.
 *    They go the way of a TLB miss too (RAISE_ACCESS), whose exception restores the state. Not so the
 *    trap after a single step: its instruction is done.
 *
 * The texts are those of one exact file (see source.ts); anything else than one match is refused.
 */

import {
  BLOCKS_LEFT_CELL,
  CONTINUES_CELL,
  CONTINUES_NOWHERE,
  END_BLOCKS,
  END_CELL,
  MMU_FAULT_CELL,
  PAGE_END_STORE_CELL,
  PORT_ACCESS,
  RAISE_ACCESS,
} from '../../../engine/unicorn1/offsets.js';
import { patchBlocks } from './patch-blocks.js';
import { patchCarried } from './patch-carried.js';
import { patchCodeHistory } from './patch-code-history.js';
import { patchCpuid } from './patch-cpuid.js';
import { patchFlags } from './patch-flags.js';
import { patchInPlace } from './patch-in-place.js';
import { patchPopcnt } from './patch-popcnt.js';
import { patchPrivileged } from './patch-privileged.js';
import { patchStores } from './patch-stores.js';
import { patchTranslations } from './patch-translations.js';

/** How `x86_cpu_handle_mmu_fault` begins: its five parameters, and the test of CR0.PG. */
const WALK_HEADER = /function (\w+)\(A,e,r,a,i\)\{e\|=0,r\|=0,a\|=0,i\|=0;var [^;{}]*;A:if\(/g;
const WALK_TEST = '128&t[(A|=0)+17203|0]){';
/** `raise #PF with this error code`, only to be sure that the right function was found. */
const WALK_PAGE_FAULT = 'n[A+16752>>2]=14,n[A+20256>>2]=i,1';

const WALK_REPLACEMENT = `A|=0,e|=0,r|=0,a|=0,i|=0;return 0|Pk[0|n[${MMU_FAULT_CELL / 4}]](0|A,0|e,0|r,0|a,0|i)`;

/** The entry of the interpreter: its frame, then the loop. `A` is env, `n[A+36092>>2]` the handle. */
const INTERPRETER = 'eA=r=eA-896|0,n[60+(i=140736)>>2]=r+896|0,n[i+56>>2]=A;';
const LEFT = `n[${BLOCKS_LEFT_CELL / 4}]`;
const COUNT = `${LEFT}=(0|${LEFT})-1|0`;
/** `uc_emu_stop(uc)` */
const STOP = 'ck(0|n[A+36092>>2])';
/** outX(env): nothing is left. A block that goes on has been counted, and may run to its end. */
const OUT_FUNCTION =
  `function outX(A){A|=0;if((0|n[${CONTINUES_CELL / 4}])==(0|${LEFT})){` +
  `n[${CONTINUES_CELL / 4}]=${CONTINUES_NOWHERE},${COUNT}}else{n[${END_CELL / 4}]=${END_BLOCKS},${STOP}}}`;
const STOP_FUNCTION = 'function ck(A){return 0|t[(A|=0)+1103|0]||(a[A+1101|0]=1,';
/** `goto_tb`; a block that was not linked yet jumps by 0, to its way out. */
const GOTO_TB = 'case 121:e=6+(i+(t[i+2|0]|t[i+3|0]<<8|t[i+4|0]<<16|t[i+5|0]<<24)|0)|0;continue r;';
const COUNTED_GOTO_TB = `${GOTO_TB.slice(0, -'continue r;'.length)}if((0|e)!=(i+6|0)){if((0|${LEFT})<1)e=i+6|0;else ${COUNT}}continue r;`;

/** `hook->insn == UC_X86_INS_IN` (or OUT), once for each width. */
const PORT_HOOKS = /(?:218|500)==\(0\|n\[/g;
/** `tlb_fill(cpu, port, 0, PORT_ACCESS, user, retaddr)`: cpu from the handle, retaddr where TCI keeps it. */
const PORT_FAULT = `Bn(0|n[A+176>>2],0|e,0,${PORT_ACCESS},1,0|n[35200])`;
const TLB_FILL = 'function Bn(A,e,r,a,i,c){c|=0;0|';

/** The little-endian eight-byte store: which one it is shows in the function that helpers call. */
const QUAD_STORE = /function gt\(A,e,r,i,f,c,b\)\{i\|=0,f\|=0,b\|=0;var [^;{}]*;/g;
const QUAD_STORE_CALLER = ',gt(0|(A|=0),0|(e|=0),0|r,0|(a|=0),0|i,0|(f|=0),0|n[35200])}';
/** From this offset on, a store of 16 bytes ends in the next page. */
const PAGE_END = 4096 - 16;
const PAGE_END_CALL = `(4095&e)>${PAGE_END}&&Pk[0|n[${PAGE_END_STORE_CELL / 4}]](0|A,0|e,0|r);`;

/** `if (s->last_cc_op != s->cc_op) { sync_eflags(s); ...; changed_cc_op = true; }` and its parts. */
const SYNC_START =
  '(0|(E=0|n[e+80>>2]))!=(0|(S=0|n[e+76>>2]))&&(l=0|n[c+199252>>2],1==(0|t[e+84|0])&&(';
const SYNC_UPDATE_END = 'a[e+84|0]=0),';
const SYNC_END = 'l=0|n[A+36092>>2]),uA=(0|E)!=(0|S),';
/** `*(save_opparam_ptr + ...) = s->pc - pc_start`, three ways. */
const LENGTH_PATCH = 'uA){if(1&o){n[u+64>>2]=S;break A}n[u+56>>2]=S}else n[u+4>>2]=S}';

/** After the prefix was read: `rex_r`, `s->vex_l`; the label `l` is the illegal opcode. */
const VEX = 'X=v>>>4&8,n[e+64>>2]=l>>>2&1,';
const VEX_REFUSAL = 'break l;';

/** `raise_exception(env, vector)`; tlb_fill returns only in its absence of a refusal, that is never. */
const RAISE = 'function Nn(A,e){Xn(0|(A|=0),0|(e|=0),0,0,0),_()}';
const RAISE_WITH_STATE =
  `function Nn(A,e){A|=0,e|=0;if((0|e)!=1)Bn(A+-16768|0,0|e,0,${RAISE_ACCESS},1,0|n[35200]);` +
  'Xn(0|A,0|e,0,0,0),_()}';

export function patchMmuFault(source: string): string {
  const patches = [
    patchWalk,
    patchBudget,
    patchPorts,
    patchQuadStore,
    patchInstructionHook,
    patchVex,
    patchRaise,
    patchStores,
    patchCodeHistory,
    patchCarried,
    patchBlocks,
    patchTranslations,
    patchCpuid,
    patchFlags,
    patchInPlace,
    patchPopcnt,
    patchPrivileged,
  ];
  return patches.reduce((text, patch) => patch(text), source);
}

function patchWalk(source: string): string {
  const headers = [...source.matchAll(WALK_HEADER)].filter((match) =>
    source.startsWith(WALK_TEST, match.index + match[0].length),
  );
  const [header] = headers;
  if (header === undefined || headers.length !== 1)
    throw new Error(`expected one page walk in the engine's text, found ${headers.length}`);
  const open = source.indexOf('{', header.index);
  const close = closingBrace(source, open);
  if (!source.slice(open, close).includes(WALK_PAGE_FAULT))
    throw new Error("the engine's page walk does not raise #PF where it should");
  return source.slice(0, open + 1) + WALK_REPLACEMENT + source.slice(close);
}

function patchBudget(source: string): string {
  only(source, INTERPRETER);
  only(source, STOP_FUNCTION);
  only(source, GOTO_TB);
  return source
    .replace(INTERPRETER, `${INTERPRETER}if((0|${LEFT})<1)outX(0|A);else ${COUNT};`)
    .replace(STOP_FUNCTION, `${OUT_FUNCTION}${STOP_FUNCTION}`)
    .replace(GOTO_TB, COUNTED_GOTO_TB);
}

function patchPorts(source: string): string {
  const hooks = [...source.matchAll(PORT_HOOKS)].map((match) => match.index);
  if (hooks.length !== 6 || !source.includes(TLB_FILL))
    throw new Error(`expected six port functions in the engine's text, found ${hooks.length}`);
  let patched = source;
  // From the last to the first, so that the places found stay true.
  for (const hook of hooks.reverse()) {
    const outer = /function \w+\(A,e(,r)?\)\{(?:var r;return r=0\||!)$/.exec(
      patched.slice(0, patched.lastIndexOf('function(A,e', hook)),
    );
    if (outer === null) throw new Error(`no port function around ${hook} of the engine's text`);
    const open = patched.indexOf('{', outer.index);
    const body =
      outer[1] === undefined
        ? `A|=0,e|=0;${PORT_FAULT};return XA=0,0`
        : `A|=0,e|=0,r|=0;${PORT_FAULT}`;
    patched = patched.slice(0, open + 1) + body + patched.slice(closingBrace(patched, open));
  }
  return patched;
}

function patchQuadStore(source: string): string {
  const [store, ...others] = [...source.matchAll(QUAD_STORE)];
  if (store === undefined || others.length > 0 || !source.includes(QUAD_STORE_CALLER))
    throw new Error("the engine's text has no eight-byte store where it should");
  const body = store.index + store[0].length;
  return source.slice(0, body) + PAGE_END_CALL + source.slice(body);
}

function patchInstructionHook(source: string): string {
  const start = only(source, SYNC_START);
  const update = start + SYNC_START.indexOf('1==');
  const updateEnd = source.indexOf(SYNC_UPDATE_END, update) + SYNC_UPDATE_END.length;
  const end = source.indexOf(SYNC_END, updateEnd) + SYNC_END.length;
  if (updateEnd - update > 400 || end - start > 1200)
    throw new Error("the engine's instruction hook is not what it was");
  const kept = `S=0|n[e+76>>2],${source.slice(update, updateEnd)}E=S,uA=0,`;
  const patched = source.slice(0, start) + kept + source.slice(end);
  const length = only(patched, LENGTH_PATCH);
  return `${patched.slice(0, length)}uA){if(1&o)break A}}${patched.slice(length + LENGTH_PATCH.length)}`;
}

function patchVex(source: string): string {
  const place = only(source, VEX);
  return source.slice(0, place) + VEX_REFUSAL + source.slice(place);
}

function patchRaise(source: string): string {
  only(source, RAISE);
  return source.replace(RAISE, RAISE_WITH_STATE);
}

function only(source: string, text: string): number {
  const found = source.indexOf(text);
  if (found < 0 || source.indexOf(text, found + 1) >= 0)
    throw new Error(`expected once in the engine's text: ${text}`);
  return found;
}

/** The brace that closes the one at `open`. The text in question holds no string, regex or comment. */
function closingBrace(source: string, open: number): number {
  let depth = 0;
  for (let i = open; i < source.length; i++) {
    const char = source[i];
    if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return i;
    else if (char === '"' || char === "'" || char === '`')
      throw new Error(`unexpected string in the engine's page walk at ${i}`);
  }
  throw new Error("the engine's page walk does not end");
}
