import { describe, expect, it } from 'vitest';
import type { Cause } from '../../src/base/verdict.js';
import type { FaultEvent, SyscallEvent, TraceEvent, VerdictEvent } from '../../src/trace/events.js';
import { causeOf, faultLine, firstRefusal } from '../../src/trace/print-cause.js';

const base = { seq: 0, pid: 100, pc: 0x401000n };

function verdict(given: VerdictEvent['verdict'], hook = 'mprotect'): VerdictEvent {
  const call = hook === 'fault' ? undefined : 'mprotect';
  return { ...base, type: 'verdict', policy: 'mdwe', hook, verdict: given, call };
}

const refusal = verdict({
  kind: 'deny',
  errno: 'EACCES',
  rule: 'mdwe/gain-exec',
  reason: 'no gain',
});
const narrowing = verdict({ kind: 'narrow', flags: 3, rule: 'pax/no-exec', reason: 'data' });
const denied: Cause = { kind: 'denied', policy: 'mdwe', rule: 'mdwe/gain-exec', reason: 'no gain' };
const taken: Cause = { kind: 'taken', policy: 'pax', rule: 'pax/no-exec', reason: 'data' };
const noted: Cause = {
  kind: 'noted',
  policy: 'nx',
  rule: 'nx/no-exec',
  reason: 'never executable',
};
const note = verdict({ kind: 'allow', rule: 'nx/no-exec', reason: 'never executable' }, 'fault');

const fault: FaultEvent = {
  ...base,
  type: 'fault',
  fault: { address: 0x7000n, access: 'exec', code: 'SEGV_ACCERR', pc: 0x7000n },
  vma: {
    start: 0x7000n,
    end: 0x8000n,
    rights: 3,
    may: 7,
    shared: false,
    growsDown: false,
    name: '[heap]',
    object: undefined,
    offset: 0n,
    history: [],
    native: undefined,
  },
};

function failed(name: string, errno: SyscallEvent['errno'], cause?: Cause): SyscallEvent {
  const fixed = {
    ...base,
    type: 'syscall',
    number: 10,
    args: [0x7000n, 4096n, 5n],
    byHost: false,
  } as const;
  const result = { ...fixed, name, shown: ['0x7000', '4096'], value: -1n, errno };
  return cause === undefined ? result : { ...result, cause };
}

describe('causeOf', () => {
  it.each<[string, TraceEvent[], string | undefined]>([
    ['nothing for a run without trouble', [], undefined],
    [
      'the refusal, not the fault that follows',
      [refusal, failed('mprotect', 'EACCES', denied), note, fault],
      'mdwe denied mprotect with EACCES: no gain (mdwe/gain-exec)',
    ],
    [
      'the rule that took the rights away for which a call fails later',
      [narrowing, failed('mprotect', 'EACCES', taken), fault],
      'mprotect failed with EACCES: data (pax/no-exec)',
    ],
    [
      'no rule for a call that no rule refused',
      [narrowing, failed('open', 'EACCES')],
      'open failed with EACCES (Permission denied)',
    ],
    [
      'the rule behind a fault',
      [narrowing, { ...fault, cause: noted }],
      'a fetch from [heap], which is rw-: never executable (nx/no-exec)',
    ],
    ['a fault that no policy speaks of', [fault], 'a fetch from [heap], which is rw-'],
    [
      'the last call that failed',
      [failed('open', 'ENOENT'), failed('mmap', 'ENOMEM')],
      'mmap failed with ENOMEM (Cannot allocate memory)',
    ],
  ])('gives %s', (_what, events, sentence) => {
    expect(causeOf(events)).toBe(sentence);
  });
});

describe('firstRefusal', () => {
  it('gives the call that failed of it', () => {
    const call = failed('mprotect', 'EACCES', denied);
    expect(firstRefusal([failed('open', 'ENOENT'), refusal, call])?.call).toBe(call);
    expect(firstRefusal([narrowing, call])?.call).toBe(call);
  });

  it('gives no call for a kill at a fault', () => {
    const kill = verdict({ kind: 'kill', signal: 'SIGKILL', rule: 'pax/x', reason: 'no' }, 'fault');
    const cause: Cause = { ...noted, kind: 'killed', signal: 'SIGKILL', rule: 'pax/x' };
    const events = [{ ...fault, cause }, kill, failed('read', 'EBADF')];
    expect(firstRefusal(events)).toMatchObject({ cause, call: undefined });
  });

  it('gives the verdict of a kill at a call that never returned', () => {
    const kill = verdict({ kind: 'kill', signal: 'SIGSEGV', rule: 'p/x', reason: 'no' }, 'syscall');
    expect(
      firstRefusal([
        { ...kill, policy: 'p' },
        { ...failed('read', 'EBADF'), seq: 1 },
      ]),
    ).toEqual({
      sentence: 'p killed the process with SIGSEGV at mprotect: no (p/x)',
      cause: { kind: 'killed', policy: 'p', rule: 'p/x', reason: 'no', signal: 'SIGSEGV' },
      call: undefined,
    });
  });

  it('names mmap2 as mmap', () => {
    expect(causeOf([failed('mmap2', 'EACCES', denied)])).toMatch(/^mdwe denied mmap with EACCES/);
  });
});

describe('faultLine', () => {
  it('names the address, the mapping and its rights', () => {
    expect(faultLine(fault)).toBe('a fetch from 0x7000 in [heap], which is rw-');
  });

  it('says that nothing is mapped', () => {
    const address = { ...fault.fault, access: 'write', code: 'SEGV_MAPERR' } as const;
    expect(faultLine({ ...fault, fault: address, vma: undefined })).toBe(
      'a store to 0x7000, where nothing is mapped',
    );
  });

  it('says that the file ends before', () => {
    const past = { ...fault.fault, access: 'read', code: 'BUS_ADRERR' } as const;
    expect(faultLine({ ...fault, fault: past })).toBe('a load from 0x7000 in [heap], past its end');
  });
});

describe('a name that the guest chose', () => {
  it('is spelt out in the sentence of a fault', () => {
    const named = { ...fault, vma: { ...fault.vma!, name: '/memfd:\x1b]0;pwned (deleted)' } };
    expect(faultLine(named)).toBe(
      'a fetch from 0x7000 in /memfd:\\x1b]0;pwned (deleted), which is rw-',
    );
  });
});
