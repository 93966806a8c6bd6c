import { describe, expect, it } from 'vitest';
import { nearest, unknownValue } from '../../src/base/errors.js';

describe('nearest', () => {
  it('finds a misspelt name, whatever its case', () => {
    expect(nearest('slinux', ['none', 'nx', 'selinux'])).toBe('selinux');
    expect(nearest('enomen', ['EACCES', 'ENOMEM'])).toBe('ENOMEM');
    expect(nearest('quite-another', ['none', 'nx'])).toBeUndefined();
  });

  it('does not search for what nobody misspells, and ends among very many names', () => {
    let asked = 0;
    function* names(): Generator<string> {
      for (;;) {
        asked++;
        yield 'abcdefgh'.repeat(8);
      }
    }
    expect(nearest('x'.repeat(30_000), names())).toBeUndefined();
    expect(asked).toBe(0);
    nearest('b'.repeat(60), names());
    expect(asked).toBeLessThan(1000);
  });
});

describe('unknownValue', () => {
  it('is one line of readable length, whatever the value and however many names are known', () => {
    const known = Array.from({ length: 5000 }, (_, index) => `name${index}`);
    const { message } = unknownValue('label', `a\n${'b'.repeat(10_000)}`, known);
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(2500);
    expect(message).toContain('and 4800 more');
  });
});
