/** Signals that end a wait: those that a handler takes or that end the process. */
import { NSIG, SA_RESTART, signalNumber } from '../../../abi/linux/signal.js';
import { bit, DEFAULT_HANDLER, IGNORE_HANDLER } from './signal-actions.js';
import type { SignalState } from './signal-state.js';

const IGNORED = (['SIGCHLD', 'SIGURG', 'SIGWINCH', 'SIGCONT'] as const).map(signalNumber);

/** Whoever has signals. */
interface Signalled {
  readonly signals: SignalState;
}

function interrupting({ signals }: Signalled): number[] {
  const ready = signals.readyMask;
  if (ready === 0n) return [];
  return Array.from({ length: NSIG }, (_, index) => index + 1).filter((signal) => {
    if (!(ready & bit(signal))) return false;
    const { handler } = signals.actions.of(signal);
    if (handler === IGNORE_HANDLER) return false;
    return handler !== DEFAULT_HANDLER || !IGNORED.includes(signal);
  });
}

export function hasInterruption(task: Signalled): boolean {
  return interrupting(task).length > 0;
}

/** SA_RESTART: the call is made again once the handler has returned. */
export function restartsCall(task: Signalled): boolean {
  const [first] = interrupting(task);
  if (first === undefined) return false;
  const { handler, flags } = task.signals.actions.of(first);
  return handler !== DEFAULT_HANDLER && (flags & SA_RESTART) !== 0;
}
