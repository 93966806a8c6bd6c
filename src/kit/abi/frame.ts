/** A call's plan in the guest: writing arguments before a call, reading them in a callback, and the results. */
import type { Addr } from '../../base/address.js';
import type { Fault } from '../../base/outcome.js';
import type { Sandbox } from '../../sandbox/sandbox.js';
import { STACK_PATTERN, UPPER_HALF } from './garbage.js';
import type { CallPlan, Location, Piece } from './locations.js';
import { type AddressOf, decodeValue, encodeValue, type GuestValue } from './value-bytes.js';
import { roundUp } from './value-type.js';
import { doubleOfExtended, extendedOfDouble } from './x87-value.js';

/** Of the stack below the return address, filled so that what code reads there unwritten shows. */
export const BELOW = 256;
/** The caller's own frame above the arguments. */
export const CALLER_FRAME = 64;

export interface ArgumentFrame {
  /** Where the return address lies. */
  readonly returnSlot: Addr;
  readonly returnAddress: Addr;
  /** The result's memory, when the plan has one. */
  readonly resultAddress: Addr;
  /** What the arguments' registers were set to. */
  readonly registers: ReadonlyMap<string, bigint>;
}

interface FrameRequest {
  readonly sandbox: Sandbox;
  readonly plan: CallPlan;
  readonly values: readonly unknown[];
  readonly addressOf: AddressOf;
  /** The caller's stack pointer. */
  readonly stackPointer: Addr;
  readonly returnAddress: Addr;
}

/** The frame lies where the guest has no memory. */
export class FrameFault extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(`the frame of a call faults at 0x${fault.address.toString(16)}`);
    this.fault = fault;
  }
}

/** Sets the stack and the registers up for a call. @throws FrameFault when the stack has no room. */
export function writeFrame(request: FrameRequest): ArgumentFrame {
  const { sandbox, plan, returnAddress } = request;
  const { word } = plan.convention;
  const area = new StackArea(sandbox, request.stackPointer);
  const registers = new Map<string, bigint>();
  const resultAddress = plan.hidden === undefined ? 0n : area.reserve(plan.result.type.size);
  const stack = new Uint8Array(plan.stackBytes).fill(STACK_PATTERN);
  const put = (location: Location, bytes: Uint8Array): void => {
    const direct = location.indirect ? wordBytes(area.copy(bytes), word) : bytes;
    for (const piece of location.pieces) putPiece(piece, direct, stack, registers, word);
  };
  if (plan.hidden !== undefined) put(plan.hidden, wordBytes(resultAddress, word));
  for (const [index, location] of plan.args.entries()) {
    put(location, encodeValue(location.type, request.values[index], request.addressOf));
  }
  if (plan.convention.vectorCount) {
    registers.set('rax', (UPPER_HALF & ~0xffn) | BigInt(plan.vectors));
  }
  const base = area.below - BigInt(CALLER_FRAME + roundUp(plan.stackBytes, 16));
  const returnSlot = base - BigInt(word);
  const fault = area.fault ?? writeStack(sandbox, { stack, returnSlot, returnAddress, word });
  if (fault !== null) throw new FrameFault(fault);
  for (const [name, value] of registers) sandbox.regs[name] = value;
  sandbox.regs[word === 8 ? 'rsp' : 'esp'] = returnSlot;
  return { returnSlot, returnAddress, resultAddress, registers };
}

interface StackImage {
  readonly stack: Uint8Array;
  readonly returnSlot: Addr;
  readonly returnAddress: Addr;
  readonly word: 4 | 8;
}

function writeStack(sandbox: Sandbox, { stack, returnSlot, returnAddress, word }: StackImage) {
  const block = new Uint8Array(BELOW + word + roundUp(stack.length, 16) + CALLER_FRAME);
  block.fill(STACK_PATTERN);
  block.set(wordBytes(returnAddress, word), BELOW);
  block.set(stack, BELOW + word);
  return sandbox.store(returnSlot - BigInt(BELOW), block);
}

/** Room on the stack for what is passed by reference, handed out downwards. */
class StackArea {
  readonly #sandbox: Sandbox;
  below: Addr;
  fault: Fault | null = null;

  constructor(sandbox: Sandbox, stackPointer: Addr) {
    this.#sandbox = sandbox;
    this.below = stackPointer & ~15n;
  }

  reserve(length: number): Addr {
    return this.copy(new Uint8Array(length).fill(STACK_PATTERN));
  }

  copy(bytes: Uint8Array): Addr {
    this.below -= BigInt(roundUp(bytes.length, 16));
    this.fault ??= this.#sandbox.store(this.below, bytes);
    return this.below;
  }
}

function putPiece(
  piece: Piece,
  bytes: Uint8Array,
  stack: Uint8Array,
  registers: Map<string, bigint>,
  word: number,
): void {
  const part = bytes.subarray(piece.offset, piece.offset + piece.bytes);
  if (piece.where === 'stack') stack.set(part, piece.at);
  else if (piece.where === 'register') {
    registers.set(piece.name, widened(piece.name, part, word));
  }
}

/** What of a register lies above a value is undefined, so it holds garbage. */
function widened(name: string, part: Uint8Array, word: number): bigint {
  const value = integerOf(part);
  if (name.startsWith('xmm')) {
    return part.length === 16
      ? value
      : (UPPER_HALF << 64n) | (part.length === 4 ? UPPER_HALF : 0n) | value;
  }
  return part.length < word && word === 8 ? UPPER_HALF | value : value;
}

/** Arguments as a callee finds them; `slot` is where its return address lies. */
export function readArguments(sandbox: Sandbox, plan: CallPlan, slot: Addr): GuestValue[] {
  const above = slot + BigInt(plan.convention.word);
  return plan.args.map((location) => readLocation(sandbox, location, above));
}

/** The result as the caller finds it: what was to be stored behind a pointer, where that pointed. */
export function readResult(
  sandbox: Sandbox,
  { result }: CallPlan,
  frame: ArgumentFrame,
): GuestValue {
  if (!result.indirect) return readLocation(sandbox, result, 0n);
  return decodeValue(result.type, loadBytes(sandbox, frame.resultAddress, result.type.size));
}

function readLocation(sandbox: Sandbox, location: Location, above: Addr): GuestValue {
  const { type, indirect, pieces } = location;
  const bytes = new Uint8Array(indirect ? 8 : type.size);
  for (const piece of pieces) {
    const part =
      piece.where === 'stack'
        ? loadBytes(sandbox, above + BigInt(piece.at), piece.bytes)
        : bytesOf(registerValue(sandbox, piece), piece.bytes);
    bytes.set(part, piece.offset);
  }
  if (!indirect) return decodeValue(type, bytes);
  return decodeValue(type, loadBytes(sandbox, integerOf(bytes), type.size));
}

function loadBytes(sandbox: Sandbox, address: Addr, length: number): Uint8Array {
  const bytes = sandbox.load(address, length);
  if (bytes instanceof Uint8Array) return bytes;
  throw new FrameFault(bytes);
}

function registerValue({ regs }: Sandbox, piece: Piece & { where: 'register' | 'x87' }): bigint {
  if (piece.where === 'register') return regs[piece.name] ?? 0n;
  const value = doubleOfExtended(regs.st0 ?? 0n);
  const view = new DataView(new ArrayBuffer(8));
  if (piece.bytes === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return view.getBigUint64(0, true);
}

/** Leaves a callback's result where its caller looks for it. */
export function writeResult(
  sandbox: Sandbox,
  plan: CallPlan,
  value: unknown,
  hidden: Addr,
  addressOf: AddressOf,
): void {
  const { result } = plan;
  const { regs } = sandbox;
  if (result.type.kind === 'void') return;
  const encoded = encodeValue(result.type, value, addressOf);
  const fault = result.indirect ? sandbox.store(hidden, encoded) : null;
  if (fault !== null) throw new FrameFault(fault);
  const bytes = result.indirect ? wordBytes(hidden, plan.convention.word) : encoded;
  for (const piece of result.pieces) {
    const part = bytes.subarray(piece.offset, piece.offset + piece.bytes);
    if (piece.where === 'x87') pushX87(sandbox, part);
    else if (piece.where === 'register') {
      regs[piece.name] = widened(piece.name, part, plan.convention.word);
    }
  }
}

/** The pointer to the result's memory that the caller of a callback passed. */
export function hiddenPointer(sandbox: Sandbox, plan: CallPlan, slot: Addr): Addr {
  if (plan.hidden === undefined) return 0n;
  const above = slot + BigInt(plan.convention.word);
  return BigInt(readLocation(sandbox, plan.hidden, above) as bigint);
}

function pushX87({ regs }: Sandbox, part: Uint8Array): void {
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  const value = part.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  const top = (Number((regs.fpsw ?? 0n) >> 11n) - 1) & 7;
  regs.fpsw = ((regs.fpsw ?? 0n) & ~0x3800n) | BigInt(top << 11);
  regs.fptag = (regs.fptag ?? 0xffffn) & ~(3n << BigInt(2 * top));
  regs.st0 = extendedOfDouble(value);
}

export function integerOf(bytes: Uint8Array): bigint {
  if (bytes.length === 8) {
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!);
  return value;
}

const WORD = new DataView(new ArrayBuffer(8));

export function bytesOf(value: bigint, length: number): Uint8Array {
  if (length <= 8) {
    WORD.setBigUint64(0, value, true);
    return new Uint8Array(WORD.buffer.slice(0, length));
  }
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

function wordBytes(value: bigint, word: number): Uint8Array {
  return bytesOf(value, word);
}
