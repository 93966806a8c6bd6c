/**
 * Delivery: what happens to pending signals on the way back to the program. Compare
 * kernel/signal.c:get_signal() and arch/x86/kernel/signal.c:handle_signal().
 */

import { SA_NODEFER, signalNumber } from '../../../abi/linux/signal.js';
import type { Outcome } from '../../../base/outcome.js';
import type { Result } from '../../../base/result.js';
import type { SignalEvent } from '../../../trace/events.js';
import { INITIAL_PKRU } from '../mm/pkru.js';
import type { Task } from '../process/task.js';
import { setupFrame32 } from './frame-i386.js';
import { setupFrame64 } from './frame-x86-64.js';
import { addressOf, codeName, kernelInfo, nameOf, type SignalInfo } from './siginfo.js';
import { bit, DEFAULT_HANDLER, IGNORE_HANDLER, type SignalAction } from './signal-actions.js';

const SIGSEGV = signalNumber('SIGSEGV');

const IGNORED = (['SIGCHLD', 'SIGURG', 'SIGWINCH', 'SIGCONT'] as const).map(signalNumber);
const STOPPING = (['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const).map(signalNumber);

/** Delivers every pending signal that is not blocked. An outcome: one of them ended the process. */
export function deliverPending(task: Task): Outcome | undefined {
  for (;;) {
    const info = task.signals.take();
    if (info === undefined) return task.outcome;
    const outcome = deliver(task, info);
    if (outcome !== undefined) {
      task.end(outcome);
      return outcome;
    }
  }
}

function deliver(task: Task, info: SignalInfo): Outcome | undefined {
  const action = task.signals.actions.of(info.signal);
  if (action.handler === IGNORE_HANDLER) return note(task, info, 'ignored');
  if (action.handler === DEFAULT_HANDLER) return deliverDefault(task, info);
  task.signals.actions.resetOnce(info.signal);
  task.kernel.meter.charge('signal');
  const done = setupFrame(task, info, action);
  if (done.ok) {
    const own = action.flags & SA_NODEFER ? 0n : bit(info.signal);
    task.signals.enterHandler(action.mask | own);
    return note(task, info, 'handled');
  }
  // force_sigsegv(): a SIGSEGV that cannot be delivered kills.
  task.signals.force(kernelInfo(SIGSEGV), info.signal === SIGSEGV);
  return undefined;
}

function setupFrame(task: Task, info: SignalInfo, action: SignalAction): Result<0> {
  const setup = task.arch === 'x86-64' ? setupFrame64 : setupFrame32;
  const { keys, ...context } = task.frameContext;
  if (keys === undefined) return setup({ ...context, keys }, { info, action });
  // No key keeps the kernel from the stack; the frame has the rights from before (sig_prepare_pkru()).
  const { pkru } = keys;
  keys.pkru = 0;
  const done = setup({ ...context, keys: { pkru } }, { info, action });
  keys.pkru = done.ok ? INITIAL_PKRU : pkru;
  return done;
}

function deliverDefault(task: Task, info: SignalInfo): Outcome | undefined {
  if (IGNORED.includes(info.signal)) return note(task, info, 'ignored');
  if (STOPPING.includes(info.signal)) {
    // Nobody is there to continue it.
    note(task, info, 'stopped');
    return { kind: 'stopped', signal: nameOf(info.signal), pid: task.pid };
  }
  note(task, info, 'killed');
  return killedBy(task, info);
}

/** The outcome of a process that `info` killed. */
export function killedBy(task: Task, info: SignalInfo): Outcome {
  const { access } = task.signals.trap;
  const isFault = info.detail.kind === 'fault' && access !== undefined;
  return {
    kind: 'signal',
    signal: nameOf(info.signal),
    code: codeName(info),
    address: addressOf(info),
    ...(isFault ? { access } : {}),
    pc: task.kernel.programCounter,
  };
}

/** Of the kernel itself there is none. */
function senderOf({ detail }: SignalInfo): Pick<SignalEvent, 'sender'> {
  if (detail.kind === 'fault' || detail.pid === 0) return {};
  const { kind: _, ...sender } = detail;
  return { sender };
}

function note(task: Task, info: SignalInfo, disposition: SignalEvent['disposition']): undefined {
  task.kernel.record({
    type: 'signal',
    pid: task.pid,
    signal: nameOf(info.signal),
    code: codeName(info),
    address: addressOf(info),
    ...senderOf(info),
    disposition,
  });
}
