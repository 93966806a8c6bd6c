/** Permalinks: a case goes into a URL's fragment and comes back; what is broken says so and saves what it can. */
import { deflateSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { BrokenLink, decodeCase, encodeCase, isLink } from '../../src/link/codec.js';
import type { WorkshopCase } from '../../src/link/workshop-case.js';

const CASE: WorkshopCase = {
  source: '_start:\n    mov eax, 1 # "é", a tab\t\n    ret\n'.repeat(40),
  name: 'jit.s',
  os: 'linux',
  arch: 'i386',
  policy: 'selinux:execmem=deny+mdwe',
  inject: 'mmap:error=ENOMEM:when=2',
  seed: 7,
  arguments: ['one', ''],
  stdin: 'in',
  protectionKeys: true,
  mounts: { '/tmp': ['noexec'] },
  xattrs: { 'user.pax.flags': 'm' },
  layout: 'legacy',
  place: 123,
  expected: 'killed by SIGSEGV (SEGV_ACCERR)',
};

function broken(fragment: string): BrokenLink {
  try {
    decodeCase(fragment);
  } catch (error) {
    if (error instanceof BrokenLink) return error;
    throw error;
  }
  throw new Error('it was read');
}

/** A link with these contents, whatever they are. */
function linkOf(text: string): string {
  return `m1.${Buffer.from(deflateSync(new TextEncoder().encode(text))).toString('base64url')}`;
}

describe('a link', () => {
  it('brings back every part of a case, as a fragment and in a whole URL', () => {
    const fragment = encodeCase(CASE);
    expect(isLink(fragment)).toBe(true);
    expect(decodeCase(fragment)).toEqual(CASE);
    expect(decodeCase(`https://example.org/workshop/#${fragment}`)).toEqual(CASE);
  });

  it('brings back a binary', () => {
    const binary = Uint8Array.from({ length: 1000 }, (_, index) => (index * 7) & 0xff);
    const back = decodeCase(encodeCase({ ...CASE, source: '', binary }));
    expect(back.binary).toEqual(binary);
  });

  it('that was cut anywhere says so, and saves what is left of the program', () => {
    const fragment = encodeCase(CASE);
    let saved = 0;
    for (let length = 4; length < fragment.length; length += 5) {
      const error = broken(fragment.slice(0, length));
      expect(error.message).toMatch(/cut off or damaged/);
      expect(CASE.source.startsWith(error.saved)).toBe(true);
      saved = Math.max(saved, error.saved.length);
    }
    expect(saved).toBeGreaterThan(20);
  });

  it('of a later version says that a newer workshop reads it', () => {
    expect(broken('m2.AAAA').message).toBe(
      'this link is of version 2, and this workshop reads version 1: a newer one will open it',
    );
  });

  it.each([
    ['no link at all', 'lesson=1', /no link of the workshop/],
    ['no JSON', linkOf('hello'), /damaged/],
    ['a part that there is not', linkOf('{"source":"ret","sauce":1}'), /sauce/],
    [
      'a system that there is not',
      linkOf('{"source":"ret","name":"a","os":"linus"}'),
      /'linus'.*linux/,
    ],
    [
      'a seed that is none',
      linkOf('{"source":"","name":"a","os":"linux","arch":"i386","policy":"nx","seed":-1}'),
      /seed is -1/,
    ],
  ])('with %s is refused in a sentence', (_, fragment, message) => {
    expect(broken(fragment).message).toMatch(message);
  });

  it('that holds more than it may is not unpacked', () => {
    expect(broken(linkOf(`{"source":"${' '.repeat(9 << 20)}"}`)).message).toMatch(
      /more than 8388608 bytes/,
    );
    expect(broken(`m1.${'A'.repeat(5 << 20)}`).message).toMatch(/characters: more than/);
  });
});
