import { describe, expect, it } from 'vitest';
import { ownEntry } from '../../src/base/own-entry.js';
import { shorten, visible } from '../../src/base/text.js';

describe('visible', () => {
  it.each([
    ['a terminal sequence', '\x1b[31mEVIL', '\\x1b[31mEVIL'],
    ['one of the upper control set', '\u009b31m', '\\x9b31m'],
    ['a change of the title', '\x1b]0;pwned\x07', '\\x1b]0;pwned\\x07'],
    ['a change of direction', 'a\u202eb', 'a\\u202eb'],
    ['what takes no room', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['half of a character', 'a\ud800', 'a\\ud800'],
    ['a tag of another plane', '\u{e0041}', '\\u{e0041}'],
    ['ends of lines', 'a\r\nb\u2028c', 'a\\r\\nb\\u2028c'],
  ])('spells out %s', (_, text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it('leaves letters of any language alone, and what it is told to keep', () => {
    expect(visible('café \u{1f600} 中文')).toBe('café \u{1f600} 中文');
    expect(visible('a\n\tb\x1b', '\n\t')).toBe('a\n\tb\\x1b');
  });
});

describe('shorten', () => {
  it('keeps what a message can hold, on one line', () => {
    expect(shorten('mov eax, 1')).toBe('mov eax, 1');
    expect(shorten('x'.repeat(30_000))).toBe(`${'x'.repeat(120)}... (30000 characters)`);
    expect(shorten('a\nb')).toBe('a\\nb');
  });
});

describe('ownEntry', () => {
  it('finds what a table holds and nothing that every object inherits', () => {
    expect(ownEntry({ a: 1 }, 'a')).toBe(1);
    for (const name of ['constructor', '__proto__', 'toString', 'b']) {
      expect(ownEntry({ a: 1 }, name)).toBeUndefined();
    }
  });
});
