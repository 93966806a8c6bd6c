/** What an instruction that the engine asked about becomes. */
import { approximate } from './approximate.js';
import { compileTrailingZeros } from './bits.js';
import { compileConversion, compileFromGeneral } from './conversions.js';
import type { Encoding } from './encoding.js';
import { compileEnter } from './enter.js';
import type { Extensions } from './extensions.js';
import {
  compileArithmetic,
  compileDotProduct,
  compileOrdered,
  compilePairs,
  compileRound,
  compileToGeneral,
} from './float-instructions.js';
import { INTEGER_0F38 } from './integer-lanes.js';
import { isLacking } from './lacking.js';
import {
  compileAh,
  compileDoubleShift,
  compileMoveImmediate,
  compileSwap16,
  compileTest,
  generalProtection,
  isNearIndirect,
  mayLock,
  refusedCall,
} from './legacy.js';
import { compileMmx } from './mmx.js';
import { insert } from './moves.js';
import type { Maker } from './operands.js';
import { compileRandom } from './random.js';
import { minimumPosition } from './shuffles.js';
import { compileStringCompare } from './string-compare.js';
import { compileString } from './strings.js';
import { vector } from './vectors.js';
import { compileVex, extracted, inserted, insertSingleOf } from './vex.js';
import { compileX87 } from './x87.js';
import { compileRestore, compileSave, compileXgetbv } from './xsave.js';

/**
 * The engine does it itself; there is no such instruction; or what carries it out. `jumps`: that says where to go on.
 * `target`: for an address in this register that is not canonical; with any other the engine does it.
 */
export type Compiled =
  | 'engine'
  | 'undefined'
  | Maker
  | { readonly jumps: true; readonly maker: Maker }
  | { readonly target: number; readonly maker: Maker };

const LONGEST = 15;
/** MemoryForm's number of it. */
const NEXT_INSTRUCTION = 16;

/** `code`: its bytes, for immediates; `user`: at privilege level 3. */
export function compile(
  e: Encoding,
  code: Uint8Array,
  extensions: Extensions,
  user: boolean,
): Compiled {
  // UD0 and UD1 are undefined before their length is looked at.
  if (e.map === 1 && (e.opcode === 0xff || e.opcode === 0xb9) && e.prefixes + 2 <= LONGEST)
    return 'undefined';
  if (e.length > LONGEST) return generalProtection;
  if (e.vex) return compileVex(e, extensions);
  if (e.lock && !mayLock(e)) return isControlMove(e) && user ? generalProtection : 'undefined';
  if (isLacking(e, extensions)) return 'undefined';
  const mmx = compileMmx(e);
  if (mmx !== undefined) return mmx;
  switch (e.map) {
    case 0:
      return oneByte(e, code, user);
    case 1:
      return twoByte(e, extensions) ?? 'engine';
    case 2:
      return threeByte38(e) ?? 'engine';
    case 3:
      return threeByte3a(e) ?? 'engine';
    default:
      return 'engine';
  }
}

function oneByte(e: Encoding, code: Uint8Array, user: boolean): Compiled {
  switch (e.opcode) {
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
      // Before any memory is looked at.
      return user ? generalProtection : 'engine';
    case 0x90:
      return e.repeat !== 0 && (e.rex & 1) === 0 ? nothing : 'engine';
    case 0xd9:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return compileX87(e) ?? 'engine';
    case 0x9e:
    case 0x9f:
      return compileAh(e.opcode === 0x9e);
    case 0xa4:
    case 0xa5:
    case 0xa6:
    case 0xa7:
    case 0xaa:
    case 0xab:
    case 0xac:
    case 0xad:
    case 0xae:
    case 0xaf:
      return e.wide && e.addressSize ? { jumps: true, maker: compileString(e) } : 'engine';
    case 0xc8:
      return compileEnter(e, code);
    case 0xff:
      return user && e.wide && isNearIndirect(e) && e.memory === undefined
        ? { target: e.rm, maker: e.group === 2 ? refusedCall : generalProtection }
        : 'engine';
    case 0x8f:
      return e.group === 0 ? 'engine' : 'undefined';
    case 0xc6:
    case 0xc7:
      if (e.group !== 0) return 'undefined';
      // The engine takes REX.R for a part of the group.
      return e.rex & 4 ? compileMoveImmediate(e, immediateOf(e, code)) : 'engine';
    case 0xf6:
    case 0xf7:
      return e.group === 1 ? compileTest(e, immediateOf(e, code)) : 'engine';
    default:
      return 'engine';
  }
}

function immediateOf(e: Encoding, code: Uint8Array): bigint {
  const bytes = e.opcode === 0xf6 || e.opcode === 0xc6 ? 1 : e.operandSize && !e.w ? 2 : 4;
  const at = e.length - bytes;
  const value = code
    .subarray(at, e.length)
    .reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return BigInt.asIntN(8 * bytes, value);
}

function twoByte(e: Encoding, extensions: Extensions): Compiled | undefined {
  const { opcode, pp } = e;
  switch (opcode) {
    case 0x01:
      if (e.modrm === XSETBV && extensions.has('xsave')) return generalProtection;
      if (e.modrm !== XGETBV) return undefined;
      return extensions.has('xsave') ? compileXgetbv(extensions) : 'undefined';
    case 0xae:
      return stateInstruction(e, extensions);
    case 0xc7:
      return group9(e, extensions);
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
    case 0xc2:
      return compileArithmetic(e);
    case 0x5a:
    case 0x5b:
    case 0xe6:
      return compileConversion(e) ?? 'undefined';
    case 0x2e:
    case 0x2f:
      return pp < 2 ? compileOrdered(e) : 'undefined';
    case 0xd0:
    case 0x7c:
    case 0x7d:
      return pp === 1 || pp === 3 ? compilePairs(e) : 'undefined';
    case 0x12:
    case 0x13:
    case 0x16:
    case 0x17:
      return isHalfMove(e) ? undefined : 'undefined';
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      return nothing;
    case 0x0d:
      return e.memory === undefined ? 'undefined' : nothing;
    case 0xc8:
    case 0xc9:
    case 0xca:
    case 0xcb:
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return e.operandSize && !e.w ? compileSwap16(e) : undefined;
    case 0x20:
    case 0x22:
      // CR1 and CR5 to CR7, and from CR9 on, are none; nor are debug registers from 8 on.
      return [0, 2, 3, 4, 8].includes(e.reg) ? undefined : 'undefined';
    case 0x21:
    case 0x23:
      return e.reg < 8 ? undefined : 'undefined';
    case 0x50:
    case 0xc5:
    case 0xd7:
    case 0xf7:
      return e.memory === undefined ? undefined : 'undefined';
    case 0xa4:
    case 0xac:
      // The engine forgets the immediate where it counts from the next instruction's address.
      return e.memory?.base === NEXT_INSTRUCTION ? compileDoubleShift(e) : undefined;
    case 0xbc:
      return e.repeat === 0xf3 && extensions.has('bmi1') ? compileTrailingZeros(e) : undefined;
    case 0xba:
      return e.group >= 4 ? undefined : 'undefined';
    case 0xc3:
      return pp === 0 && e.memory !== undefined ? undefined : 'undefined';
    case 0x52:
    case 0x53:
      return pp === 0 || pp === 2 ? approximate(e) : 'undefined';
    case 0x71:
    case 0x72:
    case 0x73:
      return e.memory === undefined ? undefined : 'undefined';
    case 0xc4:
      return pp === 1 ? insert(e, 2, 2 * (e.immediate & 7)) : undefined;
    case 0x2a:
      return pp >= 2 ? compileFromGeneral(e) : undefined;
    case 0x2c:
    case 0x2d:
      return pp >= 2 ? compileToGeneral(e) : undefined;
    default:
      return undefined;
  }
}

const XGETBV = 0xd0;
const XSETBV = 0xd1;

/** XSAVE, XRSTOR, XSAVEOPT: FXSAVE and others are the engine's. */
function stateInstruction(e: Encoding, extensions: Extensions): Compiled | undefined {
  if (e.memory === undefined || e.pp !== 0 || e.group < 4 || e.group > 6) return undefined;
  if (!extensions.has('xsave')) return 'undefined';
  if (e.group === 5) return compileRestore(e, extensions);
  return compileSave(e, extensions, e.group === 4 ? 'all' : 'changed');
}

/** XSAVEC; RDRAND and RDSEED. */
function group9(e: Encoding, extensions: Extensions): Compiled | undefined {
  if (e.memory !== undefined) {
    if (e.group !== 4) return undefined;
    return extensions.has('xsave') && e.pp === 0
      ? compileSave(e, extensions, 'compacted')
      : 'undefined';
  }
  if (e.group < 6) return undefined;
  const extension = e.group === 6 ? 'rdrand' : 'rdseed';
  return extensions.has(extension) && e.repeat === 0 ? compileRandom(e) : 'undefined';
}

/** AMD's CPUs take LOCK before a move of CR0 for one of CR8. */
function isControlMove({ map, opcode, reg }: Encoding): boolean {
  return map === 1 && (opcode === 0x20 || opcode === 0x22) && reg === 0;
}

/** Moves of one half: which forms there are. */
function isHalfMove({ opcode, pp, memory }: Encoding): boolean {
  if (opcode === 0x13 || opcode === 0x17) return pp < 2 && memory !== undefined;
  if (pp === 0 || pp === 2) return true;
  return pp === 3 ? opcode === 0x12 : memory !== undefined;
}

/** Hints: the processor may do nothing, and names no memory. */
const nothing: Maker = () => () => undefined;

/** PSIGNB, PSIGNW, PSIGND, PHMINPOSUW. */
function threeByte38(e: Encoding): Compiled | undefined {
  // MOVBE has no registers.
  if ((e.opcode === 0xf0 || e.opcode === 0xf1) && e.repeat !== 0xf2)
    return e.memory === undefined ? 'undefined' : undefined;
  if (e.pp === 1 && e.opcode === 0x41) return vector(e, minimumPosition);
  if (e.pp !== 1 || e.opcode < 0x08 || e.opcode > 0x0a) return undefined;
  return vector(e, INTEGER_0F38[e.opcode]!);
}

function threeByte3a(e: Encoding): Compiled | undefined {
  if (e.pp !== 1) return undefined;
  switch (e.opcode) {
    case 0x08:
    case 0x09:
    case 0x0a:
    case 0x0b:
      return compileRound(e);
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17:
      return extracted(e);
    case 0x20:
    case 0x22:
      return inserted(e);
    case 0x21:
      return insertSingleOf(e);
    case 0x40:
    case 0x41:
      return compileDotProduct(e);
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
      return compileStringCompare(e);
    default:
      return undefined;
  }
}
