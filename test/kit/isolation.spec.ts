/** No case affects the next, whatever it does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kit, listPolicies, PLACEMENTS, straceText } from '../../src/index.js';

let kit: Kit;

beforeAll(async () => {
  kit = await Kit.open();
});
afterAll(() => kit.close());

describe('a case that goes wrong', () => {
  it.each([
    ['never returns', 'self: jmp self', { kind: 'limit', limit: 'blocks' }],
    [
      'recurses for ever',
      'self: sub rsp, 4088; call self',
      { kind: 'signal', signal: 'SIGSEGV', access: 'write' },
    ],
    ['returns with a wrong stack', 'push rbx; ret', { kind: 'signal', access: 'exec' }],
    [
      'unmaps itself',
      'lea rdi, [rip]; and rdi, -4096; mov esi, 4096; mov eax, SYS_munmap; syscall; ret',
      { kind: 'signal', access: 'exec' },
    ],
    ['ends the process', 'mov edi, 3; mov eax, SYS_exit_group; syscall', { kind: 'exit', code: 3 }],
    ['overwrites its stack', 'mov rdi, rsp; mov ecx, 64; rep stosb; ret', { kind: 'signal' }],
    ['executes garbage', 'ud2', { kind: 'signal', signal: 'SIGILL' }],
    ['jumps to an address of the host', 'mov rax, 0x7fffffffff80; jmp rax', { kind: 'stray' }],
    [
      "stores to the kit's own addresses",
      'mov rax, 0x7ffffffff000; mov byte ptr [rax], 0xc3; ret',
      { kind: 'signal', access: 'write' },
    ],
    [
      'leaves the direction flag and MXCSR changed',
      'std; push 0; ldmxcsr [rsp]; pop rax; mov eax, 1; ret',
      { kind: 'return', value: 1n },
    ],
    [
      'stores into its own code',
      'mov byte ptr [rip], 0x90; ret',
      { kind: 'signal', access: 'write', code: 'SEGV_ACCERR' },
    ],
  ])('%s, and the next is as if it were the first', (_what, asm, outcome) => {
    const bad = kit.load(asm);
    const good = kit.load('lea rax, [rdi+rsi]; ret');
    const first = kit.call(good, [1, 2]);
    const result = kit.call(bad, [], { limits: { blocks: 20_000 } });
    expect(result.outcome).toMatchObject(outcome);
    const next = kit.call(good, [1, 2]);
    expect([next.outcome, next.breaches, straceText(next.trace)]).toEqual([
      { kind: 'return', value: 3n },
      [],
      straceText(first.trace),
    ]);
    expect(next.after).toEqual(first.after);
    expect(kit.call(bad, [], { limits: { blocks: 20_000 } }).outcome).toEqual(result.outcome);
  });

  it('modifies itself, and is unmodified the next time', () => {
    const code = kit.load('inc dword ptr [rip+there+1]; there: mov eax, 41; ret');
    const twice = [1, 2].map(() => kit.call(code, [], { placement: 'rwx' }).value);
    expect(twice).toEqual([42n, 42n]);
  });
});

it('any number of codes in one go needs no more memory than one', async () => {
  using small = await Kit.open({ memory: 2 << 20 });
  for (let round = 0; round < 1000; round++) {
    const code = Uint8Array.of(0xb8, round & 0xff, round >> 8, 0, 0, 0xc3);
    const result = small.call(code);
    expect([result.value, result.instructions]).toEqual([BigInt(round), 2]);
    result.memory(0x1000_0000n, 1);
  }
});

describe('bad input', () => {
  it.each([
    [
      'empty bytes',
      () => kit.call(new Uint8Array()),
      'the code is empty: there is nothing to call',
    ],
    [
      'an unknown option',
      () => kit.call(Uint8Array.of(0xc3), [], { ab: 'sysv' } as never),
      "unknown option 'ab'",
    ],
    [
      'an unknown convention',
      () => kit.call(Uint8Array.of(0xc3), [], { abi: 'sysvi' as never }),
      "did you mean 'sysv'?",
    ],
    [
      'a convention of the other architecture',
      () => kit.call(Uint8Array.of(0xc3), [], { abi: 'cdecl' }),
      "abi 'cdecl' is for i386, the kit is x86-64",
    ],
    [
      'a value that its type cannot hold',
      () => kit.call(Uint8Array.of(0xc3), [300], { signature: 'i32(u8)' }),
      '300 is no u8',
    ],
    [
      'too few arguments',
      () => kit.call(Uint8Array.of(0xc3), [], { signature: 'i32(u8)' }),
      'takes 1 argument, not 0',
    ],
    [
      'a misspelt type',
      () => kit.call(Uint8Array.of(0xc3), [], { signature: 'dubble()' }),
      "did you mean 'double'?",
    ],
    [
      'half a signature',
      () => kit.call(Uint8Array.of(0xc3), [], { signature: 'i32(i32' }),
      "expected ')' where it ends",
    ],
  ])('%s is said in one sentence', (_what, call, message) => {
    expect(call).toThrow(message);
  });

  it('empty assembly', () => {
    expect(() => kit.load('# nothing')).toThrow('the code is empty');
  });
});

describe('placement', () => {
  it('as an image is allowed under every policy', async () => {
    for (const { name } of listPolicies().filter(({ os }) => os.includes('linux'))) {
      using own = await Kit.open({ policy: name });
      const result = own.call(own.load('mov eax, [rip+data]; ret; .data; data: .long 42'));
      expect([name, result.outcome]).toEqual([name, { kind: 'return', value: 42n }]);
    }
  });

  it('as a JIT does it is judged by the policy', async () => {
    using mdwe = await Kit.open({ policy: 'mdwe' });
    const code = mdwe.load('mov eax, 42; ret');
    const outcomes = PLACEMENTS.map((placement) => mdwe.call(code, [], { placement }).outcome);
    expect(outcomes).toMatchObject([
      { kind: 'return', value: 42n },
      { kind: 'refused', call: 'mmap', errno: 'EACCES' },
      { kind: 'refused', call: 'mprotect', errno: 'EACCES' },
      { kind: 'return', value: 42n },
    ]);
  });
});
