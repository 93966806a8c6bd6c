/** One API call: arguments in, the function of the host, the result out, a line in the trace. */
import { STATUS } from '../../abi/windows/status.js';
import { memoryFault } from '../exceptions/memory-fault.js';
import { GATE_LENGTH } from '../loader/builtin-dlls.js';
import { GuestFault } from '../process/memory-io.js';
import type { Gate } from '../process/modules.js';
import type { Win32Process } from '../process/process.js';
import { ApiCall } from './call.js';
import { ProcessEnded } from './control.js';
import { wordOfResult } from './host-call.js';
import { answerOf, intercept } from './intercept.js';
import { recordCall, recordEntry } from './trace.js';

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

export function performApi(process: Win32Process, gate: Gate): void {
  const { dll, name, fn } = gate;
  const { system, memory } = process;
  const { sp, pc } = process;
  system.clock.tick();
  try {
    const caller = memory.word(sp);
    if (fn === undefined) missing(process, gate, caller);
    const call = new ApiCall(process, fn, caller, argumentWords(process));
    const entry = recordEntry(process, { dll, name, fn }, call);
    const injected = intercept(process, { dll, name, fn, call, ...entry });
    // Calls made in the guest's name came between.
    system.caller = { pid: process.tracePid, name, pc: caller, site: entry.site };
    const answer = injected && answerOf(process, { dll, name, fn, call }, injected);
    const value = answer ?? wordOfResult(fn.handler(call));
    process.result = process.wide ? BigInt.asUintN(64, value) : BigInt.asUintN(32, value);
    const mark = injected && (injected.kind === 'change' ? 'args' : 'result');
    recordCall(process, { dll, name }, entry, call, {
      value: process.result,
      ...(mark === undefined ? {} : { injected: mark }),
    });
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    // The function would have faulted in its own code; it is begun again when a handler says go on.
    process.sp = sp;
    process.pc = pc - GATE_LENGTH;
    memoryFault(process, error.address, error.access, pc - GATE_LENGTH);
  }
}

/** @throws ProcessEnded with one line in the log that says what is missing. */
export function missing(process: Win32Process, { dll, name }: Gate, caller: bigint): never {
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
