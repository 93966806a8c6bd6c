/** One API call: arguments in, the function of the host, the result out, a line in the trace. */
import { STATUS } from '../../abi/windows/status.js';
import type { Interception } from '../../kernel/intercept.js';
import { memoryFault } from '../exceptions/memory-fault.js';
import { GATE_LENGTH } from '../loader/builtin-dlls.js';
import { GuestFault } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import type { ApiResult, ResultKind } from './api.js';
import { ApiCall } from './call.js';
import { ProcessEnded } from './control.js';
import type { FoundFunction, SystemFunctions } from './find-function.js';
import { wordOfResult } from './host-call.js';
import { injectedAnswer, intercept } from './intercept.js';
import { type HostTask, isTask } from './task.js';
import { type CallEntry, recordCall, recordEntry } from './trace.js';

const REGISTERS = ['rcx', 'rdx', 'r8', 'r9'];

/** Arguments of a function that was just entered: the stack pointer is at the return address. */
export function argumentWords(process: Win32Process): (index: number) => bigint {
  const { wide, engine, memory, sp } = process;
  return (index) => {
    const register = wide ? REGISTERS[index] : undefined;
    if (register !== undefined) return engine.readRegister(register);
    return memory.word(sp + BigInt((index + 1) * process.word));
  };
}

/** Reals among the first four arguments of 64-bit code come in xmm0 to xmm3. */
function realRegisters({ wide, engine }: Win32Process): (index: number) => bigint | undefined {
  return (index) =>
    wide && index < REGISTERS.length
      ? BigInt.asUintN(64, engine.readRegister(`xmm${index}`))
      : undefined;
}

/** Results of 64 bits are in edx:eax of 32-bit code. */
function setResult(process: Win32Process, value: bigint, returns: ResultKind): void {
  process.result = process.wide ? BigInt.asUintN(64, value) : BigInt.asUintN(32, value);
  if (process.wide || returns === 'word' || returns === 'f32') return;
  process.engine.writeRegister('edx', BigInt.asUintN(32, value >> 32n));
}

/** A call as it is under way. */
interface Begun extends FoundFunction {
  readonly process: Win32Process;
  readonly call: ApiCall;
  readonly entry: CallEntry;
  readonly injected: Interception | undefined;
}

/**
 * Behind the gate of a function: does what it does. A task when the guest has to run before the function is done.
 * @param functions of the system's DLLs, for an interceptor that wants another one called.
 */
export function performApi(
  process: Win32Process,
  found: FoundFunction,
  functions: SystemFunctions,
): HostTask<void> | undefined {
  const { system, memory, sp, pc } = process;
  const { fn } = found;
  system.clock.tick();
  try {
    const caller = memory.word(sp);
    const call = new ApiCall(process, fn, caller, argumentWords(process), realRegisters(process));
    const entry = recordEntry(process, found, call);
    const injected = intercept(process, { ...found, call, ...entry });
    const begun = { process, ...found, call, entry, injected };
    // Calls made in the guest's name came between.
    system.caller = { pid: process.tracePid, name: found.name, pc: caller, site: entry.site };
    const result =
      injected === undefined ? fn.handler(call) : injectedAnswer(functions, begun, injected);
    if (isTask(result)) return finish(begun, result, sp, pc);
    answer(begun, result);
    return undefined;
  } catch (error) {
    return faulted(process, error, sp, pc);
  }
}

/** Behind the gate of a function that exists on the real system and not here. @throws ProcessEnded */
export function performMissing(process: Win32Process, name: MissingFunction): HostTask<void> {
  const { memory, sp, pc } = process;
  try {
    return missing(process, name, memory.word(sp));
  } catch (error) {
    return faulted(process, error, sp, pc);
  }
}

function* finish(begun: Begun, task: HostTask<ApiResult>, sp: bigint, pc: bigint): HostTask<void> {
  try {
    answer(begun, yield* task);
  } catch (error) {
    yield* faulted(begun.process, error, sp, pc);
  }
}

function answer(begun: Begun, result: ApiResult): void {
  const { process, dll, name, fn, call, entry, injected } = begun;
  setResult(process, wordOfResult(result), fn.returns);
  const mark = injected && (injected.kind === 'change' ? 'args' : 'result');
  recordCall(process, { dll, name }, entry, call, {
    value: process.result,
    ...(mark === undefined ? {} : { injected: mark }),
  });
}

/** The function would have faulted in its own code; it is begun again when a handler says go on. */
function faulted(process: Win32Process, error: unknown, sp: bigint, pc: bigint): HostTask<void> {
  if (!(error instanceof GuestFault)) throw error;
  process.sp = sp;
  process.pc = pc - GATE_LENGTH;
  return memoryFault(process, error.address, error.access, pc - GATE_LENGTH);
}

export type MissingFunction = Pick<FoundFunction, 'dll' | 'name'>;

/** @throws ProcessEnded with one line in the log that says what is missing. */
export function missing(
  process: Win32Process,
  { dll, name }: MissingFunction,
  caller: bigint,
): never {
  const from = process.modules.at(caller);
  const where = from === undefined ? '' : ` (${from.path}+0x${(caller - from.base).toString(16)})`;
  process.system.note(
    `${dll}!${name} is not among the functions that mayexec has; called from 0x${caller.toString(16)}${where}`,
  );
  throw new ProcessEnded({
    kind: 'exception',
    status: STATUS.ENTRYPOINT_NOT_FOUND,
    parameters: [],
    pc: caller,
  });
}
