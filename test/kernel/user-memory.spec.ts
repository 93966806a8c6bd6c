/** The kernel's access to user memory, over a memory with holes. */
import { describe, expect, it } from 'vitest';
import { fail, ok, type Result } from '../../src/base/result.js';
import {
  copyInPartly,
  copyOutPartly,
  copyStringIn,
  type UserMemory,
  wordIn,
  wordOut,
} from '../../src/kernel/user-memory.js';

const START = 0x1000n;
const END = 0x3000n;

/** Two pages. */
class Pages implements UserMemory {
  readonly bytes = new Uint8Array(Number(END - START));

  copyIn(addr: bigint, length: number): Result<Uint8Array> {
    if (addr < START || addr + BigInt(length) > END) return fail('EFAULT');
    const at = Number(addr - START);
    return ok(this.bytes.slice(at, at + length));
  }

  copyOut(addr: bigint, bytes: Uint8Array): Result<0> {
    if (addr < START || addr + BigInt(bytes.length) > END) return fail('EFAULT');
    this.bytes.set(bytes, Number(addr - START));
    return ok(0);
  }
}

function textAt(memory: Pages, addr: bigint, text: string): void {
  memory.copyOut(addr, new TextEncoder().encode(text));
}

describe('a string', () => {
  it('is read up to its end, over pages', () => {
    const memory = new Pages();
    textAt(memory, 0x1ffdn, 'seven\0');
    const read = copyStringIn(memory, 0x1ffdn, 100);
    expect(read).toEqual(ok({ bytes: new TextEncoder().encode('seven'), terminated: true }));
  });

  it('that does not end in time says so', () => {
    const memory = new Pages();
    textAt(memory, START, 'endless');
    expect(copyStringIn(memory, START, 3)).toMatchObject({ value: { terminated: false } });
  });

  it('whose end lies before a hole is good, one that runs into it is EFAULT', () => {
    const memory = new Pages();
    textAt(memory, END - 3n, 'ab\0');
    expect(copyStringIn(memory, END - 3n, 100)).toMatchObject({ value: { terminated: true } });
    textAt(memory, END - 3n, 'abc');
    expect(copyStringIn(memory, END - 3n, 100)).toEqual(fail('EFAULT'));
    expect(copyStringIn(memory, 0n, 100)).toEqual(fail('EFAULT'));
  });
});

describe('a transfer', () => {
  it('goes as far as it can', () => {
    const memory = new Pages();
    expect(copyInPartly(memory, END - 10n, 100)).toMatchObject({ value: { length: 10 } });
    expect(copyInPartly(memory, END, 100)).toEqual(fail('EFAULT'));
    expect(copyInPartly(memory, END, 0)).toMatchObject({ value: { length: 0 } });
    expect(copyOutPartly(memory, START + 4000n, new Uint8Array(8000))).toBe(4192);
    expect(copyOutPartly(memory, END, new Uint8Array(5))).toBe(0);
  });

  it('of one word has either size', () => {
    const memory = new Pages();
    wordOut(memory, START, 8, -1n);
    wordOut(memory, START, 4, 5n);
    expect(wordIn(memory, START, 8)).toEqual(ok(0xffffffff00000005n));
    expect(wordIn(memory, START + 4n, 4)).toEqual(ok(0xffffffffn));
    expect(wordIn(memory, END - 4n, 8)).toEqual(fail('EFAULT'));
  });
});
