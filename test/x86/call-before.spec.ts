import { describe, expect, it } from 'vitest';
import { callBefore } from '../../src/x86/call-before.js';

describe('callBefore', () => {
  it.each([
    ['call rel32', [0xe8, 1, 2, 3, 4], 5],
    ['call [rip+disp32]', [0xff, 0x15, 0, 0, 0, 0], 6],
    ['call rbx', [0xff, 0xd3], 2],
    ['call r12', [0x41, 0xff, 0xd4], 3],
    ['call [rax+8]', [0xff, 0x50, 8], 3],
    ['call [esp+8]', [0xff, 0x54, 0x24, 8], 4],
    ['call [rax+disp32]', [0xff, 0x90, 0, 0, 0, 0], 6],
    ['call [r9+rax*8+disp32]', [0x41, 0xff, 0x94, 0xc1, 0, 0, 0, 0], 8],
    ['jmp rbx', [0xff, 0xe3], 0],
    ['nothing', [], 0],
  ])('%s', (_name, code, length) => {
    expect(callBefore(Uint8Array.from([0x90, 0x90, 0x90, ...code]))).toBe(length);
  });
});
