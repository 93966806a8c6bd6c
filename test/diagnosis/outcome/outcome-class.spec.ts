import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/base/outcome.js';
import type { Cause } from '../../../src/base/verdict.js';
import {
  classify,
  type FinishedRun,
  refusedText,
} from '../../../src/diagnosis/outcome/outcome-class.js';
import { RIGHT_EXEC } from '../../../src/memory/mapping.js';
import type { NewEvent, TraceEvent } from '../../../src/trace/events.js';

const exit = (code: number): Outcome => ({ kind: 'exit', code });
const segv: Outcome = {
  kind: 'signal',
  signal: 'SIGSEGV',
  code: 'SEGV_ACCERR',
  address: 0n,
  pc: 0n,
};

function finished(
  outcome: Outcome,
  trace: readonly Partial<NewEvent>[] = [],
  stdout = '',
): FinishedRun {
  const events = trace.map((event, seq) => ({ seq, pid: 1, pc: BigInt(seq), ...event }));
  return {
    outcome,
    trace: events as unknown as TraceEvent[],
    stdout: new TextEncoder().encode(stdout),
  };
}

const by = (kind: Cause['kind'], rule: string, rights?: number): Cause => ({
  ...{ kind, policy: 'p', rule, reason: 'r' },
  ...(rights === undefined ? {} : { rights }),
});
const call = (
  name: string,
  prot: bigint,
  errno?: 'EACCES' | 'EPERM',
  cause?: Cause,
): Partial<NewEvent> => ({
  type: 'syscall',
  name,
  args: [0n, 4096n, prot],
  shown: [],
  asks: { kind: 'protect', start: 0n, length: 4096n, rights: Number(prot) },
  errno,
  value: errno === undefined ? 0n : -1n,
  ...(cause === undefined ? {} : { cause }),
});
const denied = call('mprotect', 5n, 'EACCES', by('denied', 'p/no'));
const fetch = {
  type: 'fault',
  fault: { address: 0n, access: 'exec', code: 'SEGV_ACCERR', pc: 0n },
  vma: undefined,
} as const;
const free = finished(exit(0), [], 'f() = 1');

describe('a run', () => {
  it.each([
    ['works', finished(exit(0), [], 'f() = 1')],
    ['errors', finished(exit(0), [], 'f() = 2')],
    ['errors', finished(exit(1), [], 'f() = 1')],
    ['falls back', finished(exit(0), [denied], 'f() = 1')],
    ['errors', finished(exit(1), [denied])],
    ['falls back', finished(exit(0), [fetch], 'f() = 1')],
    ['crashes', finished(segv, [fetch])],
    ['crashes', finished({ kind: 'limit', limit: 'blocks' })],
  ] as const)('%s (%#)', (expected, run) => {
    expect(classify(run, free).class).toBe(expected);
  });

  it('works with the status that it has without a policy, whatever that is', () => {
    expect(classify(finished(exit(42)), finished(exit(42))).class).toBe('works');
    expect(classify(finished(exit(0)), finished(exit(42))).class).toBe('errors');
  });

  it('is judged by status 0 where the program does not end in order without a policy', () => {
    expect(classify(finished(exit(0), [], 'x'), finished(segv)).class).toBe('works');
    expect(classify(finished(exit(3)), finished(segv)).class).toBe('errors');
  });
});

describe('what decided', () => {
  it('is the first denied call, although the run ends at a fault', () => {
    const { refused } = classify(finished(segv, [denied, fetch]), free);
    expect(refused).toMatchObject({
      kind: 'call',
      call: 'mprotect',
      errno: 'EACCES',
      rule: 'p/no',
    });
  });

  it('is the rule that had taken the rights which mprotect misses', () => {
    const trace = [call('mmap', 3n), call('mprotect', 5n, 'EACCES', by('taken', 'p/less'))];
    expect(classify(finished(exit(1), trace), free).refused).toMatchObject({
      call: 'mprotect',
      rule: 'p/less',
    });
  });

  it('is a call that got less than it asked for, although it succeeded', () => {
    const { class: outcome, refused } = classify(
      finished(segv, [call('mmap', 7n, undefined, by('narrowed', 'p/less', RIGHT_EXEC)), fetch]),
      free,
    );
    expect(outcome).toBe('crashes');
    expect(refused).toMatchObject({ kind: 'call', call: 'mmap', rule: 'p/less', silent: true });
    expect(refusedText(refused!)).toBe('mmap granted without PROT_EXEC by p/less');
  });

  it('is not a right to execute that nobody had asked for', () => {
    const less = call('mmap', 3n, undefined, by('narrowed', 'p/less', 0));
    const { refused } = classify(finished(exit(0), [less]), free);
    expect(refused).toBe(undefined);
  });

  it('is no rule where the kernel itself refuses execution', () => {
    const { refused } = classify(finished(exit(1), [call('mmap', 5n, 'EPERM')]), free);
    expect(refused).toMatchObject({ call: 'mmap', errno: 'EPERM', rule: undefined });
  });

  it('is not a call that failed and asked for no execution', () => {
    expect(classify(finished(exit(0), [call('mmap', 3n, 'EACCES')], 'f() = 1'), free)).toEqual({
      class: 'works',
      refused: undefined,
    });
  });

  it('is what a policy says of the fault that ended the run', () => {
    const named = { ...fetch, cause: by('noted', 'nx/no-exec') };
    expect(classify(finished(segv, [named]), free).refused).toMatchObject({
      kind: 'fault',
      rule: 'nx/no-exec',
    });
  });
});
