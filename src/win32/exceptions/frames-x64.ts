/** 64-bit handlers: the frames of the stack by their unwind tables, each with its language's handler. */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import { UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER } from '../../formats/pe/unwind-info.js';
import { callback, callbackGate } from '../calls/callback.js';
import { Resumed } from '../calls/control.js';
import type { HostTask } from '../calls/task.js';
import type { Win32Process } from '../process/process.js';
import { needStack } from '../process/stack.js';
import {
  captureContext,
  contextSize,
  contextWord,
  decodeRecord,
  EXCEPTION_EXIT_UNWIND,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  encodeRecord,
  recordSize,
  restoreContext,
  setContextWord,
} from './context.js';
import { entryAddress, type FunctionEntry, lookupFunction } from './function-tables.js';
import { goOn, type PendingException, unhandled } from './pending.js';
import { popReturn, virtualUnwind } from './unwind-x64.js';

const CONTINUE_EXECUTION = 0;
const CONTINUE_SEARCH = 1;
const COLLIDED_UNWIND = 3;
const MAX_FRAMES = 10_000;
const DISPATCHER_SIZE = 0x50;

interface Frame {
  readonly pc: Addr;
  readonly entry: FunctionEntry;
  readonly establisher: Addr;
  readonly handler: Addr;
  readonly handlerData: Addr;
}

/** Unwinds `context` by one frame. 'leaf' for one without a handler; undefined: the stack ends here. */
function* nextFrame(
  process: Win32Process,
  context: Struct,
  kinds: number,
): HostTask<Frame | 'leaf' | undefined> {
  const pc = contextWord(context, 'rip', true);
  const sp = contextWord(context, 'rsp', true);
  if (sp % 8n !== 0n || sp < process.stack.bottom || sp >= process.stack.base) return undefined;
  if (pc === callbackGate(process)) return beyondCallback(process, context, sp);
  const entry = yield* lookupFunction(process, pc);
  // A leaf is its return address.
  const { meter } = process.system;
  meter.charge(entry === undefined ? 'page' : 'frame');
  if (entry === undefined) return popReturn(process, context) ? 'leaf' : undefined;
  const unwound = virtualUnwind(process, entry, pc, context, kinds);
  if (unwound === undefined) return undefined;
  return { pc, entry, ...unwound };
}

/** Above a callback is the code that the host left to make it. */
function beyondCallback(process: Win32Process, context: Struct, sp: Addr): 'leaf' | undefined {
  const frame = process.callbacks.findLast(({ stackPointer }) => stackPointer === sp);
  if (frame === undefined) return undefined;
  for (const [name, value] of frame.caller) setContextWord(context, name, value, true);
  return 'leaf';
}

export function* dispatchX64(process: Win32Process, pending: PendingException): HostTask<void> {
  const { memory } = process;
  const size = contextSize(true);
  const context = new Struct(memory.read(pending.contextAddress, size));
  const walk = (pending.below - BigInt(size)) & ~0xfn;
  const dispatcher = walk - BigInt(DISPATCHER_SIZE);
  needStack(process, dispatcher);
  for (let count = 0; count < MAX_FRAMES; count++) {
    const frame = yield* nextFrame(process, context, UNW_FLAG_EHANDLER);
    if (frame === undefined) return;
    if (frame === 'leaf' || frame.handler === 0n) continue;
    if (!memory.tryWrite(walk, context.bytes)) return;
    const answer = yield* callHandler(process, frame, {
      record: pending.recordAddress,
      context: pending.contextAddress,
      walk,
      dispatcher,
      targetIp: 0n,
    });
    if (answer === CONTINUE_EXECUTION) goOn(process, pending);
    if (answer !== CONTINUE_SEARCH) {
      unhandled(process, { ...pending.record, code: STATUS.INVALID_DISPOSITION });
    }
  }
}

interface HandlerCall {
  readonly record: Addr;
  readonly context: Addr;
  /** The context of the walk, as the DISPATCHER_CONTEXT has it. */
  readonly walk: Addr;
  readonly dispatcher: Addr;
  readonly targetIp: Addr;
}

function* callHandler(process: Win32Process, frame: Frame, call: HandlerCall): HostTask<number> {
  const { pc, entry, establisher, handler, handlerData } = frame;
  const dispatcher = new Struct(DISPATCHER_SIZE)
    .setU64(0, pc)
    .setU64(8, entry.base)
    .setU64(0x10, entryAddress(entry))
    .setU64(0x18, establisher)
    .setU64(0x20, call.targetIp)
    .setU64(0x28, call.walk)
    .setU64(0x30, handler)
    .setU64(0x38, handlerData);
  process.memory.write(call.dispatcher, dispatcher.bytes);
  process.system.meter.charge('signal');
  const args = [call.record, establisher, call.context, call.dispatcher];
  const answer = yield* callback(process, handler, args, call.dispatcher);
  return Number(BigInt.asIntN(32, answer));
}

export interface UnwindRequest {
  /** The frame that stays; 0: none does. */
  readonly target: Addr;
  readonly targetIp: Addr;
  /** Where the exception's record lies; 0: one is made. */
  readonly record: Addr;
  readonly returnValue: bigint;
  /** Room for a CONTEXT of the caller's; 0: on the stack. */
  readonly context: Addr;
  /** Of longjmp: goes on as the jump's buffer says, once every frame below the target has been told. */
  readonly arrive?: () => never;
}

/** RtlUnwindEx: tells every frame above the target that it goes, and goes on there. @throws Resumed */
export function* unwindX64(process: Win32Process, request: UnwindRequest): HostTask<never> {
  const { memory, engine, sp } = process;
  const size = contextSize(true);
  const walk = ((sp - 0x400n - BigInt(size)) & ~0xfn) as Addr;
  const dispatcher = walk - BigInt(DISPATCHER_SIZE);
  const own = dispatcher - BigInt(recordSize(true));
  const record = request.record === 0n ? own : request.record;
  needStack(process, own - BigInt(DISPATCHER_SIZE));
  const old =
    request.record === 0n
      ? { code: 0xc000_0027, flags: 0, address: process.pc, parameters: [] }
      : decodeRecord(memory.read(record, recordSize(true)), true);
  const flags =
    old.flags | EXCEPTION_UNWINDING | (request.target === 0n ? EXCEPTION_EXIT_UNWIND : 0);
  // The function that called RtlUnwindEx is the first frame.
  const context = captureContext(engine, true);
  popReturn(process, context);
  const contextAddress = request.context === 0n ? walk : request.context;
  for (let count = 0; count < MAX_FRAMES; count++) {
    const before = new Struct(context.bytes.slice());
    const frame = yield* nextFrame(process, context, UNW_FLAG_UHANDLER);
    if (frame === undefined) break;
    if (frame === 'leaf') continue;
    const isTarget = frame.establisher === request.target;
    if (request.target !== 0n && frame.establisher > request.target) break;
    if (isTarget) request.arrive?.();
    if (frame.handler !== 0n) {
      const bits = flags | (isTarget ? EXCEPTION_TARGET_UNWIND : 0);
      memory.write(record, encodeRecord({ ...old, flags: bits }, true));
      memory.write(contextAddress, before.bytes);
      const answer = yield* callHandler(process, frame, {
        record,
        context: contextAddress,
        walk: contextAddress,
        dispatcher: request.record === 0n ? own - BigInt(DISPATCHER_SIZE) : dispatcher,
        targetIp: request.targetIp,
      });
      if (answer !== CONTINUE_SEARCH && answer !== COLLIDED_UNWIND) {
        unhandled(process, { ...old, code: STATUS.INVALID_DISPOSITION });
      }
    }
    if (!isTarget) continue;
    // The target's handler may have put more into the context: a selector of the language's.
    const target = frame.handler === 0n ? before : new Struct(memory.read(contextAddress, size));
    setContextWord(target, 'rip', request.targetIp, true);
    setContextWord(target, 'rax', request.returnValue, true);
    restoreContext(engine, target, true);
    throw new Resumed(contextWord(target, 'rsp', true));
  }
  request.arrive?.();
  return unhandled(process, old);
}
