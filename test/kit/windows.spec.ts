/** Calls of code in a process of Windows and of Wine: conventions, placements and what policies say of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callback, checkDenied, checkFault, Kit, openCalls, outcomeText } from '../../src/index.js';

const ADD = 'lea eax, [rcx + rdx]; ret';
const PLACEMENTS = ['image', 'rwx', 'flip', 'dual'] as const;

beforeAll(async () => {
  await openCalls();
});

describe.each(['windows', 'wine'] as const)('code under %s', (os) => {
  let kit: Kit;
  beforeAll(async () => {
    kit = await Kit.open({ os });
  });
  afterAll(() => kit.close());

  it('is called as win64, with shadow space and its own preserved registers', () => {
    expect(kit.call(ADD, [40, 2]).value).toBe(42n);
    expect(kit.call(ADD, [40, 2], { signature: 'i32(i32, i32)' }).breaches).toEqual([]);
    const breach = kit.call('xor edi, edi; ret');
    expect(breach.breaches.map(({ duty }) => duty)).toEqual(['callee-saved']);
  });

  it.each(PLACEMENTS)('runs where it was placed as %s', (placement) => {
    expect(kit.call(ADD, [1, 2], { placement }).value).toBe(3n);
    // From a snapshot the third time.
    expect(kit.call(ADD, [1, 2], { placement }).value).toBe(3n);
  });

  it('has buffers between pages that fault', () => {
    const store = 'mov byte ptr [rcx], 7; ret';
    const buffers = { a: 16, b: new Uint8Array(5000) };
    const inside = kit.call(store, ['@b+4999'], { buffers });
    expect(inside.buffers.b?.[4999]).toBe(7);
    const beyond = kit.call(store, ['@a+16'], { buffers });
    expect(beyond.outcome).toMatchObject({ kind: 'exception', status: 0xc000_0005 });
    expect(checkFault(beyond, { access: 'write' }).pass).toBe(true);
    expect(outcomeText(beyond)).toMatch(
      /^it raised STATUS_ACCESS_VIOLATION \(0xc0000005\): a store to 0x\w+/,
    );
  });

  it('calls back', () => {
    const twice = callback('i32(i32)', (value) => Number(value) * 2);
    const code = 'sub rsp, 0x28; mov rax, rcx; mov ecx, 21; call rax; add rsp, 0x28; ret';
    expect(kit.call(code, [twice], { signature: 'i32(ptr)' }).value).toBe(42);
  });

  it('finds the TEB', () => {
    const { value } = kit.call('mov rax, gs:[0x30]; ret');
    expect(value).not.toBe(0n);
  });

  it('is as new each time', () => {
    const code = 'mov eax, [rcx]; inc dword ptr [rcx]; ret';
    for (let time = 0; time < 3; time++) {
      expect(kit.call(code, ['@n'], { buffers: { n: Uint8Array.of(5, 0, 0, 0) } }).value).toBe(5n);
    }
  });
});

describe('32-bit code of Windows', () => {
  it('is called as cdecl, stdcall and fastcall', async () => {
    using kit = await Kit.open({ os: 'windows', arch: 'i386' });
    expect(kit.call('mov eax, [esp+4]; add eax, [esp+8]; ret', [40, 2]).value).toBe(42);
    expect(kit.call('mov eax, [esp+4]; ret 4', [7], { abi: 'stdcall' }).value).toBe(7);
    expect(kit.call('lea eax, [ecx+edx]; ret', [3, 4], { abi: 'fastcall' }).value).toBe(7);
  });
});

describe('a policy of Windows', () => {
  it('lets images be, and refuses what a JIT does', async () => {
    using kit = await Kit.open({ os: 'windows', policy: 'acg' });
    expect(kit.call(ADD, [1, 2]).value).toBe(3n);
    const rwx = kit.call(ADD, [1, 2], { placement: 'rwx' });
    expect(rwx.outcome).toEqual({
      kind: 'refused',
      call: 'VirtualAlloc',
      error: 'ERROR_DYNAMIC_CODE_BLOCKED',
    });
    expect(checkDenied(rwx, 'acg/new-code').pass).toBe(true);
    expect(checkDenied(kit.call(ADD, [1, 2], { placement: 'flip' }), 'acg/gain-exec').pass).toBe(
      true,
    );
    expect(checkDenied(kit.call(ADD, [1, 2], { placement: 'dual' }), 'acg/new-code').pass).toBe(
      true,
    );
    expect(outcomeText(rwx)).toBe(
      'the policy refused its placement: VirtualAlloc failed with ERROR_DYNAMIC_CODE_BLOCKED',
    );
  });

  it('stops data, and names the rule', async () => {
    using kit = await Kit.open({ os: 'windows' });
    const result = kit.call('jmp rcx', ['@data'], { buffers: { data: Uint8Array.of(0xc3) } });
    expect(result.outcome).toMatchObject({
      kind: 'exception',
      parameters: [8n, expect.anything()],
    });
    expect(checkDenied(result, 'dep/no-exec').pass).toBe(true);
  });

  it('of Linux has its say under Wine', async () => {
    using kit = await Kit.open({ os: 'wine', policy: 'nx' });
    expect(kit.call(ADD, [1, 2], { placement: 'rwx' }).value).toBe(3n);
    const { call } = await openCalls();
    expect(call(ADD, [1, 2], { os: 'wine', policy: 'nx' }).value).toBe(3n);
    expect(() => call(ADD, [1, 2], { os: 'windoze' as never })).toThrow(/windows/);
  });
});
