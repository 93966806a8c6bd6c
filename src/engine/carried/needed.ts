/** Of which extension an instruction is that a processor does not know. */
import { compile } from './compile.js';
import { decodeInstruction } from './encoding.js';
import { EXTENSIONS, type Extension } from './extensions.js';

const EVEX = 0x62;
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x67];
const ALL = new Set(EXTENSIONS);

/** Undefined: of none, or there is no such instruction. 'avx512': it has an EVEX prefix. */
export function neededExtension(code: Uint8Array, wide: boolean): Extension | 'avx512' | undefined {
  const first = code.find((byte) => !PREFIXES.includes(byte));
  const second = code[code.indexOf(EVEX) + 1] ?? 0;
  // In 32-bit code it is bound with an operand in memory.
  if (first === EVEX && (wide || second >= 0xc0)) return 'avx512';
  const encoding = decodeInstruction(code, wide);
  const runsWith = (extensions: ReadonlySet<Extension>): boolean =>
    compile(encoding, code, extensions, true) !== 'undefined';
  if (code.length === 0 || encoding.truncated || !runsWith(ALL)) return undefined;
  // What builds on another comes after it.
  return EXTENSIONS.findLast(
    (each) => !runsWith(new Set(EXTENSIONS.filter((other) => other !== each))),
  );
}
