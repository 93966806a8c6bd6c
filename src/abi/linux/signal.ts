/** Signals, si_codes and sigaction flags (arch/x86/include/uapi/asm/signal.h, include/uapi/asm-generic/siginfo.h; texts as strsignal gives them). */
export const SIGNAL = {
  SIGHUP: [1, 'Hangup'],
  SIGINT: [2, 'Interrupt'],
  SIGQUIT: [3, 'Quit'],
  SIGILL: [4, 'Illegal instruction'],
  SIGTRAP: [5, 'Trace/breakpoint trap'],
  SIGABRT: [6, 'Aborted'],
  SIGBUS: [7, 'Bus error'],
  SIGFPE: [8, 'Floating point exception'],
  SIGKILL: [9, 'Killed'],
  SIGUSR1: [10, 'User defined signal 1'],
  SIGSEGV: [11, 'Segmentation fault'],
  SIGUSR2: [12, 'User defined signal 2'],
  SIGPIPE: [13, 'Broken pipe'],
  SIGALRM: [14, 'Alarm clock'],
  SIGTERM: [15, 'Terminated'],
  SIGSTKFLT: [16, 'Stack fault'],
  SIGCHLD: [17, 'Child exited'],
  SIGCONT: [18, 'Continued'],
  SIGSTOP: [19, 'Stopped (signal)'],
  SIGTSTP: [20, 'Stopped'],
  SIGTTIN: [21, 'Stopped (tty input)'],
  SIGTTOU: [22, 'Stopped (tty output)'],
  SIGURG: [23, 'Urgent I/O condition'],
  SIGXCPU: [24, 'CPU time limit exceeded'],
  SIGXFSZ: [25, 'File size limit exceeded'],
  SIGVTALRM: [26, 'Virtual timer expired'],
  SIGPROF: [27, 'Profiling timer expired'],
  SIGWINCH: [28, 'Window changed'],
  SIGIO: [29, 'I/O possible'],
  SIGPWR: [30, 'Power failure'],
  SIGSYS: [31, 'Bad system call'],
} as const satisfies Record<string, readonly [number: number, text: string]>;

export type Signal = keyof typeof SIGNAL;

/** The kernel's: signals 1 to 64, of which 32 and up are real-time. */
export const NSIG = 64;
export const SIGRTMIN = 32;
export const SIGRTMAX = 64;

export function signalNumber(signal: Signal): number {
  return SIGNAL[signal][0];
}

export function signalText(signal: Signal): string {
  return SIGNAL[signal][1];
}

const byNumber = new Map<number, string>(
  Object.entries(SIGNAL).map(([name, [number]]) => [number, name] as const),
);

/** `SIGSEGV`, `SIGRT_1` (as strace names the real-time signals), undefined for no signal. */
export function signalName(number: number): string | undefined {
  if (number >= SIGRTMIN && number <= SIGRTMAX) {
    return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRT_${number - SIGRTMIN}`;
  }
  return byNumber.get(number);
}

/** Values of si_code that any signal may carry. */
export const SI_CODE = {
  SI_USER: 0,
  SI_KERNEL: 0x80,
  SI_QUEUE: -1,
  SI_TIMER: -2,
  SI_MESGQ: -3,
  SI_ASYNCIO: -4,
  SI_SIGIO: -5,
  SI_TKILL: -6,
  SI_DETHREAD: -7,
  SI_ASYNCNL: -60,
} as const;

/** Values of si_code that one signal gives a meaning of its own. */
export const FAULT_CODE = {
  SIGILL: {
    ILL_ILLOPC: 1,
    ILL_ILLOPN: 2,
    ILL_ILLADR: 3,
    ILL_ILLTRP: 4,
    ILL_PRVOPC: 5,
    ILL_PRVREG: 6,
    ILL_COPROC: 7,
    ILL_BADSTK: 8,
    ILL_BADIADDR: 9,
  },
  SIGFPE: {
    FPE_INTDIV: 1,
    FPE_INTOVF: 2,
    FPE_FLTDIV: 3,
    FPE_FLTOVF: 4,
    FPE_FLTUND: 5,
    FPE_FLTRES: 6,
    FPE_FLTINV: 7,
    FPE_FLTSUB: 8,
    FPE_FLTUNK: 14,
    FPE_CONDTRAP: 15,
  },
  SIGSEGV: {
    SEGV_MAPERR: 1,
    SEGV_ACCERR: 2,
    SEGV_BNDERR: 3,
    SEGV_PKUERR: 4,
    SEGV_ACCADI: 5,
    SEGV_ADIDERR: 6,
    SEGV_ADIPERR: 7,
    SEGV_MTEAERR: 8,
    SEGV_MTESERR: 9,
    SEGV_CPERR: 10,
  },
  SIGBUS: {
    BUS_ADRALN: 1,
    BUS_ADRERR: 2,
    BUS_OBJERR: 3,
    BUS_MCEERR_AR: 4,
    BUS_MCEERR_AO: 5,
  },
  SIGTRAP: {
    TRAP_BRKPT: 1,
    TRAP_TRACE: 2,
    TRAP_BRANCH: 3,
    TRAP_HWBKPT: 4,
    TRAP_UNK: 5,
    TRAP_PERF: 6,
  },
  SIGCHLD: {
    CLD_EXITED: 1,
    CLD_KILLED: 2,
    CLD_DUMPED: 3,
    CLD_TRAPPED: 4,
    CLD_STOPPED: 5,
    CLD_CONTINUED: 6,
  },
  SIGSYS: {
    SYS_SECCOMP: 1,
    SYS_USER_DISPATCH: 2,
  },
} as const;

/** `siCodeNumber('SIGSEGV', 'SEGV_ACCERR')` is 2; undefined for a code that the signal has not. */
export function siCodeNumber(signal: string, code: string): number | undefined {
  const own = (FAULT_CODE as Record<string, Readonly<Record<string, number>>>)[signal];
  return own?.[code] ?? (SI_CODE as Readonly<Record<string, number>>)[code];
}

/** The name of a code that comes with `signal`, or undefined. */
export function siCodeName(signal: string, code: number): string | undefined {
  const own = (FAULT_CODE as Record<string, Readonly<Record<string, number>>>)[signal] ?? {};
  const named = [...Object.entries(own), ...Object.entries(SI_CODE)];
  return named.find(([, value]) => value === code)?.[0];
}

export const SIG_DFL = 0;
export const SIG_IGN = 1;

export const SA_NOCLDSTOP = 0x00000001;
export const SA_NOCLDWAIT = 0x00000002;
export const SA_SIGINFO = 0x00000004;
export const SA_UNSUPPORTED = 0x00000400;
export const SA_EXPOSE_TAGBITS = 0x00000800;
export const SA_RESTORER = 0x04000000;
export const SA_ONSTACK = 0x08000000;
export const SA_RESTART = 0x10000000;
export const SA_NODEFER = 0x40000000;
export const SA_RESETHAND = 0x80000000;

export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const SS_AUTODISARM = 0x80000000;
export const MINSIGSTKSZ = 2048;
export const SIGSTKSZ = 8192;
