/**
 * 32-bit frame-based handlers: the list of EXCEPTION_REGISTRATION_RECORDs that begins at fs:[0]. Each record lies on
 * the stack; a chain that leaves it, or does not go upwards, is not followed.
 */
import { STATUS } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import type { Win32Process } from '../process/process.js';
import { needStack } from '../process/stack.js';
import {
  decodeRecord,
  EXCEPTION_EXIT_UNWIND,
  EXCEPTION_STACK_INVALID,
  EXCEPTION_UNWINDING,
  encodeRecord,
  recordSize,
} from './context.js';
import {
  END_OF_CHAIN,
  isFinal,
  isWholeChain,
  type Registration,
  registrationAt,
} from './handler-chain.js';
import { goOn, type PendingException, unhandled } from './pending.js';
import { isValidHandler } from './safe-seh.js';

const CONTINUE_EXECUTION = 0;
const CONTINUE_SEARCH = 1;
const NESTED_EXCEPTION = 2;
const COLLIDED_UNWIND = 3;
const MAX_FRAMES = 10_000;

export function* dispatchI386(process: Win32Process, pending: PendingException): HostTask<void> {
  const { memory } = process;
  let at = BigInt(memory.u32(process.teb));
  if (!isWholeChain(process, at)) return;
  for (let count = 0; count < MAX_FRAMES; count++) {
    const frame = registrationAt(process, at);
    if (frame === undefined || isFinal(process, frame.handler)) return;
    if (!isValidHandler(process, frame.handler)) return;
    const answer = yield* callFrame(
      process,
      frame,
      pending.recordAddress,
      pending.contextAddress,
      pending.below,
    );
    switch (answer) {
      case CONTINUE_EXECUTION:
        goOn(process, pending);
        break;
      case CONTINUE_SEARCH:
      case NESTED_EXCEPTION:
        break;
      default:
        unhandled(process, { ...pending.record, code: STATUS.INVALID_DISPOSITION });
    }
    if (frame.next !== END_OF_CHAIN && frame.next <= frame.address) return;
    at = frame.next;
  }
}

function* callFrame(
  process: Win32Process,
  frame: Registration,
  record: Addr,
  context: Addr,
  below: Addr,
): HostTask<number> {
  process.system.meter.charge('signal');
  // The fourth argument is the dispatcher's own; handlers do not look at it.
  const answer = yield* callback(
    process,
    frame.handler,
    [record, frame.address, context, 0n],
    below,
  );
  return Number(BigInt.asIntN(32, answer));
}

/**
 * RtlUnwind: tells every frame above `target` that it goes, and takes it off the list. Registers stay as they are.
 * @param recordAddress 0: a record of STATUS_UNWIND is made.
 */
export function* unwindI386(
  process: Win32Process,
  target: Addr,
  recordAddress: Addr,
): HostTask<void> {
  const { memory, sp } = process;
  const below = (sp - 0x400n) & ~0xfn;
  const context = below - 0x2d0n;
  const ownRecord = context - BigInt(recordSize(false));
  const record = recordAddress === 0n ? ownRecord : recordAddress;
  needStack(process, ownRecord);
  const flags = EXCEPTION_UNWINDING | (target === 0n ? EXCEPTION_EXIT_UNWIND : 0);
  const old =
    recordAddress === 0n
      ? { code: 0xc000_0027, flags: 0, address: process.pc, parameters: [] }
      : decodeRecord(memory.read(record, recordSize(false)), false);
  memory.write(record, encodeRecord({ ...old, flags: old.flags | flags }, false));
  memory.write(context, new Uint8Array(0x2cc));
  for (let count = 0; count < MAX_FRAMES; count++) {
    const at = BigInt(memory.u32(process.teb));
    if (at === target || at === END_OF_CHAIN) return;
    const frame = registrationAt(process, at);
    if (frame !== undefined && isFinal(process, frame.handler)) return;
    if (frame === undefined || (target !== 0n && at > target)) {
      unhandled(process, { ...old, code: 0xc000_0028, flags: flags | EXCEPTION_STACK_INVALID });
    }
    const answer = yield* callFrame(process, frame, record, context, ownRecord);
    if (answer === COLLIDED_UNWIND) return;
    memory.setU32(process.teb, Number(frame.next));
  }
}
