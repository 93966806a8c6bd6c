import { describe, expect, it } from 'vitest';
import type { NewEvent, SignalEvent, SyscallEvent, TraceEvent } from '../../src/trace/events.js';
import { straceCall, straceLine, straceText, verdictLine } from '../../src/trace/print.js';

const base = { seq: 0, pid: 100, pc: 0x401000n };

function call(name: string, shown: string[], result: Partial<SyscallEvent>): SyscallEvent {
  const fixed = { ...base, type: 'syscall', number: 0, args: [], byHost: false } as const;
  return { ...fixed, name, shown, value: undefined, errno: undefined, ...result };
}

function signal(result: Partial<SignalEvent>): SignalEvent {
  const fixed = { ...base, type: 'signal', disposition: 'killed' } as const;
  return { ...fixed, signal: 'SIGSEGV', code: 'SEGV_ACCERR', address: 0n, ...result };
}

describe('straceLine of a call', () => {
  it('aligns the result at column 40', () => {
    expect(straceLine(call('brk', ['NULL'], { value: 0x804b000n }))).toBe(
      'brk(NULL)                               = 0x804b000',
    );
    expect(straceLine(call('munmap', ['0x77ec0000', '262144'], { value: 0n }))).toBe(
      'munmap(0x77ec0000, 262144)              = 0',
    );
  });

  it('puts one space before the result of a long call', () => {
    const shown = ['PR_SET_MDWE', 'PR_MDWE_REFUSE_EXEC_GAIN', '0', '0', '0'];
    expect(straceLine(call('prctl', shown, { value: 0n }))).toBe(
      'prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) = 0',
    );
  });

  it('aligns nothing where it stands within other text', () => {
    expect(straceCall(call('brk', ['NULL'], { value: 0x804b000n }))).toBe('brk(NULL) = 0x804b000');
    const write = call('write', ['1', '"a   = b"', '7'], { value: 7n });
    expect(straceCall(write)).toBe('write(1, "a   = b", 7) = 7');
  });

  it('names an error with its text', () => {
    const denied = call('mprotect', ['0x804b000', '4096', 'PROT_READ|PROT_EXEC'], {
      value: -1n,
      errno: 'EACCES',
    });
    expect(straceLine(denied)).toBe(
      'mprotect(0x804b000, 4096, PROT_READ|PROT_EXEC) = -1 EACCES (Permission denied)',
    );
  });

  it('prints counts in decimal and addresses in hexadecimal', () => {
    expect(straceLine(call('write', ['1', '"x"', '11'], { value: 11n }))).toMatch(/ = 11$/);
    expect(straceLine(call('mmap', ['NULL'], { value: 0x7f5e1ad79000n }))).toMatch(
      / = 0x7f5e1ad79000$/,
    );
  });

  it('prints an i386 address above 2 GiB as 32 bits', () => {
    expect(straceLine(call('mmap2', ['NULL'], { value: -0x48100000n }))).toMatch(/ = 0xb7f00000$/);
  });

  it('prints a question mark for a call that does not return', () => {
    expect(straceLine(call('exit_group', ['0'], {}))).toBe(
      'exit_group(0)                           = ?',
    );
  });
});

describe('straceLine of a signal', () => {
  it('gives the address of a fault', () => {
    expect(straceLine(signal({ address: 0x804b008n }))).toBe(
      '--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_ACCERR, si_addr=0x804b008} ---',
    );
  });

  it('prints address 0 as NULL', () => {
    expect(straceLine(signal({ code: 'SEGV_MAPERR' }))).toBe(
      '--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---',
    );
  });

  it('gives the sender of a signal that was sent, ignored ones too', () => {
    const sender = { pid: 100, uid: 1000 };
    const sent = signal({ signal: 'SIGUSR1', code: 'SI_USER', sender, disposition: 'ignored' });
    expect(straceLine(sent)).toBe(
      '--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=100, si_uid=1000} ---',
    );
  });

  it.each([
    ['CLD_EXITED', 3, '3'],
    ['CLD_KILLED', 9, 'SIGKILL'],
  ])('gives what became of a child: %s', (code, status, shown) => {
    const sender = { pid: 101, uid: 1000, status };
    expect(straceLine(signal({ signal: 'SIGCHLD', code, sender }))).toBe(
      `--- SIGCHLD {si_signo=SIGCHLD, si_code=${code}, si_pid=101, si_uid=1000, si_status=${shown}, si_utime=0, si_stime=0} ---`,
    );
  });

  it('gives no address of a signal that is about none', () => {
    expect(straceLine(signal({ signal: 'SIGALRM', code: 'SI_KERNEL' }))).toBe(
      '--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---',
    );
  });
});

describe('straceLine of an end', () => {
  const end = (outcome: Extract<TraceEvent, { type: 'end' }>['outcome']): string | undefined =>
    straceLine({ ...base, type: 'end', outcome });

  it('words an exit and a kill as strace does', () => {
    expect(end({ kind: 'exit', code: 3 })).toBe('+++ exited with 3 +++');
    const killed = { kind: 'signal', signal: 'SIGKILL', code: 'SI_KERNEL' } as const;
    expect(end({ ...killed, address: 0n, pc: 0n })).toBe('+++ killed by SIGKILL +++');
  });

  it('words what strace does not know', () => {
    expect(end({ kind: 'limit', limit: 'blocks' })).toBe('+++ stopped at the limit of blocks +++');
    const waiting = [
      { pid: 1000, call: 'futex' },
      { pid: 1001, call: 'read' },
    ];
    expect(end({ kind: 'asleep', waiting })).toBe('+++ asleep in futex, read +++');
    expect(end({ kind: 'deadlock', waiting })).toBe(
      '+++ deadlock: 1000 in futex, 1001 in read +++',
    );
    expect(end({ kind: 'stopped', signal: 'SIGSTOP', pid: 1000 })).toBe(
      '+++ stopped by SIGSTOP +++',
    );
    expect(end({ kind: 'return', value: -1n })).toBe('+++ returned 0xffffffffffffffff +++');
  });
});

describe('straceText', () => {
  const events: NewEvent[] = [
    { ...call('getpid', [], { value: 100n }) },
    {
      ...base,
      type: 'verdict',
      policy: 'nx',
      hook: 'fault',
      verdict: { kind: 'allow' },
      call: undefined,
    },
    { ...call('getpid', [], { value: 101n }), pid: 101 },
  ];

  it('has a line per call, and names the process of every other than the first', () => {
    expect(straceText(events.map((event, seq) => ({ ...event, seq }) as TraceEvent))).toBe(
      'getpid()                                = 100\n' +
        '[pid   101] getpid()                                = 101\n',
    );
  });

  it('is empty for no events', () => {
    expect(straceText([])).toBe('');
  });
});

describe('verdictLine', () => {
  const event = { ...base, type: 'verdict', policy: 'mdwe', hook: 'mprotectRights' } as const;

  it('names the policy, the call, the errno, the reason and the rule', () => {
    const verdict = {
      kind: 'deny',
      errno: 'EACCES',
      rule: 'mdwe/gain-exec',
      reason: 'memory may not become executable',
    } as const;
    expect(verdictLine({ ...event, verdict, call: 'mprotect' })).toBe(
      'mdwe denied mprotect with EACCES: memory may not become executable (mdwe/gain-exec)',
    );
  });

  it('words a kill outside a call', () => {
    const verdict = { kind: 'kill', signal: 'SIGKILL', rule: 'pax/fetch', reason: 'no' } as const;
    expect(verdictLine({ ...event, verdict, call: undefined })).toBe(
      'mdwe killed the process with SIGKILL at an access: no (pax/fetch)',
    );
  });
});
