/** Calls by each convention: arguments arrive where compilers put them, results are found where they leave them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Argument, arg, type CallOptions, callback, Kit, pointerTo } from '../../src/index.js';

let wide: Kit;
let narrow: Kit;

beforeAll(async () => {
  wide = await Kit.open();
  narrow = await Kit.open({ arch: 'i386' });
});
afterAll(() => {
  wide.close();
  narrow.close();
});

function run(asm: string, args: readonly Argument[] = [], options: CallOptions = {}) {
  const kit = ['cdecl', 'stdcall', 'fastcall'].includes(options.abi ?? '') ? narrow : wide;
  return kit.call(kit.load(asm), args, options);
}

const value = (...given: Parameters<typeof run>) => run(...given).value;

describe('System V', () => {
  it('passes integers in six registers, then on the stack', () => {
    const sum =
      'lea rax, [rdi+rsi]; add rax, rdx; add rax, rcx; add rax, r8; add rax, r9; sub rax, [rsp+8]; ret';
    expect(value(sum, [1, 2, 3, 4, 5, 6, 7])).toBe(14n);
  });

  it('passes floats in vector registers, and returns them there', () => {
    expect(value('addsd xmm0, xmm1; ret', [1.5, arg.f64(2)], { returns: 'f64' })).toBe(3.5);
    const ninth = 'movss xmm0, [rsp+8]; ret';
    const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((each) => arg.f32(each + 0.5));
    expect(value(ninth, nine, { returns: 'f32' })).toBe(9.5);
  });

  it('leaves garbage above a short argument, so that a missing extension shows', () => {
    const signature = 'i64(i32)';
    expect(value('movsxd rax, edi; ret', [-5], { signature })).toBe(-5n);
    expect(value('mov rax, rdi; ret', [-5], { signature })).not.toBe(-5n);
    expect(value('mov rax, rdi; ret', [5], { signature: 'u64(u32)' })).toBe(0x5eed_5eed_0000_0005n);
  });

  it('splits small structures into eightbytes, and passes big ones in memory', () => {
    const mixed = 'cvttsd2si eax, xmm0; add eax, edi; ret';
    expect(value(mixed, [[2.5, 40]], { signature: 'i64({ f64, i32 })' })).toBe(42n);
    const padding = value('mov rax, rdi; shr rax, 32; ret', [[2.5, 40]], {
      signature: 'u64({ f64, i32 })',
    });
    expect(padding).toBe(0xa5a5_a5a5n);
    const big = 'mov rax, [rsp+24]; ret';
    expect(value(big, [[1, 2, 3]], { signature: 'i64({ i64, i64, i64 })' })).toBe(3n);
  });

  it('passes a structure whole: what finds no second register goes to the stack', () => {
    const asm = 'mov rax, [rsp+16]; ret';
    const signature = 'i64(i64, i64, i64, i64, i64, { i64, i64 })';
    expect(value(asm, [1, 2, 3, 4, 5, [6, 7]], { signature })).toBe(7n);
  });

  it('finds structures in rax, rdx and xmm0, or behind the hidden pointer', () => {
    const pair = 'mov eax, 7; movsd xmm0, [rip+half]; ret; half: .double 0.5';
    expect(value(pair, [], { signature: '{ i64, f64 }()' })).toEqual([7n, 0.5]);
    const big =
      'mov rax, rdi; mov qword ptr [rdi], 1; mov qword ptr [rdi+8], 2; mov [rdi+16], rsi; ret';
    expect(value(big, [3], { signature: '{ i64, i64, i64 }(i64)' })).toEqual([1n, 2n, 3n]);
  });

  it('wants the address of the result back in rax', () => {
    const asm = 'mov qword ptr [rdi], 7; xor eax, eax; ret';
    const { breaches } = run(asm, [], { signature: '{ i64, i64, i64 }()' });
    expect(breaches).toMatchObject([{ duty: 'result-pointer', register: 'rax' }]);
  });

  it('tells a variadic function how many vector registers are in use', () => {
    const signature = 'i32(ptr, ...)';
    expect(value('movzx eax, al; ret', [0, 1, 2.5, 3.5], { signature })).toBe(2);
  });

  it('passes vectors', () => {
    const result = run(
      'paddd xmm0, xmm1; ret',
      [Int32Array.of(1, 2, 3, 4), Int32Array.of(10, 20, 30, 40)],
      { returns: 'v128' },
    );
    expect(new Int32Array((result.value as Uint8Array).buffer)).toEqual(
      Int32Array.of(11, 22, 33, 44),
    );
  });
});

describe('Win64', () => {
  const abi = 'win64';

  it('counts registers of both kinds together, and leaves shadow space', () => {
    const asm = 'cvttsd2si rax, xmm1; add rax, rcx; add rax, r8; add rax, [rsp+40]; ret';
    expect(value(asm, [1, 2.5, 3, 4, 5], { abi })).toBe(11n);
  });

  it('passes structures of other lengths than a register by reference', () => {
    expect(
      value(
        'mov rax, [rcx+8]; add rax, rdx; ret',
        [
          [1, 2, 3],
          [4, 5],
        ],
        { abi, signature: 'i64({ i64, i64, i64 }, { i32, i32 })' },
      ),
    ).toBe(0x5_0000_0006n);
  });

  it('gives variadic floats in the integer register too', () => {
    expect(value('mov rax, rdx; ret', [0, 1.5], { abi, signature: 'u64(ptr, ...)' })).toBe(
      0x3ff8_0000_0000_0000n,
    );
  });

  it('returns structures in rax, or behind the pointer in rcx', () => {
    expect(value('mov rax, 0x200000001; ret', [], { abi, signature: '{ i32, i32 }()' })).toEqual([
      1, 2,
    ]);
    const big = 'mov rax, rcx; mov qword ptr [rcx], 1; mov [rcx+8], rdx; ret';
    expect(value(big, [9], { abi, signature: '{ i64, i64 }(i64)' })).toEqual([1n, 9n]);
  });
});

describe('i386', () => {
  it('cdecl passes all on the stack and returns floats on the x87 stack', () => {
    const abi = 'cdecl';
    expect(value('mov eax, [esp+4]; sub eax, [esp+8]; ret', [5, 7], { abi })).toBe(-2);
    expect(
      value('fld qword ptr [esp+4]; fadd qword ptr [esp+12]; ret', [1.5, 2.25], {
        abi,
        returns: 'f64',
      }),
    ).toBe(3.75);
    expect(
      value('mov eax, [esp+4]; mov edx, [esp+8]; ret', [0x1_2345_6789n], {
        abi,
        returns: 'i64',
      }),
    ).toBe(0x1_2345_6789n);
    const pair = 'mov eax, [esp+4]; mov dword ptr [eax], 3; mov dword ptr [eax+4], 4; ret 4';
    const result = run(pair, [], { abi, signature: '{ i32, i32 }()' });
    expect([result.value, result.breaches]).toEqual([[3, 4], []]);
  });

  it('stdcall cleans its arguments', () => {
    const right = run('mov eax, [esp+8]; ret 8', [1, 2], { abi: 'stdcall' });
    expect([right.value, right.breaches]).toEqual([2, []]);
    const wrong = run('mov eax, [esp+8]; ret', [1, 2], { abi: 'stdcall' });
    expect(wrong.breaches.map(({ message }) => message)).toEqual([
      'returns with esp 8 bytes too low (its ret should remove 8 bytes of arguments)',
    ]);
  });

  it('fastcall passes two integers in registers', () => {
    expect(
      value('lea eax, [ecx+edx]; add eax, [esp+4]; ret 4', [1, 2, 3], { abi: 'fastcall' }),
    ).toBe(6);
  });
});

describe('memory', () => {
  it('gives bytes as a pointer, and what became of them', () => {
    const result = run('inc byte ptr [rdi]; mov al, [rdi+2]; movzx eax, al; ret', [
      Uint8Array.of(1, 2, 3),
    ]);
    expect([result.value, result.buffers[0]]).toEqual([3n, Uint8Array.of(2, 2, 3)]);
  });

  it('faults one byte behind a buffer, and before one that is aligned to its start', () => {
    const behind = run('mov al, [rdi+rsi]; ret', [pointerTo('b'), 10], {
      buffers: { b: 10 },
    });
    expect(behind.outcome).toMatchObject({ kind: 'signal', code: 'SEGV_MAPERR', access: 'read' });
    const before = run('mov byte ptr [rdi-1], 0; ret', [pointerTo('b')], {
      buffers: { b: { bytes: 10, align: 'start' } },
    });
    expect(before.outcome).toMatchObject({ kind: 'signal', access: 'write' });
  });

  it('notices a store on the side without a guard page', () => {
    const { overflows } = run('mov byte ptr [rdi-3], 0; ret', [pointerTo('b')], {
      buffers: { b: 10 },
    }).facts;
    expect(overflows).toEqual([{ name: 'b', offset: -3 }]);
  });

  it('refuses stores to a read-only buffer', () => {
    const { fault } = run('mov byte ptr [rdi], 0; ret', [pointerTo('b')], {
      buffers: { b: { bytes: 1, writable: false } },
    });
    expect(fault).toMatchObject({ access: 'write', code: 'SEGV_ACCERR' });
  });
});

describe('callbacks', () => {
  it.each(['sysv', 'win64', 'cdecl', 'stdcall', 'fastcall'] as const)(
    'are called by %s and return',
    (abi) => {
      const asm = {
        sysv: 'sub rsp, 8; mov rax, rdi; mov edi, 20; mov esi, 22; call rax; add rsp, 8; ret',
        win64: 'sub rsp, 40; mov rax, rcx; mov ecx, 20; mov edx, 22; call rax; add rsp, 40; ret',
        cdecl: 'sub esp, 4; push 22; push 20; call [esp+16]; add esp, 12; ret',
        stdcall: 'push 22; push 20; call [esp+12]; ret 4',
        fastcall: 'mov eax, ecx; mov ecx, 20; mov edx, 22; call eax; ret',
      }[abi];
      const add = callback('i32(i32, i32)', (a: number, b: number) => a + b);
      const result = run(asm, [add], { abi, returns: 'i32' });
      expect([result.value, result.breaches]).toEqual([42, []]);
    },
  );

  it('can call the guest again, and see its memory', () => {
    const asm = `push rbx; mov rbx, rsi; call rdi; add rax, rbx; pop rbx; ret
    double: lea rax, [rdi+rdi]; ret`;
    const code = wide.load(asm);
    const twice = callback('i64()', (guest: import('../../src/index.js').GuestAccess) => {
      const inner = guest.call(code.symbols.get('double')!, [100], 'i64(i64)');
      return (inner as bigint) + 1n;
    });
    const result = wide.call(code, [twice, 5]);
    expect([result.value, result.breaches]).toEqual([206n, []]);
  });

  it('leave garbage in what a callee may change', () => {
    const lost = run('push rbx; mov [rsp-16], rsi; call rdi; mov rax, [rsp-16]; pop rbx; ret', [
      callback('void()', () => {}),
      7,
    ]);
    expect(lost.value).toBe(-0x5a5a_5a5a_5a5a_5a5bn);
  });

  it('pass on what they throw', () => {
    const fails = callback('void()', () => {
      throw new RangeError('mine');
    });
    expect(() => run('push rbx; call rdi; pop rbx; ret', [fails])).toThrow('mine');
  });
});
