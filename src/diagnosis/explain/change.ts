/** Change: what a program could ask for instead, made to its calls while it runs; and what makers of changes share. */
import type {
  FaultInterceptor,
  InterceptedCall,
  SyscallInterceptor,
} from '../../kernel/intercept.js';
import type { CallEvent } from '../../trace/events.js';

export interface Change {
  readonly text: string;
  readonly intercept?: SyscallInterceptor;
  readonly interceptFault?: FaultInterceptor;
}

export type Perform = InterceptedCall['perform'];

export function succeeded(result: ReturnType<Perform>): boolean {
  return result !== 'no-return' && result.ok;
}

export function resultOf(result: ReturnType<Perform>): bigint | undefined {
  return result !== 'no-return' && result.ok ? result.value : undefined;
}

/** The call that made the memory, wherever in the run the same instruction makes it again. */
export function isSame(call: InterceptedCall, made: CallEvent | undefined): boolean {
  if (made === undefined || call.name !== made.name || call.pc !== made.pc) return false;
  return call.args[2] === made.args[2] && call.args[3] === made.args[3];
}

export function atFirstCall(act: (perform: Perform) => void): SyscallInterceptor {
  let done = false;
  return (call) => {
    if (!done) {
      // What it calls itself is no first call.
      done = true;
      act(call.perform);
    }
    return undefined;
  };
}
