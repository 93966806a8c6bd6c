/**
 * Call frame information: how a function's caller is found from inside it. `.eh_frame` as the x86 ABIs
 * have it (LSB core, "Exception Frames"; DWARF 5, 6.4). Only what code compiled for x86 uses is known;
 * anything else ends the search with undefined, never with a guess.
 */
import { Cursor } from './cursor.js';

/** Where a register of the caller is to be found. */
export type RegisterRule =
  | { readonly kind: 'same' }
  | { readonly kind: 'offset' | 'value-offset'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression' | 'value-expression'; readonly expression: Uint8Array }
  | { readonly kind: 'undefined' };

/** The canonical frame address: a register and an offset, or what an expression comes to. */
export type CfaRule =
  | { readonly register: number; readonly offset: number }
  | { readonly expression: Uint8Array };

export interface CallFrame {
  readonly cfa: CfaRule;
  /** By DWARF register number. */
  readonly registers: ReadonlyMap<number, RegisterRule>;
  readonly returnAddress: number;
  /** Of a signal handler's caller: the instruction itself was interrupted, no call made. */
  readonly isSignal: boolean;
}

interface CommonEntry {
  readonly codeAlign: number;
  readonly dataAlign: number;
  readonly returnAddress: number;
  readonly encoding: number;
  readonly isSignal: boolean;
  readonly hasAugmentation: boolean;
  readonly initial: Uint8Array;
}

interface FrameEntry {
  readonly start: number;
  readonly end: number;
  readonly common: CommonEntry;
  readonly program: Uint8Array;
}

const MOST_ENTRIES = 1 << 18;
const DEEPEST_STATE = 32;
/** Of x86 the return address has the highest number that matters: 16, or 8 on i386. */
const HIGHEST_REGISTER = 16;

export class CallFrames {
  readonly #word: 4 | 8;
  readonly #entries: FrameEntry[] = [];

  /** @param address Where the section lies, as the file says: entries tell addresses from their own place. */
  constructor(section: Uint8Array, address: number, word: 4 | 8) {
    this.#word = word;
    try {
      this.#read(section, address);
    } catch (error) {
      // Damaged from here on: what was read stands.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** What is known of the frame of the function that `pc` lies in; undefined when nothing is. */
  at(pc: number): CallFrame | undefined {
    const entry = this.#entries.find(({ start, end }) => start <= pc && pc < end);
    if (entry === undefined) return undefined;
    try {
      return new FrameProgram(entry, this.#word).run(pc);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
  }

  #read(section: Uint8Array, address: number): void {
    const commons = new Map<number, CommonEntry | undefined>();
    const cursor = new Cursor(section);
    while (!cursor.atEnd && this.#entries.length < MOST_ENTRIES) {
      const start = cursor.at;
      const { body, offsetSize } = cursor.unit();
      // A length of 0 ends the section of one object file; the linker may have put others behind it.
      if (body.atEnd) continue;
      const idAt = body.at;
      const id = body.word(offsetSize);
      if (id === 0) {
        commons.set(start, readCommon(body, this.#word));
        continue;
      }
      const common = commons.get(idAt - id);
      const entry = common && readEntry(body, common, address, this.#word);
      if (entry !== undefined) this.#entries.push(entry);
    }
  }
}

/** A CIE; undefined for one of an augmentation that is not known. */
function readCommon(body: Cursor, word: 4 | 8): CommonEntry | undefined {
  const version = body.u8();
  if (version !== 1 && version !== 3) return undefined;
  const augmentation = body.text();
  if (augmentation !== '' && !augmentation.startsWith('z')) return undefined;
  const codeAlign = body.uleb();
  const dataAlign = body.sleb();
  const returnAddress = version === 1 ? body.u8() : body.uleb();
  let encoding = 0;
  let isSignal = false;
  if (augmentation !== '') {
    const data = body.part(body.uleb());
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') encoding = data.u8();
      else if (letter === 'L') data.u8();
      else if (letter === 'P') readEncoded(data, data.u8(), 0, word);
      else if (letter === 'S') isSignal = true;
      else return undefined;
    }
  }
  const initial = body.bytes.subarray(body.at, body.end);
  const hasAugmentation = augmentation !== '';
  return { codeAlign, dataAlign, returnAddress, encoding, isSignal, hasAugmentation, initial };
}

/** An FDE; undefined when its addresses are told in a way that is not known. */
function readEntry(
  body: Cursor,
  common: CommonEntry,
  address: number,
  word: 4 | 8,
): FrameEntry | undefined {
  const start = readEncoded(body, common.encoding, address, word);
  // The length has the format of the address, and is relative to nothing.
  const length = readEncoded(body, common.encoding & 0x0f, 0, word);
  if (start === undefined || length === undefined) return undefined;
  if (common.hasAugmentation) body.skip(body.uleb());
  const program = body.bytes.subarray(body.at, body.end);
  return { start, end: start + length, common, program };
}

/** A pointer in one of the encodings DW_EH_PE_*: absolute, or relative to its own place. */
function readEncoded(
  cursor: Cursor,
  encoding: number,
  address: number,
  word: 4 | 8,
): number | undefined {
  const base = { 0: 0, 16: address + cursor.at }[encoding & 0x70];
  const value = encodedValue(cursor, encoding & 0x0f, word);
  if (base === undefined || encoding & 0x80) return undefined;
  const sum = base + value;
  return word === 4 ? sum >>> 0 : sum;
}

function encodedValue(cursor: Cursor, format: number, word: 4 | 8): number {
  switch (format) {
    case 0x00:
      return cursor.word(word);
    case 0x01:
      return cursor.uleb();
    case 0x02:
      return cursor.u16();
    case 0x03:
      return cursor.u32();
    case 0x04:
      return cursor.u64();
    case 0x09:
      return cursor.sleb();
    case 0x0a:
      return cursor.i16();
    case 0x0b:
      return cursor.i32();
    case 0x0c:
      return cursor.i64();
    default:
      throw new RangeError('a pointer encoding that is not known');
  }
}

interface State {
  readonly cfa: CfaRule | undefined;
  readonly registers: ReadonlyMap<number, RegisterRule>;
}

/** Runs the instructions of an entry up to an address (DWARF 5, 6.4.2). */
class FrameProgram {
  readonly #entry: FrameEntry;
  readonly #word: 4 | 8;
  #state: State = { cfa: undefined, registers: new Map() };
  #initial: State = this.#state;
  readonly #remembered: State[] = [];
  #location: number;

  constructor(entry: FrameEntry, word: 4 | 8) {
    this.#entry = entry;
    this.#word = word;
    this.#location = entry.start;
  }

  run(pc: number): CallFrame | undefined {
    const { common, program } = this.#entry;
    this.#execute(common.initial, pc);
    this.#initial = this.#state;
    this.#execute(program, pc);
    const { cfa, registers } = this.#state;
    if (cfa === undefined) return undefined;
    const { returnAddress, isSignal } = common;
    return { cfa, registers, returnAddress, isSignal };
  }

  #execute(program: Uint8Array, pc: number): void {
    const cursor = new Cursor(program);
    while (!cursor.atEnd) {
      const opcode = cursor.u8();
      const low = opcode & 0x3f;
      if (opcode >> 6 === 1) {
        if (this.#advance(low, pc)) return;
      } else if (opcode >> 6 === 2) {
        this.#set(low, { kind: 'offset', offset: cursor.uleb() * this.#entry.common.dataAlign });
      } else if (opcode >> 6 === 3) {
        this.#restore(low);
      } else if (this.#extended(low, cursor, pc)) {
        return;
      }
    }
  }

  /** True when the rules that follow are for addresses behind `pc`. */
  #advance(delta: number, pc: number): boolean {
    this.#location += delta * this.#entry.common.codeAlign;
    return this.#location > pc;
  }

  #extended(opcode: number, cursor: Cursor, pc: number): boolean {
    const { dataAlign } = this.#entry.common;
    switch (opcode) {
      case 0x00: // DW_CFA_nop
        return false;
      case 0x01: // DW_CFA_set_loc
        this.#location = cursor.word(this.#word);
        return this.#location > pc;
      case 0x02: // DW_CFA_advance_loc1, 2, 4
        return this.#advance(cursor.u8(), pc);
      case 0x03:
        return this.#advance(cursor.u16(), pc);
      case 0x04:
        return this.#advance(cursor.u32(), pc);
      case 0x05: // DW_CFA_offset_extended
        this.#set(cursor.uleb(), { kind: 'offset', offset: cursor.uleb() * dataAlign });
        return false;
      case 0x06: // DW_CFA_restore_extended
        this.#restore(cursor.uleb());
        return false;
      case 0x07: // DW_CFA_undefined
        this.#set(cursor.uleb(), { kind: 'undefined' });
        return false;
      case 0x08: // DW_CFA_same_value
        this.#set(cursor.uleb(), { kind: 'same' });
        return false;
      case 0x09: // DW_CFA_register
        this.#set(cursor.uleb(), { kind: 'register', register: cursor.uleb() });
        return false;
      case 0x0a: // DW_CFA_remember_state
        if (this.#remembered.length >= DEEPEST_STATE) throw new RangeError('states too deep');
        this.#remembered.push(this.#state);
        return false;
      case 0x0b: // DW_CFA_restore_state
        this.#state = this.#remembered.pop() ?? this.#state;
        return false;
      case 0x0c: // DW_CFA_def_cfa
        this.#define({ register: cursor.uleb(), offset: cursor.uleb() });
        return false;
      case 0x0d: // DW_CFA_def_cfa_register
        this.#define({ ...this.#registerCfa(), register: cursor.uleb() });
        return false;
      case 0x0e: // DW_CFA_def_cfa_offset
        this.#define({ ...this.#registerCfa(), offset: cursor.uleb() });
        return false;
      case 0x0f: // DW_CFA_def_cfa_expression
        this.#define({ expression: block(cursor) });
        return false;
      case 0x10: // DW_CFA_expression
        this.#set(cursor.uleb(), { kind: 'expression', expression: block(cursor) });
        return false;
      case 0x11: // DW_CFA_offset_extended_sf
        this.#set(cursor.uleb(), { kind: 'offset', offset: cursor.sleb() * dataAlign });
        return false;
      case 0x12: // DW_CFA_def_cfa_sf
        this.#define({ register: cursor.uleb(), offset: cursor.sleb() * dataAlign });
        return false;
      case 0x13: // DW_CFA_def_cfa_offset_sf
        this.#define({ ...this.#registerCfa(), offset: cursor.sleb() * dataAlign });
        return false;
      case 0x14: // DW_CFA_val_offset
        this.#set(cursor.uleb(), { kind: 'value-offset', offset: cursor.uleb() * dataAlign });
        return false;
      case 0x16: // DW_CFA_val_expression
        this.#set(cursor.uleb(), { kind: 'value-expression', expression: block(cursor) });
        return false;
      case 0x2e: // DW_CFA_GNU_args_size
        cursor.uleb();
        return false;
      default:
        throw new RangeError('an instruction that is not known');
    }
  }

  #registerCfa(): { readonly register: number; readonly offset: number } {
    const { cfa } = this.#state;
    if (cfa === undefined || 'expression' in cfa) throw new RangeError('no register to change');
    return cfa;
  }

  #define(cfa: CfaRule): void {
    this.#state = { ...this.#state, cfa };
  }

  #set(register: number, rule: RegisterRule): void {
    if (register > HIGHEST_REGISTER) return;
    this.#state = {
      ...this.#state,
      registers: new Map(this.#state.registers).set(register, rule),
    };
  }

  #restore(register: number): void {
    this.#set(register, this.#initial.registers.get(register) ?? { kind: 'same' });
  }
}

function block(cursor: Cursor): Uint8Array {
  const { bytes, at, end } = cursor.part(cursor.uleb());
  return bytes.subarray(at, end);
}
