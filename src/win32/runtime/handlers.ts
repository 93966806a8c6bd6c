/** msvcrt: __C_specific_handler, the handler of __try blocks in 64-bit code. */
import { Struct } from '../../base/struct.js';
import { type ApiSet, cdecl } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { callback } from '../calls/callback.js';
import type { HostTask } from '../calls/task.js';
import { decodeRecord, EXCEPTION_UNWINDING, recordSize } from '../exceptions/context.js';
import { unwindX64 } from '../exceptions/frames-x64.js';

const CONTINUE_EXECUTION = 0;
const CONTINUE_SEARCH = 1;
const EXECUTE_HANDLER = 1n;
const MAX_SCOPES = 4096;

interface Scope {
  readonly begin: number;
  readonly end: number;
  /** RVA of the filter or the termination handler; 1: EXCEPTION_EXECUTE_HANDLER. */
  readonly handler: number;
  /** RVA of the __except block; 0: a __finally. */
  readonly target: number;
}

function scopesOf(call: ApiCall, table: bigint): Scope[] {
  const count = Math.min(call.memory.u32(table), MAX_SCOPES);
  const scopes = call.memory.struct(table + 4n, count * 16);
  return Array.from({ length: count }, (_, index) => ({
    begin: scopes.u32(index * 16),
    end: scopes.u32(index * 16 + 4),
    handler: scopes.u32(index * 16 + 8),
    target: scopes.u32(index * 16 + 12),
  }));
}

function* specificHandler(call: ApiCall): HostTask<number> {
  const { process, memory } = call;
  if (!process.wide) return CONTINUE_SEARCH;
  const [recordAddress, frame, context, dispatcherAddress] = [0, 1, 2, 3].map((index) =>
    call.word(index),
  ) as [bigint, bigint, bigint, bigint];
  const record = decodeRecord(memory.read(recordAddress, recordSize(true)), true);
  const dispatcher = memory.struct(dispatcherAddress, 0x50);
  const base = dispatcher.u64(8);
  const pc = Number(dispatcher.u64(0) - base);
  const targetPc = Number(BigInt.asUintN(32, dispatcher.u64(0x20) - base));
  const unwinding = (record.flags & EXCEPTION_UNWINDING) !== 0;
  for (const scope of scopesOf(call, dispatcher.u64(0x38))) {
    if (pc < scope.begin || pc >= scope.end) continue;
    if (unwinding) {
      // A target within the block: it is not left.
      const stays = scope.target !== 0 && scope.target === targetPc;
      if (stays) return CONTINUE_SEARCH;
      if (scope.target === 0) yield* callback(process, base + BigInt(scope.handler), [1n, frame]);
      continue;
    }
    if (scope.target === 0) continue;
    const pointers = process.sp - 0x100n;
    memory.write(pointers, new Struct(16).setU64(0, recordAddress).setU64(8, context).bytes);
    const answer =
      scope.handler === 1
        ? EXECUTE_HANDLER
        : BigInt.asIntN(
            32,
            yield* callback(process, base + BigInt(scope.handler), [pointers, frame], pointers),
          );
    if (answer < 0n) return CONTINUE_EXECUTION;
    if (answer > 0n) {
      yield* unwindX64(process, {
        target: frame,
        targetIp: base + BigInt(scope.target),
        record: recordAddress,
        returnValue: BigInt(record.code),
        context: 0n,
      });
    }
  }
  return CONTINUE_SEARCH;
}

export const handlersApi: ApiSet = {
  __C_specific_handler: cdecl(
    'ptr ExceptionRecord, ptr EstablisherFrame, ptr ContextRecord, ptr DispatcherContext',
    specificHandler,
  ),
};
