/** The language of injections: strace's words as strace reads them, and mistakes with the nearest spelling. */
import { describe, expect, it } from 'vitest';
import { isDue } from '../../src/inject/injection.js';
import { parseInjections } from '../../src/inject/parse.js';

const dueOf = (spec: string): number[] => {
  const [injection] = parseInjections(spec);
  if (injection?.kind !== 'call') throw new Error(spec);
  const { when } = injection;
  return Array.from({ length: 9 }, (_, index) => index + 1).filter((nth) => isDue(when, nth));
};

describe('when', () => {
  it.each([
    ['mmap:error=ENOMEM', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['mmap:error=ENOMEM:when=2', [2]],
    ['mmap:when=7+:error=ENOMEM', [7, 8, 9]],
    ['mmap:error=ENOMEM:when=2+3', [2, 5, 8]],
    ['mmap:error=ENOMEM:when=2..4', [2, 3, 4]],
    ['mmap:error=ENOMEM:when=2..8+3', [2, 5, 8]],
  ])('of %s names invocations %j', (spec, due) => {
    expect(dueOf(spec)).toEqual(due);
  });
});

describe('several injections', () => {
  it('are joined by +, which a `when` may end with', () => {
    const spec = 'mprotect,mmap:error=13:when=3++memfd_create:retval=0x7+map-count=9+rlimit-as=2M';
    expect(parseInjections(spec)).toEqual([
      {
        kind: 'call',
        text: 'mprotect,mmap:error=13:when=3+',
        calls: ['mprotect', 'mmap'],
        effect: { kind: 'error', errno: 'EACCES' },
        when: { first: 3, last: Number.POSITIVE_INFINITY, step: 1 },
      },
      expect.objectContaining({
        text: 'memfd_create:retval=0x7',
        effect: { kind: 'retval', value: 7n },
      }),
      { kind: 'map-count', text: 'map-count=9', count: 9 },
      { kind: 'rlimit', text: 'rlimit-as=2M', resource: 9, bytes: 2n << 20n },
    ]);
  });

  it('name classes and both spellings of mmap', () => {
    const [memory] = parseInjections('%memory:error=EPERM');
    expect(memory?.kind === 'call' && memory.calls).toEqual(
      expect.arrayContaining(['mmap', 'mprotect', 'munmap', 'brk', 'shmat']),
    );
    const [old] = parseInjections('mmap2:error=EPERM');
    expect(old?.kind === 'call' && old.calls).toEqual(['mmap']);
  });
});

describe('a mistake', () => {
  it.each([
    ['mmmap:error=ENOMEM', /unknown system call 'mmmap'.*did you mean 'mmap'\?/],
    ['mmap:error=ENOMM', /unknown errno 'ENOMM'.*did you mean 'ENOMEM'\?/],
    ['mmap:error=0', /unknown errno '0'/],
    ['mmap:eror=ENOMEM', /unknown effect 'eror=ENOMEM'.*did you mean 'error'\?/],
    ['mmap:signal=SIGSEGV:error=EPERM', /'signal' is strace's only/],
    ['mmap', /nothing is to happen/],
    ['mmap:when=2', /nothing is to happen/],
    ['mmap:error=EPERM:retval=1', /one effect is given already/],
    ['mmap:error=EPERM:when=0', /when '0': expected N, N\+/],
    ['mmap:error=EPERM:when=5..2', /when '5\.\.2'/],
    ['mmap:error=EPERM:when=2x', /when '2x'/],
    ['mmap:retval=-1', /retval '-1': expected a number from 0/],
    ['munmap:ignore-hint', /only mmap takes a hint/],
    ['map-cuont=3', /unknown setting 'map-cuont'.*did you mean 'map-count'\?/],
    ['map-count=many', /map-count is 'many'/],
    ['rlimit-as=1T', /rlimit-as is '1T': expected a number, which K, M or G may follow/],
    ['map-count=3:when=2', /nothing follows map-count=N/],
    ['', /expected CALL:error=ERRNO/],
  ])('in %s is named', (spec, message) => {
    expect(() => parseInjections(spec)).toThrow(message);
  });
});
