/** Each matcher passes on right code, and says of wrong code what is wrong and where. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { registerValue } from '../../src/fast-check/index.js';
import {
  arg,
  call,
  callback,
  explore,
  kitFor,
  pointerTo,
  Sandbox,
} from '../../src/vitest/index.js';

const ADD = 'lea rax, [rdi+rsi]; ret';

/** The message of a matcher that fails. */
function messageOf(assertion: () => void): string {
  try {
    assertion();
  } catch (failure) {
    if (failure instanceof Error) return failure.message;
  }
  throw new Error('the matcher passed');
}

describe('toReturn', () => {
  it('takes bytes, text, a call and its result', () => {
    expect(Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3)).toReturn(7);
    expect('mov eax, 7; ret').toReturn(7);
    expect(call(ADD, [1, 2])).toReturn(3);
    expect(call(ADD, [1, 2])).toReturn(3n);
    expect(call(ADD, [1, 2])).not.toReturn(4);
    expect(call('mov eax, -1; ret', [], { returns: 'i32' })).toReturn(0xffff_ffff);
  });

  it('shows listing with the instruction that made the value, registers that differ, and the policy', () => {
    expect(
      messageOf(() => expect(call('lea rax, [rdi+rsi]; sub rax, 1; ret', [1, 2])).toReturn(3)),
    ).toBe(
      `expected the code to return 3, but it returned 2
  arguments 1, 2
  code
       10000000:  48 8d 04 37  lea rax, [rdi + rsi]
    => 10000004:  48 83 e8 01  sub rax, 1
       10000008:  c3           ret
  registers
    rax    5eed5eed00000000 -> 0000000000000002
  policy    nx; it refused no call`,
    );
  });

  it('shows what the call was given, and what became of its buffers', () => {
    const buffers = { dst: 40, src: Uint8Array.of(1, 2, 3) };
    const asm = 'mov [rdi+16], esi; mov [rdi+39], sil; mov byte ptr [rdx], 9; ret';
    const f = callback('void()', function f() {});
    const args = ['@dst', 5, '@src+1', Uint8Array.of(7, 8), f, arg.f32(1.5)] as const;
    const message = messageOf(() => expect(call(asm, args, { buffers })).toReturn(1));
    expect(message).toContain('  arguments @dst, 5, @src+1, 2 bytes 07 08, callback f, f32 1.5\n');
    expect(message).toContain(
      [
        '  buffers',
        '    argument 4, 2 bytes, unchanged: 07 08',
        '    dst, 40 bytes',
        `       +16  was ${'00 '.repeat(16).trim()}`,
        `             is 05 ${'00 '.repeat(15).trim()}`,
        `       +32  was ${'00 '.repeat(8).trim()}`,
        `             is ${'00 '.repeat(7)}05`,
        '    src, 3 bytes',
        '        +0  was 01 02 03',
        '             is 01 09 03',
      ].join('\n'),
    );
  });

  it('a result of 32 bits is hinted at', () => {
    const message = messageOf(() => expect('mov eax, -1; ret').toReturn(-1));
    expect(message).toContain(
      "it returned 4294967295 (0xffffffff), whose low 32 bits are -1: for a 32-bit result say returns: 'i32'",
    );
    for (const wrong of [
      () => expect('mov eax, -2; ret').toReturn(-1),
      () => expect('mov eax, 1; ret').not.toReturn(1),
      () => expect(call('mov eax, -1; ret', [], { returns: 'i64' })).toReturn(-1),
    ]) {
      expect(messageOf(wrong)).not.toContain('32-bit result');
    }
  });

  it('takes a pointer as text, and names the buffers that there are', () => {
    const asm = 'mov al, [rdi]; movzx eax, al; ret';
    const buffers = { table: Uint8Array.of(1, 2, 3) };
    expect(call(asm, ['@table+2'], { buffers })).toReturn(3);
    expect(call(asm, ['@table + 0x1'], { buffers })).toTouchOnly(['@table']);
    expect(() => call(asm, ['@tabel'], { buffers })).toThrow("did you mean 'table'?");
    expect(() => call(asm, ['table' as '@'], { buffers })).toThrow("written '@dst'");
    expect(() => expect(5).toReturn(1)).toThrow('5 is no code: expected a Uint8Array');
  });

  it('says how code ended that did not return', () => {
    const never = messageOf(() =>
      expect(call('self: jmp self', [], { limits: { blocks: 1000 } })).toReturn(1),
    );
    expect(never).toContain(
      'but it did not return: it still ran when its budget of blocks was used up (limits: { blocks } sets it)',
    );
    expect(never).toContain('=> 10000000:  eb fe  jmp 0x10000000 <self>');
    const wrong = messageOf(() => expect('push rbx; mov eax, 1; ret').toReturn(1));
    expect(wrong).toContain(
      'it returned with a wrong stack: its ret took 0x5eed00002002 from 8 bytes below its return address',
    );
    const gone = messageOf(() => expect('mov [rsp], rbx; ret').toReturn(1));
    expect(gone).toContain('its return address was overwritten with 0x5eed00002002');
    const load = messageOf(() => expect('mov rax, [rbx]; ret').toReturn(1));
    expect(load).toContain(
      'it was killed by SIGSEGV (SEGV_MAPERR): a load from 0x5eed00002002, where nothing is mapped',
    );
  });

  it('says what the CPU lacks of an instruction', () => {
    const text = messageOf(() => expect('vaddps ymm0, ymm0, ymm1; ret').toReturn(1));
    expect(text).toMatch(/^ {2}cpu +the emulated CPU has no AVX: cpu .x86-64-v3. has it$/m);
  });

  it('leaves spies to vitest', () => {
    const spy = vi.fn(() => 1);
    expect(spy).not.toReturn();
    spy();
    expect(spy).toReturn();
  });

  it('refuses a value that the code can never return', () => {
    expect(messageOf(() => expect(call(ADD, [1, 2])).toReturn(1.5))).toContain(
      "say returns: 'f64'",
    );
  });
});

it('a failure tells of a jump between two instructions', () => {
  const bytes = Uint8Array.of(0xeb, 1, 0xb8, 0x90, 0x90, 0x90, 0x90, 0xc3);
  expect(messageOf(() => expect(bytes).toReturn(1))).toContain(
    "jump      'jmp 0x10000003' at 0x10000000 lands 1 byte into 'mov eax, 0x90909090' at 0x10000002",
  );
});

describe('toLeave', () => {
  const asm =
    'mov eax, -1; mov cl, 5; cmp eax, 0; mov byte ptr [rdi+1], 9; cvtsi2sd xmm0, rsi; ret';
  const made = () => call(asm, [Uint8Array.of(1, 2, 3), 4]);

  it('compares registers and their parts, flags and buffers', () => {
    expect(made()).toLeave({
      rax: 0xffff_ffff,
      eax: -1,
      al: 0xff,
      ah: 255,
      cl: 5,
      xmm0: 4,
      rsi: 4,
    });
    expect(made()).toLeave({ flags: 'SF PF', memory: { 0: [1, 9, 3] } });
    expect(made()).toLeave({ flags: { ZF: false, SF: true } });
  });

  it('knows both bytes of a word', () => {
    expect('mov eax, 0x1234; ret').toLeave({ ah: 0x12, al: 0x34, ax: 0x1234 });
    expect('mov r9d, 0x1234; ret').toLeave({ r9b: 0x34, r9w: 0x1234, r9d: 0x1234 });
  });

  it('marks what made the difference', () => {
    const flags = messageOf(() => expect(made()).toLeave({ flags: { ZF: true } }));
    expect(flags).toContain('ZF is clear instead of set');
    expect(flags).toMatch(/=> \S+ .*cmp eax, 0/);
    const memory = messageOf(() => expect(made()).toLeave({ memory: { 0: [1, 2, 3] } }));
    expect(memory).toContain('0[1] is 9 instead of 2');
    expect(memory).toMatch(/=> \S+ .*mov byte ptr \[rdi \+ 1\], 9/);
  });

  it('names what it does not know', () => {
    expect(messageOf(() => expect(made()).toLeave({ rxa: 1 }))).toContain("did you mean 'rax'?");
    expect(messageOf(() => expect(made()).toLeave({ flags: 'XF' }))).toContain("unknown flag 'XF'");
  });
});

describe('conventions', () => {
  it('toPreserve finds what is clobbered', () => {
    expect('push rbx; mov ebx, 1; pop rbx; ret').toPreserve('callee-saved');
    const message = messageOf(() =>
      expect('mov r12d, 1; xor eax, eax; ret').toPreserve('callee-saved'),
    );
    expect(message).toContain(
      'r12 is not preserved: it was 0x5eed0000d00d and is 0x1 (sysv makes it callee-saved)',
    );
    expect(message).toMatch(/=> \S+ .*mov r12d, 1/);
    expect('mov ecx, 1; ret').not.toPreserve(['rcx']);
    expect('lea rax, [rdi+1]; ret').toPreserve(['flags', 'rdi']);
    expect('xor eax, eax; ret').not.toPreserve('flags');
  });

  it.each([
    [
      'sysv',
      'sub rsp, 16; call rdi; add rsp, 16; ret',
      'stack-alignment',
      'calls f with the stack 8 bytes off: sysv wants it aligned to 16 at a call',
    ],
    ['sysv', 'call rdi; ret', 'stack-alignment', 'calls f with the stack 8 bytes off'],
    [
      'sysv',
      'sub rsp, 8; call inner; add rsp, 8; ret; inner: call deeper; ret; deeper: ret',
      'stack-alignment',
      'calls deeper with the stack 8 bytes off',
    ],
    [
      'sysv',
      'mov [rsp-136], rax; ret',
      'red-zone',
      'stores 136 bytes below the stack pointer: the red zone of sysv has 128',
    ],
    ['win64', 'mov [rsp-8], rax; ret', 'red-zone', 'win64 has no red zone'],
    [
      'sysv',
      'push rbx; mov [rsp-8], rsi; call rdi; mov rax, [rsp-8]; pop rbx; ret',
      'red-zone',
      "loads what it stored below the stack pointer at 0x10000001, but 'call rdi' at 0x10000006 overwrote it",
    ],
    [
      'sysv',
      'push rbx; mov [rsp-24], rsi; call rdi; mov rax, [rsp-24]; pop rbx; ret',
      'red-zone',
      "but 'call rdi' at 0x10000006 overwrote it",
    ],
    [
      'win64',
      'sub rsp, 8; call rcx; add rsp, 8; ret',
      'shadow-space',
      'calls f with 8 bytes above its return address; win64 gives the callee 32 bytes of shadow space there',
    ],
    ['sysv', 'std; ret', 'direction-flag', 'returns with the direction flag set'],
    ['sysv', 'fld1; ret', 'x87', 'returns with 1 value on the x87 stack: it must be empty'],
    ['sysv', 'push 0x1f00; ldmxcsr [rsp]; pop rax; ret', 'mxcsr', 'other control bits in MXCSR'],
    [
      'sysv',
      'push 0x27f; fldcw [rsp]; pop rax; ret',
      'x87',
      'x87 control word 0x27f; it was 0x37f',
    ],
    ['win64', 'xorps xmm6, xmm6; ret', 'callee-saved', 'xmm6 is not preserved'],
    [
      'sysv',
      'mov [rsp+8], rax; ret',
      'caller-frame',
      "the caller's stack frame was overwritten, 8 bytes above the return address",
    ],
    [
      'sysv',
      'pop rcx; push 0; add rsp, 8; jmp rcx',
      'return-address',
      'the return address on the stack was overwritten with 0x0',
    ],
    ['cdecl', 'mov ebx, 1; ret', 'callee-saved', 'ebx is not preserved'],
    ['stdcall', 'ret', 'stack-pointer', 'returns with esp 4 bytes too low'],
    ['fastcall', 'ret 4', 'stack-pointer', 'returns with esp 4 bytes too high'],
  ] as const)('toFollow: %s %s breaks %s', (abi, asm, duty, sentence) => {
    const f = callback('void()', function f() {});
    const result = call(asm, [f], { abi });
    const message = messageOf(() => expect(result).toFollow(abi));
    expect(message).toContain(sentence);
    expect(message).toContain('=>');
    expect(result).not.toPreserve(duty);
  });

  it.each([
    [
      'sysv',
      'push rbp; mov rbp, rsp; sub rsp, 16; mov [rbp-8], rdi; call rdi; mov rax, [rbp-8]; leave; ret',
    ],
    ['sysv', 'mov [rsp-8], rdi; mov rax, [rsp-8]; ret'],
    ['win64', 'mov [rsp+8], rcx; sub rsp, 40; call rcx; add rsp, 40; ret'],
    ['cdecl', 'sub esp, 12; call [esp+16]; add esp, 12; ret'],
    ['stdcall', 'call [esp+4]; ret 4'],
    ['fastcall', 'call ecx; ret'],
  ] as const)('toFollow is content with right %s code', (abi, asm) => {
    expect(call(asm, [callback('void()', () => {})], { abi })).toFollow(abi);
  });
});

describe('policies', () => {
  const jit = `
    mov eax, SYS_mmap; xor edi, edi; mov esi, 4096; mov edx, PROT_READ|PROT_WRITE
    mov r10d, MAP_PRIVATE|MAP_ANONYMOUS; mov r8d, -1; xor r9d, r9d; syscall
    push rbx; mov rbx, rax; mov byte ptr [rbx], 0xc3
    mov eax, SYS_mprotect; mov rdi, rbx; mov esi, 4096; mov edx, PROT_READ|PROT_EXEC; syscall
    jump: call rbx; pop rbx; mov eax, 1; ret`;

  it('toBeDeniedBy and toBeAllowedUnder', () => {
    expect(call(jit, [], { policy: 'mdwe' })).toBeDeniedBy('mdwe/gain-exec');
    expect(call(jit)).toBeAllowedUnder(['nx', 'wx', 'selinux']);
    expect(call(jit)).not.toBeDeniedBy('mdwe/gain-exec');
    const message = messageOf(() => expect(call(jit)).toBeAllowedUnder(['wx', 'mdwe', 'pax']));
    expect(message).toMatch(
      /allowed under wx, mdwe, pax, but mdwe says: .*mdwe\/gain-exec.*; pax says: .*pax\//s,
    );
    expect(message).toContain('policy');
    expect(messageOf(() => expect(call(jit)).toBeDeniedBy('mdwe/gainexec'))).toContain(
      "did you mean 'mdwe/gain-exec'?",
    );
  });

  it('judge how code is placed', () => {
    expect(call('ret', [], { policy: 'mdwe', placement: 'flip' })).toBeDeniedBy('mdwe/gain-exec');
    expect(call('ret', [], { placement: 'dual' })).toBeAllowedUnder(['mdwe', 'wx']);
    expect(call('ret', [], { placement: 'flip' })).toNeverBeWritableAndExecutable();
    const message = messageOf(() =>
      expect(call('ret', [], { placement: 'rwx' })).toNeverBeWritableAndExecutable(),
    );
    expect(message).toContain('mmap made 0x10000000 writable and executable');
  });

  it('toFault names access, code and place', () => {
    const store = call('mov eax, 1; there: mov byte ptr [rdi+4], al; ret', [pointerTo('b')], {
      buffers: { b: 4 },
    });
    expect(store).toFault({
      access: 'write',
      code: 'SEGV_MAPERR',
      at: 'there',
      address: 0x2000_1000,
    });
    expect(call(jit, [], { policy: 'mdwe' })).toFault({
      access: 'exec',
      code: 'SEGV_ACCERR',
    });
    expect('ret').not.toFault();
    expect(messageOf(() => expect(store).toFault({ access: 'read' }))).toContain(
      'it faulted at 0x10000005 with a store to 0x20001000, where nothing is mapped (SEGV_MAPERR): b+4, behind buffer b of 4 bytes',
    );
    expect(messageOf(() => expect(store).toReturn(1))).toContain(
      'a store to 0x20001000, where nothing is mapped: b+4, behind buffer b of 4 bytes',
    );
    const early = call('mov byte ptr [rdi-3], 0; ret', [pointerTo('b')], { buffers: { b: 4 } });
    expect(messageOf(() => expect(early).toReturn(1))).toContain('a store at b-3, before buffer b');
    expect(messageOf(() => expect(store).toFault({ access: 'wriet' as never }))).toContain(
      "did you mean 'write'?",
    );
  });

  it('take a sandbox', async () => {
    using sandbox = await Sandbox.create({ policy: 'mdwe' });
    const { value: page } = sandbox.syscall('mmap', 0, 4096, 5, 0x22, -1, 0);
    sandbox.poke(page, Uint8Array.of(0x8d, 0x47, 1, 0xc3));
    expect(call({ sandbox, address: page }, [41], { returns: 'i32' })).toReturn(42);
    expect(sandbox).toNeverBeWritableAndExecutable();
    expect(sandbox).not.toBeDeniedBy('mdwe/gain-exec');
    sandbox.syscall('mprotect', page, 4096, 7);
    expect(sandbox).toBeDeniedBy('mdwe/write-exec');
    expect(messageOf(() => expect(sandbox).toReturn(1))).toContain(
      'call({ sandbox, address }, args)',
    );
  });
});

describe('cost and reach', () => {
  const sum =
    'xor eax, eax; test esi, esi; jz done; again: add al, [rdi]; inc rdi; dec esi; jnz again; done: ret';

  it('toRunWithin counts instructions', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect(call(sum, [bytes, 4])).toRunWithin({ instructions: 20 });
    const message = messageOf(() =>
      expect(call(sum, [bytes, 4])).toRunWithin({ instructions: 19 }),
    );
    expect(message).toContain(
      'run within 19 instructions, but it ran 20; the marked one ran 4 times',
    );
    expect(call(sum, [bytes, 4]).instructions).toBe(20);
  });

  it('toTouchOnly sees every load and store', () => {
    const copy = 'mov rcx, rdx; rep movsb; ret';
    const buffers = { dst: 8, src: 8 };
    const args = (count: number) => [pointerTo('dst'), pointerTo('src'), count];
    expect(call(copy, args(8), { buffers })).toTouchOnly(['dst', 'src']);
    expect(call(copy, args(8), { buffers })).toTouchOnly({ read: ['src'], write: ['dst'] });
    expect(call(copy, args(8), { buffers })).not.toTouchOnly({
      read: ['dst'],
      write: ['src'],
    });
    const stray = (asm: string, buffer: string) =>
      messageOf(() => expect(call(asm, args(0), { buffers })).toTouchOnly({ write: [buffer] }));
    expect(stray('fld1; fbstp [rsi]; ret', 'src')).toContain('it stores 10 bytes');
    expect(stray('fxsave [rsi-8]; ret', 'dst')).toContain('it stores 512 bytes');
    expect(stray('inc byte ptr [rsi]; ret', 'dst')).toContain('it stores 1 byte at');
    expect(stray('pcmpeqd xmm0, xmm0; maskmovdqu xmm0, xmm0; ret', 'src')).toContain(
      'it stores 16 bytes',
    );
    expect(call('fbld [rsi-2]; ret', args(0), { buffers })).not.toTouchOnly(['src']);
    const early = call('mov al, [rsi-1]; ret', args(1), { buffers });
    const message = messageOf(() => expect(early).toTouchOnly(['dst', 'src']));
    expect(message).toContain('it loads 1 byte at 0x20002ff7: src-1, before buffer src');
    expect(message).toMatch(/=> \S+ .*mov al, byte ptr \[rsi - 1\]/);
    const across = call('mov [rdi+4], rdx; ret', args(1), { buffers });
    expect(messageOf(() => expect(across).toTouchOnly(['dst']))).toContain(
      'it stores 8 bytes at 0x20000ffc: dst+4, in buffer dst, the last 4 of them behind its end',
    );
  });
});

describe('listings', () => {
  it('toDisassembleTo compares instructions, not spelling', () => {
    expect(Uint8Array.of(0x48, 0x83, 0xc0, 0x10, 0xc3)).toDisassembleTo('add  RAX, 16 ; ret');
    expect('again: dec eax; jnz again; ret').toDisassembleTo('again:\n dec eax\n jne again\n ret');
    const message = messageOf(() =>
      expect(Uint8Array.of(0x48, 0x83, 0xc0, 0x10, 0xc3)).toDisassembleTo('add rax, 17; ret'),
    );
    expect(message).toContain("expected 'add rax, 17' at instruction 1");
    expect(message).toContain('=> add rax, 0x10');
  });

  it('toMatchListing is a snapshot with labels', () => {
    expect('again: dec eax; jnz again; ret').toMatchListing();
  });
});

describe('toBehaveLike', () => {
  it('finds the inputs at which two codes differ, and simplifies them', () => {
    const signature = 'i32(i32)';
    const abs = 'mov eax, edi; cdq; xor eax, edx; sub eax, edx; ret';
    expect(call(abs, [5], { signature })).toBehaveLike(
      'mov eax, edi; neg eax; cmovs eax, edi; ret',
    );
    const message = messageOf(() =>
      expect(call(abs, [5], { signature })).toBehaveLike('mov eax, edi; ret'),
    );
    expect(message).toContain('but for (-1) it returned 1 and the other -1');
    const first = messageOf(() =>
      expect(call('mov al, [rdi]; movzx eax, al; ret', [Uint8Array.of(9)])).toBehaveLike(
        'mov al, [rdi]; movsx eax, al; ret',
      ),
    );
    expect(first).toMatch(/but for \(64 bytes (8|f|ff|80)/);
    expect(first).toMatch(/=> \S+ .*movzx eax, al/);
  });

  it('compares buffers and ends too', () => {
    const signature = 'void(ptr)';
    const store = call('mov byte ptr [rdi+3], 7; ret', [new Uint8Array(8)], { signature });
    expect(store).toBehaveLike('mov eax, 7; mov [rdi+3], al; ret');
    const other = messageOf(() => expect(store).toBehaveLike('mov byte ptr [rdi+3], 8; ret'));
    expect(other).toContain('it left 7 in byte 3 of buffer 0 and the other 8');
    const fault = messageOf(() => expect(store).toBehaveLike('mov [rsi], al; ret'));
    expect(fault).toContain('of the other it was killed by SIGSEGV');
  });
});

it('keeps one kit for a policy', () => {
  expect(kitFor('x86-64', 'mdwe')).toBe(kitFor('x86-64', 'mdwe'));
});

describe('nothing to await', () => {
  it('a wrong expectation fails where it stands', () => {
    expect(() => expect(call(ADD, [1, 2])).toReturn(4)).toThrow('but it returned 3');
    expect(() => expect('ret').toFollow('win64')).not.toThrow();
    expect(() => expect('mov ebx, 1; ret').toPreserve('callee-saved')).toThrow('ebx');
  });

  it('a value is a value, and so it is in a property', () => {
    const doubled = (value: bigint) => call('lea rax, [rdi+rdi]; ret', [value]).value;
    fc.assert(
      fc.property(registerValue(), (value) => doubled(value) === BigInt.asIntN(64, 2n * value)),
      { numRuns: 20 },
    );
    expect(explore('ud2', { signature: 'void()' })?.result.outcome.kind).toBe('signal');
  });

  it('await in front changes nothing, and there is no promise to look into', async () => {
    const result = await call(ADD, [1, 2]);
    expect(result).not.toHaveProperty('then');
    await expect(result).toReturn(3);
    expect(await explore('ret', { signature: 'void()' })).toBe(undefined);
    const sentence = await Promise.resolve()
      .then(() => expect(call(ADD, [1, 2])).resolves.toReturn(3))
      .catch((error: Error) => error.message);
    expect(sentence).toContain('You must provide a Promise to expect() when using .resolves');
  });

  it('a promise that reaches a matcher is refused, whatever it will be', () => {
    for (const late of [Promise.resolve(call(ADD, [1, 2])), Sandbox.create()]) {
      expect(() => expect(late).toReturn(3)).toThrow('write await before it');
      expect(() => expect(late).toFault()).toThrow('write await before it');
    }
  });

  it('what the host does wrong is told at the line that did it', () => {
    const stackOf = (use: () => unknown): string => {
      try {
        use();
      } catch (error) {
        return error instanceof Error ? `${error.stack}` : '';
      }
      return '';
    };
    const misspelt = { polcy: 'mdwe' } as unknown as Parameters<typeof call>[2];
    for (const use of [
      () => call('ret', [], misspelt),
      () => call('rte'),
      () => expect('ret').toFault({ access: 'wriet' as never }),
    ]) {
      const frames = stackOf(use).split('\n    at ').slice(1);
      const own = frames.filter((frame) => !frame.includes('node_modules'));
      expect(own[0]).toContain('matchers.spec.ts');
    }
  });
});
