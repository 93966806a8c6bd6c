/** kernel32 and ntdll: unwinding of 64-bit code. */
import type { Struct } from '../../base/struct.js';
import { type ApiSet, api } from '../calls/api.js';
import type { ApiCall } from '../calls/call.js';
import { captureContext, contextSize, setContextWord } from '../exceptions/context.js';
import { unwindX64 } from '../exceptions/frames-x64.js';
import { entryAt } from '../exceptions/function-tables.js';
import { resumeAt } from '../exceptions/pending.js';
import { virtualUnwind } from '../exceptions/unwind-x64.js';
import { functionTablesApi } from './function-tables.js';

function captured(call: ApiCall): Struct {
  const context = captureContext(call.process.engine, true);
  // As the caller will be when the function has returned.
  setContextWord(context, 'rip', call.caller, true);
  setContextWord(context, 'rsp', call.process.sp + 8n, true);
  return context;
}

function virtualUnwindCall(call: ApiCall): bigint {
  const { process, memory } = call;
  const [kinds, base, pc] = [call.dword(0), call.word(1), call.word(2)];
  const context = memory.struct(call.word(4), contextSize(true));
  const entry = entryAt(process, base, call.word(3));
  const unwound = entry && virtualUnwind(process, entry, pc, context, kinds);
  if (unwound === undefined) {
    // Nothing can be said of the frame: the walk ends.
    setContextWord(context, 'rip', 0n, true);
    memory.write(call.word(4), context.bytes);
    return 0n;
  }
  memory.write(call.word(4), context.bytes);
  if (call.word(5) !== 0n) memory.setWord(call.word(5), unwound.handlerData);
  memory.setWord(call.word(6), unwound.establisher);
  return unwound.handler;
}

export const exceptions64Api: ApiSet = {
  ...functionTablesApi,
  RtlCaptureContext: api('out ContextRecord', (call) => {
    call.memory.write(call.word(0), captured(call).bytes);
    return 0n;
  }),
  RtlRestoreContext: api('ptr ContextRecord, ptr ExceptionRecord', (call) =>
    resumeAt(call.process, call.word(0)),
  ),
  RtlVirtualUnwind: api(
    'dword HandlerType, ptr ImageBase, ptr ControlPc, ptr FunctionEntry, ptr ContextRecord, out HandlerData, out EstablisherFrame, ptr ContextPointers',
    virtualUnwindCall,
  ),
  RtlUnwindEx: api(
    'ptr TargetFrame, ptr TargetIp, ptr ExceptionRecord, ptr ReturnValue, ptr ContextRecord, ptr HistoryTable',
    (call) =>
      unwindX64(call.process, {
        target: call.word(0),
        targetIp: call.word(1),
        record: call.word(2),
        returnValue: call.word(3),
        context: call.word(4),
      }),
  ),
  RtlUnwind: api('ptr TargetFrame, ptr TargetIp, ptr ExceptionRecord, ptr ReturnValue', (call) =>
    unwindX64(call.process, {
      target: call.word(0),
      targetIp: call.word(1),
      record: call.word(2),
      returnValue: call.word(3),
      context: 0n,
    }),
  ),
  RtlPcToFileHeader: api('ptr PcValue, out BaseOfImage', (call) => {
    const base = call.process.modules.at(call.word(0))?.base ?? 0n;
    call.memory.setWord(call.word(1), base);
    return base;
  }),
};
