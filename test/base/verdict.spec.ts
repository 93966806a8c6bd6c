import { describe, expect, it } from 'vitest';
import { allow, allowNoted, causeOfVerdict, deny, kill, narrow } from '../../src/base/verdict.js';

describe('the cause that a verdict is', () => {
  it.each([
    ['a silent allow', allow, undefined],
    ['a note', allowNoted('p/a', 'r'), { kind: 'noted', rule: 'p/a' }],
    ['a narrowing', narrow(1, 'p/a', 'r'), { kind: 'narrowed', rule: 'p/a' }],
    ['a refusal', deny('EPERM', 'p/a', 'r'), { kind: 'denied', rule: 'p/a', reason: 'r' }],
    ['a kill', kill('SIGKILL', 'p/a', 'r'), { kind: 'killed', signal: 'SIGKILL' }],
  ] as const)('of %s', (_what, verdict, cause) => {
    if (cause === undefined) expect(causeOfVerdict(verdict)).toBe(undefined);
    else expect(causeOfVerdict(verdict)).toMatchObject({ policy: 'p', ...cause });
  });

  it('has the status that a Windows guest is answered with', () => {
    const refusal = { ...deny('EACCES', 'acg/dynamic-code', 'r'), status: 0xc000_0604 };
    expect(causeOfVerdict(refusal)).toMatchObject({ status: 0xc000_0604 });
  });

  it('names the policy that the stack says it is of', () => {
    expect(causeOfVerdict({ ...deny('EPERM', 'p/a', 'r'), policy: 'own' })?.policy).toBe('own');
  });
});
