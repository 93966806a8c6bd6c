/**
 * Where Unicorn 1.0.3 translates an instruction so that it changes the flags before a store that may be
 * refused (`translate.c`).
 *
 * QEMU keeps flags as the operands of the last operation and the number of its kind. When a store faults, or
 * hits its own block, the kind is put back to what it was before the instruction; the operands are not. So
 * they must not have changed before the last store. Three places did it otherwise:
 *
 * 1. `inc` and `dec` (gen_inc) keep the carry, and computed it into an operand first. They do so after the
 *    store now, as later QEMUs do.
 * 2. `rcl` and `rcr` (gen_rotc_rm_T1) need all flags computed before they rotate.
 * 3. `setcc` (disas_insn) may compute them for its condition.
 *
 * The last two now begin by storing what they have loaded from the very same place.
 */

interface Change {
  readonly from: string;
  readonly to: string;
}

const INCREMENT = 'function pn(A,e,r,a){e|=0,r|=0,a|=0;var i,c,t=0,';
/** `A` is the DisasContext, `n[A+168>>2]` the handle; T0 and A0 are globals of its TCG context. */
const INCREMENT_CHANGES: readonly Change[] = [
  { from: INCREMENT, to: INCREMENT.replace('t=0,', 't=0,qX=0,') },
  // gen_setcc1(s, JCC_B, cpu_cc_src)
  { from: 'kc(0|A,2,0|I),t=0|n[n[i+199988>>2]>>2],S=0,', to: 't=0|n[n[i+199988>>2]>>2],S=0,' },
  // set_cc_op(s, CC_OP_INCB or CC_OP_DECB + ot)
  { from: 'Yn(0|A,e+(u?26:30)|0),', to: 'qX=e+(u?26:30)|0,' },
  // Both, after the store and before cpu_cc_dst = T0.
  {
    from: '),(0|c)!=(0|(t=0|n[n[i+199988>>2]>>2]))&&(',
    to: '),kc(0|A,2,0|n[n[i+199976>>2]>>2]),Yn(0|A,0|qX),(0|c)!=(0|(t=0|n[n[i+199988>>2]>>2]))&&(',
  },
];

const ROTATION = 'function vc(A,e,r,a){';
/** gen_op_ld_v and gen_op_st_v of T0 at A0, in `size`, by the handle and the memory index of `s`. */
const transfer = (name: 'Tc' | 'Hc', s: string, context: string, size: string): string =>
  `${name}(0|n[${s}+168>>2],0|n[n[${context}+199988>>2]>>2],0|n[n[${context}+199968>>2]>>2],` +
  `0|n[${s}+120>>2],${size})`;

const ROTATION_CHANGES: readonly Change[] = [
  {
    // gen_compute_eflags(s); 16 is OR_TMP0, an operand in memory.
    from: 'sc(0|A),1==(0|n[A+76>>2])',
    to:
      `16==(0|r)&&(${transfer('Tc', 'A', 't', '0|e')},${transfer('Hc', 'A', 't', '0|e')}),` +
      'sc(0|A),1==(0|n[A+76>>2])',
  },
];

/** gen_setcc1(s, b, T0), gen_ldst_modrm(env, s, modrm, MO_8, OR_TMP0, 1) */
const CONDITION = 'kc(0|e,0|S,0|n[n[U>>2]>>2])';
const CONDITION_CHANGES: readonly Change[] = [
  {
    from: `,${CONDITION},zn(0|A,0|e,255&E,0,16,1);break e}`,
    to:
      `;if((255&E)>>>0<192){zn(0|A,0|e,255&E,0,16,0),${transfer('Hc', 'e', 'c', '0')},${CONDITION},` +
      `${transfer('Hc', 'e', 'c', '0')};break e}${CONDITION},zn(0|A,0|e,255&E,0,16,1);break e}`,
  },
];

export function patchFlags(source: string): string {
  const increment = change(source, INCREMENT, 4000, INCREMENT_CHANGES);
  const rotation = change(increment, ROTATION, 300, ROTATION_CHANGES);
  return change(rotation, 'function mn(A,e,r,i){', 700_000, CONDITION_CHANGES);
}

/** Makes changes within `length` characters of the function that begins as `head` does. */
function change(source: string, head: string, length: number, changes: readonly Change[]): string {
  const start = source.indexOf(head);
  if (start < 0) throw new Error(`not in the engine's text: ${head}`);
  const body = changes.reduce(
    (text, { from, to }) => {
      const parts = text.split(from);
      if (parts.length !== 2) throw new Error(`expected once after ${head}: ${from}`);
      return parts.join(to);
    },
    source.slice(start, start + length),
  );
  return source.slice(0, start) + body + source.slice(start + length);
}
