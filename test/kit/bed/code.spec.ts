/** Codes made of bytes: the same bytes are one code, whatever became of the array that they came in. */
import { describe, expect, it } from 'vitest';
import { call, loadCode } from '../../../src/kit/open-calls.js';

const RETURN_7 = [0xb8, 7, 0, 0, 0, 0xc3];

describe('bytes', () => {
  it('that are the same are the same code', async () => {
    const [one, two] = [Uint8Array.from(RETURN_7), Uint8Array.from(RETURN_7)];
    expect(await loadCode(one)).toBe(await loadCode({ bytes: two }));
    expect(await loadCode(one, 'i386')).not.toBe(await loadCode(one, 'x86-64'));
    expect(await loadCode({ bytes: one, address: 0x2000_0000n })).not.toBe(await loadCode(one));
  });

  it('that a generator changes in place are another code', async () => {
    const bytes = Uint8Array.from(RETURN_7);
    expect((await call(bytes)).value).toBe(7n);
    bytes[1] = 8;
    expect((await call(bytes)).value).toBe(8n);
    bytes[1] = 7;
    expect((await call(bytes)).value).toBe(7n);
  });

  it('are told apart whatever they are', async () => {
    const codes = await Promise.all(
      Array.from({ length: 256 }, (_, value) => loadCode(Uint8Array.of(value, 0xc3))),
    );
    expect(new Set(codes).size).toBe(256);
    for (const [value, code] of codes.entries()) expect(code.parts[0]?.bytes[0]).toBe(value);
  });
});
