/** The call that a return address stands behind. Intel SDM, volume 2: CALL, forms E8, FF /2 with 0 to 5 bytes more. */

/** Bytes of the longest call: a REX prefix, FF, ModRM, SIB and a 32-bit displacement. */
export const LONGEST_CALL = 8;

/** By length: how often compilers write each form. */
const LENGTHS = [5, 6, 2, 3, 4, 7];

/**
 * Length of the call instruction that `before` ends with; 0 where it ends with none. Of several readings that fit the
 * commonest: machine code cannot be read backwards for certain.
 * @param before The bytes before the return address, in their order; 8 are enough.
 */
export function callBefore(before: Uint8Array): number {
  const found = LENGTHS.find(
    (length) => length <= before.length && isCall(before.subarray(-length)),
  );
  if (found === undefined) return 0;
  // REX.B and REX.X make r8 to r15 of the operand's registers.
  const prefix = before.at(-found - 1) ?? 0;
  return found !== 5 && prefix >= 0x41 && prefix <= 0x43 ? found + 1 : found;
}

function isCall(code: Uint8Array): boolean {
  const [first, modRm = 0] = code;
  if (first === 0xe8) return code.length === 5;
  return first === 0xff && (modRm & 0x38) === 0x10 && code.length === 1 + formLength(code);
}

/** ModRM, SIB and displacement of the operand. */
function formLength(code: Uint8Array): number {
  const modRm = code[1] ?? 0;
  const [mode, register] = [modRm >> 6, modRm & 7];
  if (mode === 3) return 1;
  const sib = register === 4 ? 1 : 0;
  if (mode === 0) {
    const bare = register === 5 || (sib === 1 && ((code[2] ?? 0) & 7) === 5);
    return 1 + sib + (bare ? 4 : 0);
  }
  return 1 + sib + (mode === 1 ? 1 : 4);
}
