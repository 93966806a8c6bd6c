/** Exit statuses, as a shell gives them: the guest's own, 128 + signal, and three of our own (docs/outcomes.md). */
import type { Outcome } from '../index.js';

/** A usage error, or an input that cannot be read. */
export const USAGE = 2;
/** A limit ended the run, or the program waits for what never comes. */
export const LIMIT = 3;
/** A kernel met an error that it does not survive. */
export const MACHINE_DIED = 4;

/** Numbers of Linux (arch/x86/include/uapi/asm/signal.h): the guest's, whatever the host is. */
const SIGNALS: readonly string[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];

export function exitStatus(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exit':
      return outcome.code & 0xff;
    case 'signal':
      return 128 + signalNumber(outcome.signal);
    case 'return':
      return 0;
    case 'exception':
      // Windows gives the status itself; a POSIX shell keeps its low byte.
      return outcome.status & 0xff;
    case 'halt':
      return 0;
    case 'oops':
    case 'triple-fault':
      return MACHINE_DIED;
    case 'stopped':
    case 'asleep':
    case 'deadlock':
    case 'limit':
      return LIMIT;
  }
}

function signalNumber(name: string): number {
  const realtime = /^SIGRT_?(\d+)$/.exec(name)?.[1];
  return realtime === undefined ? SIGNALS.indexOf(name) + 1 : 32 + Number(realtime);
}
