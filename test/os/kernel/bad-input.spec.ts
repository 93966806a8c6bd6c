/** What a kernel with a sealed pool can do to its own machine: a defined report or a defined end, each time. */
import { beforeAll, describe, expect, it } from 'vitest';
import { CalledKernel } from './called-kernel.js';
import { kernelElf } from './runtime.js';

const KERNEL = `
.include "kernel-pools.inc"
.data
rule: .quad 0
.section .rodata
rogue: .asciz "rogue"
  .zero 16
.text
kernel_init:
  frame
  push rbx
  mov edi, PMALLOC_MODE_RO
  call pmalloc_create_pool
  mov rbx, rax
  mov rdi, rax
  mov esi, 16
  call pmalloc
  mov qword ptr [rip + rule], rax
  mov qword ptr [rax], 1
  mov rdi, rbx
  call pmalloc_protect_pool
  pop rbx
  unframe
kernel_main:
  ret
as_task:                            # rdi = function
  lea rdx, [rip + rogue]
  xor ecx, ecx
  jmp run_task
reserved_bit:
  frame
  mov rdi, qword ptr [rip + rule]
  call lookup_address
  bts qword ptr [rax], 45           # beyond the 40 bits of a physical address
  mov rcx, qword ptr [rip + rule]
  invlpg [rcx]
  mov rcx, qword ptr [rcx]
  unframe
no_entry:
  frame
  mov rdi, qword ptr [rip + rule]
  call lookup_address
  mov qword ptr [rax], 0
  mov rcx, qword ptr [rip + rule]
  invlpg [rcx]
  mov rcx, qword ptr [rcx]
  unframe
handlers:                           # the page table maps the code away that would tell of it
  lea rdi, [rip + exception_entry]
  call lookup_address
  mov qword ptr [rax], 0
  call flush_tlb_all
  ud2
own_code:                           # and the code that runs
  lea rdi, [rip + own_code]
  call lookup_address
  mov qword ptr [rax], 0
  call flush_tlb_all
  ret
own_tables:                         # the top table is empty
  mov rax, cr3
  mov rcx, PAGE_OFFSET
  lea rdi, [rax + rcx]
  mov ecx, 512
  xor eax, eax
  rep stosq
  mov rax, cr4
  btr rax, 7
  mov cr4, rax
  ret
no_idt:
  lidt [rip + empty_idt]
  ud2
no_stack:
  xor esp, esp
  lidt [rip + empty_idt]
  push rax
.data
empty_idt: .word 0
  .quad 0
`;

let elf: Uint8Array;
beforeAll(async () => {
  elf = await kernelElf(KERNEL);
});

describe('a page table entry', () => {
  it.each([
    ['reserved_bit', '#PF: error_code(0x0009) - reserved bit violation', 'page-tables/reserved'],
    ['no_entry', '#PF: error_code(0x0000) - not-present page', undefined],
  ])('%s: an oops that names it, and the machine goes on', async (name, line, rule) => {
    using kernel = await CalledKernel.boot(elf);
    expect(kernel.status('as_task', kernel.address(name))).toBe(137n);
    expect(kernel.sandbox.kernelLog).toContain(line);
    const fault = kernel.sandbox.trace.find(({ type }) => type === 'fault');
    expect(fault?.type === 'fault' && fault.cause?.rule).toBe(rule);
    expect(kernel.call('kmalloc', 64n)).not.toBe(0n);
  });
});

describe('a machine that takes its own ground away ends', () => {
  it.each([
    ['own_code', 'oops'],
    ['handlers', 'triple-fault'],
    ['own_tables', 'triple-fault'],
    ['no_idt', 'triple-fault'],
    ['no_stack', 'triple-fault'],
  ])('%s: %s', async (name, kind) => {
    using kernel = await CalledKernel.boot(elf);
    const { sandbox } = kernel;
    const before = sandbox.snapshot();
    const pool = kernel.variable('pmalloc_pools');
    expect(sandbox.call(kernel.address(name))).toMatchObject({ kind });
    // It can be looked at, and put back: nothing of the host's was touched.
    expect(typeof sandbox.procMaps()).toBe('string');
    sandbox.restore(before);
    expect(kernel.variable('pmalloc_pools')).toBe(pool);
    expect(kernel.call('kmalloc', 64n)).not.toBe(0n);
  });
});
