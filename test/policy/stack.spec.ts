import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../src/base/errors.js';
import { causeOfVerdict } from '../../src/base/verdict.js';
import { VM_GROWSDOWN } from '../../src/os/linux/mm/vmas/vma.js';
import { allow, deny, kill, narrow, type Policy } from '../../src/policy/policy.js';
import { type PolicyReport, PolicyStack } from '../../src/policy/stack.js';
import { change, facts, mapping, text, vm, vma } from './support.js';

const clears = (name: string, bits: string): Policy => ({
  name,
  mmapRegion: ({ flags }) => narrow(flags & ~vm(bits), `${name}/clear`, `clears ${bits}`),
});

describe('PolicyStack', () => {
  it('allows when no policy has the hook', () => {
    const stack = new PolicyStack([{ name: 'a' }]);
    expect(stack.ask('mmapRegion', mapping('rwx'), facts())).toBe(allow);
    expect(stack.ask('syscall', 'mmap', [], facts())).toBe(allow);
  });

  it('shows each policy the flags that the ones before it left', () => {
    const seen: number[] = [];
    const watch: Policy = {
      name: 'watch',
      mmapRegion: ({ flags }) => {
        seen.push(flags);
        return allow;
      },
    };
    const stack = new PolicyStack([watch, clears('a', 'X'), watch, clears('b', 'W'), watch]);
    expect(text(stack.ask('mmapRegion', mapping('r'), facts()))).toBe('narrow r R');
    expect(seen).toEqual([vm('rRWX'), vm('rRW'), vm('rR')]);
  });

  it('says whose the decision is, and what each rule took', () => {
    const stack = new PolicyStack([clears('a', 'X'), clears('b', 'W')]);
    expect(stack.ask('mmapRegion', mapping('r'), facts())).toMatchObject({
      kind: 'narrow',
      policy: 'b',
      taken: [
        { policy: 'a', rule: 'a/clear', reason: 'clears X', rights: vm('X') },
        { policy: 'b', rule: 'b/clear', reason: 'clears W', rights: vm('W') },
      ],
    });
    const denying: Policy = { name: 'c', mmapRegion: () => deny('EPERM', 'c/no', 'no') };
    const ruling = new PolicyStack([clears('a', 'X'), denying]).ask(
      'mmapRegion',
      mapping('r'),
      facts(),
    );
    expect(ruling).toMatchObject({ kind: 'deny', policy: 'c' });
    expect(causeOfVerdict(ruling)).toEqual({
      kind: 'denied',
      policy: 'c',
      rule: 'c/no',
      reason: 'no',
    });
  });

  it('considers without a report, until it is told to', () => {
    const reports: PolicyReport[] = [];
    const note: Policy = { name: 'a', fault: () => ({ kind: 'allow', rule: 'a/x', reason: 'r' }) };
    const stack = new PolicyStack([note], (report) => reports.push(report));
    const { ruling, report } = stack.consider('fault', undefined, 0n, 'read', facts());
    expect(ruling).toMatchObject({ kind: 'allow', rule: 'a/x', policy: 'a' });
    expect(reports).toEqual([]);
    report();
    expect(reports).toMatchObject([{ policy: 'a', hook: 'fault' }]);
  });

  it('lets the first refusal win and asks nobody after it', () => {
    let asked = false;
    const stack = new PolicyStack([
      clears('a', 'X'),
      { name: 'b', mmapRegion: () => deny('EPERM', 'b/no', 'no') },
      {
        name: 'c',
        mmapRegion: () => {
          asked = true;
          return deny('EACCES', 'c/no', 'no');
        },
      },
    ]);
    expect(text(stack.ask('mmapRegion', mapping('r'), facts()))).toBe('EPERM b/no');
    expect(asked).toBe(false);
  });

  it('reports every decision other than a silent allow, with policy and hook', () => {
    const reports: PolicyReport[] = [];
    const before = vma('rw RWX');
    const stack = new PolicyStack(
      [
        { name: 'silent', mprotect: () => allow },
        { name: 'noting', mprotect: () => ({ kind: 'allow', rule: 'noting/x', reason: 'r' }) },
        { name: 'narrowing', mprotect: (_v, r) => narrow(r.flags & ~vm('X'), 'narrowing/y', 'r') },
        { name: 'killing', mprotect: () => kill('SIGKILL', 'killing/z', 'r', ['line']) },
      ],
      (report) => reports.push(report),
    );
    expect(text(stack.ask('mprotect', before, change(before, 'r'), facts()))).toBe(
      'kill SIGKILL killing/z',
    );
    expect(reports.map((r) => [r.policy, r.hook, r.verdict.kind])).toEqual([
      ['noting', 'mprotect', 'allow'],
      ['narrowing', 'mprotect', 'narrow'],
      ['killing', 'mprotect', 'kill'],
    ]);
    expect(reports[2]?.verdict.log).toEqual(['line']);
  });

  it.each([
    ['adds a bit', (flags: number) => flags | VM_GROWSDOWN],
    ['adds a right', (flags: number) => flags | vm('x')],
    ['removes what is no right', (flags: number) => flags & ~vm('s')],
    ['leaves a right without its may bit', (flags: number) => flags & ~vm('W')],
  ])('calls it our bug when a policy %s', (_what, change_) => {
    const policy: Policy = {
      name: 'bad',
      mmapRegion: ({ flags }) => narrow(change_(flags), 'bad/x', 'r'),
    };
    const ask = (): unknown =>
      new PolicyStack([policy]).ask('mmapRegion', mapping('rws RWX'), facts());
    expect(ask).toThrow(InvariantError);
    expect(ask).toThrow(/bad.*mmapRegion/);
  });

  it('calls it our bug when a hook without flags narrows', () => {
    const stack = new PolicyStack([{ name: 'bad', syscall: () => narrow(0, 'bad/x', 'r') }]);
    expect(() => stack.ask('syscall', 'mmap', [], facts())).toThrow(InvariantError);
  });

  it('never widens flags, whatever narrowing policies are stacked', () => {
    const masks = fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 5 });
    fc.assert(
      fc.property(masks, fc.integer({ min: 0, max: 0xff }), (cleared, flags) => {
        const policies = cleared.map(
          (bits, index): Policy => ({
            name: `p${index}`,
            mmapRegion: (r) => narrow(r.flags & ~(bits | (bits << 4)), 'p/x', 'r'),
          }),
        );
        const request = mapping('', { flags });
        const verdict = new PolicyStack(policies).ask('mmapRegion', request, facts());
        const all = cleared.reduce((a, b) => a | b, 0);
        const after = verdict.kind === 'narrow' ? verdict.flags : flags;
        expect(after).toBe(flags & ~(all | (all << 4)));
      }),
    );
  });

  it('lets a program file shape its policies and keeps the reporter', () => {
    const report = (): void => undefined;
    const shaped: Policy = { name: 'p', effects: { nx: false } };
    const stack = new PolicyStack([{ name: 'p', forProgram: () => shaped }, { name: 'q' }], report);
    const after = stack.forProgram({} as never);
    expect(after.policies).toEqual([shaped, { name: 'q' }]);
    expect(after.effects.nx).toBe(false);
    expect(after.report).toBe(report);
  });
});
