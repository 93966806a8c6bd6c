import { describe, expect, it } from 'vitest';
import { PAGE_OFFSET } from '../../../src/os/kernel/boot/layout.js';
import { BareKernel, NO_PRELUDE } from './bare.js';

const UNMAPPED = 0xffff_c900_0000_1000n;

describe('a machine at privilege level 0', () => {
  it('runs to hlt, with its output from the debug console', async () => {
    using kernel = await BareKernel.create(
      `mov dx, 0xe9
       lea rsi, [rip + text]
       mov ecx, 6
       rep outsb
       mov al, 33
       out dx, al
       in al, dx
       movzx ebx, al
       hlt
       .data
       text: .ascii "hello "`,
      {},
      NO_PRELUDE,
    );
    const { sandbox } = kernel;
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    expect(new TextDecoder().decode(sandbox.stdout)).toBe('hello !');
    expect(sandbox.regs.rbx).toBe(0xe9n);
    expect(sandbox.regs.cs).toBe(0x10n);
  });

  it('resets when an exception finds no IDT: a triple fault', async () => {
    using kernel = await BareKernel.create('here: ud2', {}, NO_PRELUDE);
    expect(kernel.sandbox.run()).toEqual({ kind: 'triple-fault', pc: kernel.symbol('here') });
  });

  it('ends with the status that the exit port is given', async () => {
    using kernel = await BareKernel.create('mov al, 7; out 0xf4, al', {}, NO_PRELUDE);
    expect(kernel.sandbox.run()).toEqual({ kind: 'exit', code: 7 });
  });
});

describe('exceptions through the IDT', () => {
  const one = async (source: string) => {
    using kernel = await BareKernel.create(source);
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'halt' });
    const seen = kernel.seen;
    expect(seen).toHaveLength(1);
    return { ...seen[0]!, here: kernel.sandbox.symbols.get('here') };
  };

  it.each([
    ['a load from nowhere', `mov rbx, ${UNMAPPED}; here: mov rax, [rbx]`, 0n],
    ['a store to nowhere', `mov rbx, ${UNMAPPED}; here: mov [rbx], rax`, 2n],
    ['a read-modify-write of nowhere', `mov rbx, ${UNMAPPED}; here: add [rbx], rax`, 2n],
    ['a jump to the linear map, which has NX', 'mov rbx, 0xffff888000400000; here: jmp rbx', 17n],
  ])('%s is #PF with its error code and CR2', async (_name, source, code) => {
    const { here, ...seen } = await one(source);
    const fetch = code === 17n;
    const address = fetch ? 0xffff_8880_0040_0000n : UNMAPPED;
    expect(seen).toMatchObject({ vector: 14, errorCode: code, cr2: address, cs: 0x10n });
    expect(seen.rip).toBe(fetch ? address : here);
    // RF, and the bit that is always set.
    expect(seen.rflags & 0x1_0202n).toBe(0x1_0002n);
  });

  it.each([
    ['ud2', 'here: ud2', 6, -1n],
    ['div by zero', 'xor ecx, ecx; here: div ecx', 0, -1n],
    ['a non-canonical load', 'mov rbx, 0x4141414141414141; here: mov rax, [rbx]', 13, 0n],
    ['a bad selector', 'mov eax, 0x1000; here: mov ds, eax', 13, 0x1000n],
    ['a reserved bit of CR4', 'mov rax, cr4; bts rax, 12; here: mov cr4, rax', 13, 0n],
    ['CR0 without paging', 'mov rax, cr0; btr rax, 31; here: mov cr0, rax', 13, 0n],
    ['CR3 beyond the physical address', 'mov rax, 1; shl rax, 40; here: mov cr3, rax', 13, 0n],
    ['syscall', 'here: syscall', 6, -1n],
    ['int n without a gate', 'here: int 0x80', 13, 0x402n],
  ])('%s is a fault at its instruction', async (_name, source, vector, errorCode) => {
    const { here, ...seen } = await one(source);
    expect(seen).toMatchObject({ vector, errorCode, rip: here });
  });

  it('int3 is a trap behind its instruction, without RF', async () => {
    const { here, ...seen } = await one('int3; here: nop');
    expect(seen).toMatchObject({ vector: 3, rip: here });
    expect(seen.rflags & 0x1_0000n).toBe(0n);
  });

  it('iretq goes on where the handler wants, with flags and stack as they were', async () => {
    using kernel = await BareKernel.create(
      `lea rax, [rip + after]
       mov [rip + resume], rax
       mov rbx, rsp
       stc
       ud2
       after: pushfq
       pop rcx
       sub rbx, rsp
       hlt`,
    );
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'halt' });
    expect(kernel.sandbox.regs.rcx! & 1n).toBe(1n);
    expect(kernel.sandbox.regs.rbx).toBe(0n);
  });

  it('a fault while a page fault is delivered is a double fault, on a stack of its own', async () => {
    using kernel = await BareKernel.create(
      `mov rax, 0xffff888000003000
       mov rcx, 0xffff888000060000
       mov [rax + 36], rcx
       mov byte ptr [rip + idt + 8 * 16 + 4], 1
       mov rsp, ${UNMAPPED}
       here: push rax`,
    );
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'halt' });
    expect(kernel.seen).toMatchObject([
      { vector: 8, errorCode: 0n, rip: kernel.symbol('here'), rsp: UNMAPPED, cr2: UNMAPPED - 48n },
    ]);
  });

  it('without a stack for the double fault the machine resets', async () => {
    using kernel = await BareKernel.create(`mov rsp, ${UNMAPPED}; here: push rax`);
    expect(kernel.sandbox.run()).toEqual({ kind: 'triple-fault', pc: kernel.symbol('here') });
  });

  it('a gate that is not present is #NP', async () => {
    using kernel = await BareKernel.create(`mov byte ptr [rip + idt + 6 * 16 + 5], 0x0e; ud2`);
    kernel.sandbox.run();
    expect(kernel.seen).toMatchObject([{ vector: 11, errorCode: 6n * 8n + 3n }]);
  });
});

/** Maps 0x400000 of RAM for the user at 0x1000, by tables at physical 0x300000. */
const USER_PAGE = `
  mov rdi, 0xffff888000300000
  mov rax, 0x301007
  mov rcx, cr3
  mov rdx, 0xffff888000000000
  add rdx, rcx
  mov [rdx], rax
  mov rax, 0x302007
  mov [rdi + 0x1000], rax
  mov rax, 0x303007
  mov [rdi + 0x2000], rax
  mov rax, 0x400007
  mov [rdi + 0x3000 + 8], rax
  mov rax, 0xffff888000400000
  mov byte ptr [rax], 0xc3
  mov ebx, 0x1000
`;

describe('protections of the page tables', () => {
  const seenBy = async (source: string) => {
    using kernel = await BareKernel.create(source);
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'halt' });
    return { seen: kernel.seen, regs: { ...kernel.sandbox.regs } };
  };
  const codes = async (source: string) =>
    (await seenBy(source)).seen.map(({ errorCode }) => errorCode);

  it('SMAP refuses user pages unless AC is set, SMEP refuses to run them', async () => {
    expect(await codes(`${USER_PAGE} mov rax, [rbx]`)).toEqual([1n]);
    expect(await codes(`${USER_PAGE} mov [rbx], rax`)).toEqual([3n]);
    expect(await codes(`${USER_PAGE} stac; mov rax, [rbx]; clac; hlt`)).toEqual([]);
    expect(await codes(`${USER_PAGE} stac; mov rax, [rbx]; clac; mov rax, [rbx]`)).toEqual([1n]);
    expect(await codes(`${USER_PAGE} call rbx`)).toEqual([17n]);
    const noSmep = 'mov rax, cr4; btr rax, 20; btr rax, 21; mov cr4, rax';
    expect(await codes(`${USER_PAGE} ${noSmep}; call rbx; mov [rbx], rax; hlt`)).toEqual([]);
  });

  it('a store to a read-only page faults, and passes when CR0.WP is cleared', async () => {
    const readOnly = `${USER_PAGE} stac
      mov rdi, 0xffff888000303008; and byte ptr [rdi], 0xfd; mov rax, [rbx]`;
    expect(await codes(`${readOnly}; mov [rbx], rax`)).toEqual([3n]);
    const noWp = 'mov rcx, cr0; btr rcx, 16; mov cr0, rcx';
    expect(await codes(`${readOnly}; ${noWp}; mov [rbx], rax; hlt`)).toEqual([]);
  });

  it('a changed entry acts when its page is invalidated, not before; CR3 spares global pages', async () => {
    const change = 'mov rdi, 0xffff888000303008; mov qword ptr [rdi], 0; mov rax, [rbx]';
    expect(await codes(`${USER_PAGE} stac; mov rax, [rbx]; ${change}; hlt`)).toEqual([]);
    expect(
      await codes(`${USER_PAGE} stac; mov rax, [rbx]; ${change}; invlpg [rbx]; mov rax, [rbx]`),
    ).toEqual([0n]);
    const reload = 'mov rax, cr3; mov cr3, rax; mov rax, [rbx]';
    expect(await codes(`${USER_PAGE} stac; mov rax, [rbx]; ${change}; ${reload}`)).toEqual([0n]);
    const global = 'mov rdi, 0xffff888000303008; or dword ptr [rdi], 0x100';
    expect(
      await codes(`${USER_PAGE} ${global}; stac; mov rax, [rbx]; ${change}; ${reload}; hlt`),
    ).toEqual([]);
    const pge = 'mov rax, cr4; btr rax, 7; mov cr4, rax; mov rax, [rbx]';
    expect(await codes(`${USER_PAGE} ${global}; stac; mov rax, [rbx]; ${change}; ${pge}`)).toEqual([
      0n,
    ]);
  });

  it('sets accessed and dirty bits as accesses are made', async () => {
    const { regs } = await seenBy(`${USER_PAGE} stac
      mov rdi, 0xffff888000303008
      mov r8, [rdi]; mov rax, [rbx]; mov r9, [rdi]; mov [rbx], rax; mov r10, [rdi]; hlt`);
    expect([regs.r8, regs.r9, regs.r10]).toEqual([0x400007n, 0x400027n, 0x400067n]);
  });

  it('a reserved bit is told from a page that is not there', async () => {
    const reserved = 'mov rdi, 0xffff888000303008; bts qword ptr [rdi], 45';
    expect(await codes(`${USER_PAGE} ${reserved}; mov rax, [rbx]`)).toEqual([9n]);
  });

  it('code that maps itself away faults at its next instruction', async () => {
    using kernel = await BareKernel.create(`
      mov rdx, 0xffff888000104040
      mov qword ptr [rdx], 0
      mov rax, cr4; btr rax, 7; mov cr4, rax
      nop; hlt`);
    // The handlers are gone as well.
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'triple-fault' });
  });

  it('RAM that is not there gives ones', async () => {
    const { regs, seen } = await seenBy(`${USER_PAGE} stac
      mov rdi, 0xffff888000303008; mov rax, 0x9000000007; mov [rdi], rax; mov r8, [rbx]; hlt`);
    expect(seen).toEqual([]);
    expect(regs.r8).toBe(0xffff_ffff_ffff_ffffn);
  });
});

describe('what the trace says of a refused access', () => {
  it.each([
    ['NX', 'mov rbx, 0xffff888000400000; jmp rbx', 'page-tables/nx'],
    ['SMEP', `${USER_PAGE} jmp rbx`, 'page-tables/smep'],
    ['SMAP', `${USER_PAGE} mov rax, [rbx]`, 'page-tables/smap'],
    [
      'a read-only page',
      `${USER_PAGE} stac; mov rdi, 0xffff888000303008; mov qword ptr [rdi], 0x400001; mov qword ptr [rbx], 1`,
      'page-tables/read-only',
    ],
    [
      'a reserved bit',
      `${USER_PAGE} mov rdi, 0xffff888000303008; bts qword ptr [rdi], 45; mov rax, [rbx]`,
      'page-tables/reserved',
    ],
    ['nothing mapped', 'mov rax, [0x5000]', undefined],
  ])('%s', async (_name, source, rule) => {
    using kernel = await BareKernel.create(source);
    kernel.sandbox.run();
    const faults = kernel.sandbox.trace.filter((event) => event.type === 'fault');
    expect(faults.map(({ cause }) => cause?.rule)).toEqual([rule]);
  });
});

describe('the timer', () => {
  const PERIODIC = `
    lea rax, [rip + tick]
    lea rdi, [rip + big]
    mov [rdi + 0x300], ax
    mov word ptr [rdi + 0x302], 0x10
    mov word ptr [rdi + 0x304], 0x8e00
    shr rax, 16
    mov [rdi + 0x306], ax
    shr rax, 16
    mov [rdi + 0x308], eax
    lidt [rip + bigr]
    mov al, 0x34
    out 0x43, al
    mov al, 0x10
    out 0x40, al
    mov al, 0x27
    out 0x40, al
    xor ebx, ebx
    sti
    1: hlt
    cmp ebx, 3
    jne 1b
    2: inc ecx
    cmp ebx, 5
    jne 2b
    cli
    hlt
    tick: inc ebx
    iretq
    .data
    .balign 16
    big: .zero 0x400
    bigr: .word 0x3ff
    .quad big
    .text`;

  it('ticks by blocks, wakes hlt, and runs the same in pieces and after going back', async () => {
    using kernel = await BareKernel.create(PERIODIC);
    const { sandbox } = kernel;
    const before = sandbox.snapshot();
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    const whole = { ...sandbox.regs };
    expect(whole.rbx).toBe(5n);
    expect(whole.rcx).toBeGreaterThan(1000n);
    sandbox.restore(before);
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    expect({ ...sandbox.regs }).toEqual(whole);
    sandbox.restore(before);
    let end = sandbox.resume({ blocks: 701 });
    for (let n = 0; end.kind === 'pause' && n < 1000; n++) end = sandbox.resume({ blocks: 701 });
    expect(end.kind).toBe('halt');
    expect({ ...sandbox.regs }).toEqual(whole);
  });
});

describe('the host and a kernel', () => {
  it('calls its functions, and is told of what is mapped in the words of its own listing', async () => {
    using kernel = await BareKernel.create(
      `hlt
       sum: lea rax, [rdi + rsi]
       add rax, [rsp + 8]
       ret
       wild: mov rax, [rdi]
       ret`,
    );
    const { sandbox } = kernel;
    const sum = kernel.symbol('sum');
    expect(sandbox.call(sum, 1, 2, 3, 4, 5, 6, 40)).toEqual({ kind: 'return', value: 43n });
    sandbox.run();
    expect(sandbox.call(kernel.symbol('wild'), UNMAPPED)).toMatchObject({ kind: 'halt' });
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    expect(kernel.seen).toMatchObject([{ vector: 14, cr2: UNMAPPED }]);
    expect(sandbox.procMaps().split('\n').slice(0, 9)).toEqual([
      '---[ User Space ]---',
      '0x0000000000000000-0xffff880000000000    16777096T                               pgd',
      '---[ Kernel Space ]---',
      '0xffff880000000000-0xffff888000000000         512G                               pgd',
      '---[ LDT remap ]---',
      '0xffff888000000000-0xffff888000200000           2M     RW         PSE     GLB NX pmd',
      '---[ Low Kernel Mapping ]---',
      '0xffff888000200000-0xffff888020000000         510M     RW         PSE     GLB NX pmd',
      '0xffff888020000000-0xffff888040000000         512M                               pmd',
    ]);
    expect(sandbox.maps().map(({ start, perms, name }) => [start, perms, name])).toEqual([
      [PAGE_OFFSET, 'rw-p', '[linear map]'],
      [0xffff_ffff_8100_0000n, 'rwxp', '[kernel]'],
    ]);
    expect(sandbox.load(UNMAPPED, 4)).toMatchObject({ code: 'SEGV_MAPERR', address: UNMAPPED });
    expect(sandbox.store(PAGE_OFFSET, Uint8Array.of(1))).toBe(null);
    expect(() => sandbox.syscall('mmap')).toThrow("a guest of 'kernel' has no system calls");
  });

  it('refuses what is no kernel in a sentence', async () => {
    const { assembleProgram } = await import('../../../src/toolchain/assemble-program.js');
    const { Sandbox } = await import('../../../src/sandbox/sandbox.js');
    const { elf } = await assembleProgram('_start: hlt', { arch: 'x86-64' });
    await expect(Sandbox.create({ os: 'kernel', program: elf })).rejects.toThrow(
      "cannot execute '/program': it has a segment at 0x400000: expected a kernel between 0xffffffff80200000 and 0xffffffffa0000000",
    );
    await expect(Sandbox.create({ os: 'kernel', program: Uint8Array.of(1, 2) })).rejects.toThrow(
      "cannot execute '/program'",
    );
    await expect(Sandbox.create({ os: 'kernel', arch: 'i386' })).rejects.toThrow("'i386'");
  });
});
