/** Rogue writes to a rule in a pool, before the pool is sealed and after: which defence stops which. */
import { beforeAll, describe, expect, it } from 'vitest';
import { CalledKernel } from './called-kernel.js';
import { kernelElf } from './runtime.js';

/** `rule` is 1 as long as nobody has got at it. Before it in memory lies `buffer`, an object of the same pool. */
const KERNEL = `
.include "kernel-pools.inc"
.data
pool: .quad 0
rule: .quad 0
buffer: .quad 0
outside: .quad 0
.section .rodata
rogue: .asciz "rogue"
  .zero 16
.text
kernel_init:
kernel_main:
  ret
build:                              # rdi = mode
  frame
  call pmalloc_create_pool
  mov qword ptr [rip + pool], rax
  mov rdi, rax
  mov esi, 64
  call pmalloc
  mov qword ptr [rip + rule], rax
  mov qword ptr [rax], 1
  mov rdi, qword ptr [rip + pool]
  mov esi, 64
  call pmalloc
  mov qword ptr [rip + buffer], rax
  mov edi, 4096
  call vmalloc
  mov qword ptr [rip + outside], rax
  unframe
seal:
  mov rdi, qword ptr [rip + pool]
  jmp pmalloc_protect_pool
attack_by:                          # rdi = function: eax = the status of the task
  lea rdx, [rip + rogue]
  xor ecx, ecx
  jmp run_task
overflow:                           # 72 bytes into 64
  mov rdi, qword ptr [rip + buffer]
  xor eax, eax
  mov ecx, 72
  rep stosb
  ret
stale:                              # kept since it was built
  mov rax, qword ptr [rip + rule]
  mov qword ptr [rax], 0
  ret
arithmetic:                         # an index from an area elsewhere
  mov rcx, qword ptr [rip + outside]
  mov rdx, qword ptr [rip + rule]
  sub rdx, rcx
  sar rdx, 3
  mov qword ptr [rcx + rdx*8], 0
  ret
alias:
  frame
  mov rdi, qword ptr [rip + rule]
  call virt_to_phys
  mov rcx, PAGE_OFFSET
  mov qword ptr [rax + rcx], 0
  unframe
entry:
  frame
  mov rdi, qword ptr [rip + rule]
  call lookup_address
  or qword ptr [rax], PTE_RW
  mov rax, qword ptr [rip + rule]
  mov qword ptr [rax], 0
  unframe
write_protect:
  mov rax, cr0
  btr rax, 16
  mov cr0, rax
  mov rcx, qword ptr [rip + rule]
  mov qword ptr [rcx], 0
  bts rax, 16
  mov cr0, rax
  ret
pinned:
  frame
  mov rdi, cr0
  btr rdi, 16
  call write_cr0
  call stale
  unframe
gadget:                             # a store whose address and value somebody else chose
  mov rdi, qword ptr [rip + rule]
  xor esi, esi
  mov qword ptr [rdi], rsi
  ret
function:                           # the kernel's own way to write
  frame
  mov rdi, qword ptr [rip + rule]
  xor esi, esi
  mov edx, 8
  call wr_memset
  unframe
remap:                              # a mapping of one's own
  frame
  mov rdi, qword ptr [rip + rule]
  call virt_to_phys
  mov rdi, PAGE_OFFSET
  add rdi, rax
  and rdi, -4096
  mov esi, 1
  call vmap
  mov rcx, qword ptr [rip + rule]
  and ecx, 4095
  mov qword ptr [rax + rcx], 0
  unframe
free_it:
  mov rdi, qword ptr [rip + rule]
  jmp kfree
code:
  jmp qword ptr [rip + rule]
by_copy:                            # copy_to_kernel_nofault: an error, and no oops
  frame
  mov rdi, qword ptr [rip + rule]
  lea rsi, [rip + zero]
  mov edx, 8
  call copy_to_kernel_nofault
  unframe
  .data
zero: .quad 0
`;

const KILLED = 137n;
const MODE_RO = 0n;
const MODE_WR = 1n;

let elf: Uint8Array;
beforeAll(async () => {
  elf = await kernelElf(KERNEL);
});

async function attack(name: string, state: 'open' | 'sealed', mode = MODE_RO) {
  using kernel = await CalledKernel.boot(elf);
  kernel.call('build', mode);
  if (state === 'sealed') expect(kernel.status('seal')).toBe(0n);
  const status = kernel.status('attack_by', kernel.address(name));
  const faults = kernel.sandbox.trace.flatMap((event) =>
    event.type === 'fault' ? [event.cause?.rule ?? event.fault.code] : [],
  );
  return { status, rule: kernel.word(kernel.variable('rule')), faults };
}

const PASSES = { status: 0n, rule: 0n, faults: [] };
const STOPPED = { status: KILLED, rule: 1n, faults: ['page-tables/read-only'] };

describe('a rule in a pool', () => {
  it.each([
    ['overflow', 'an overflow from its neighbour'],
    ['stale', 'a pointer that somebody kept'],
    ['arithmetic', 'wrong pointer arithmetic'],
    ['alias', 'its address in the linear map'],
    ['pinned', "CR0.WP cleared by the kernel's function"],
    ['gadget', 'a write gadget'],
  ])(
    '%s: while the pool is open it is changed, and once it is sealed the writer dies',
    async (name) => {
      expect(await attack(name, 'open')).toMatchObject({ ...PASSES, faults: [] });
      expect(await attack(name, 'sealed')).toEqual(STOPPED);
    },
  );

  it.each([
    ['entry', 'its entry in the page tables'],
    ['write_protect', 'CR0.WP cleared by an instruction'],
    ['remap', 'a second mapping that the attacker makes'],
  ])('%s: no seal stops it', async (name) => {
    expect(await attack(name, 'open')).toEqual(PASSES);
    expect(await attack(name, 'sealed')).toEqual(PASSES);
  });

  it('the rare write is a way for everybody who can call it, in a pool that is made for it', async () => {
    expect(await attack('function', 'sealed', MODE_WR)).toEqual(PASSES);
    expect(await attack('function', 'sealed', MODE_RO)).toEqual({
      status: 0n,
      rule: 1n,
      faults: [],
    });
  });

  it('to free it does nothing, and to copy over it is an error once it is sealed', async () => {
    expect(await attack('free_it', 'open')).toMatchObject({ status: 0n, rule: 1n });
    expect(await attack('by_copy', 'open')).toEqual(PASSES);
    expect(await attack('by_copy', 'sealed')).toMatchObject({ status: 0n, rule: 1n });
  });

  it('runs as code in neither state', async () => {
    for (const state of ['open', 'sealed'] as const)
      expect(await attack('code', state)).toEqual({
        status: KILLED,
        rule: 1n,
        faults: ['page-tables/nx'],
      });
  });
});
