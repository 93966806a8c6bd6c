/** Rogue writes to data that must not change, before and after it is protected: which defence stops which. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bootKernel, kernelElf } from './runtime.js';

/**
 * A policy word in memory of kmalloc and one in .data..ro_after_init. `attack` is the address of the attack that a task
 * makes when start-up is over; `early` of one that kernel_init makes.
 */
const KERNEL = `
.data
attack: .quad 0
early: .quad 0
heap_policy: .quad 0
neighbour: .quad 0
status: .quad -1
neighbour_status: .quad -1
.section .rodata
rogue: .asciz "rogue"
  .zero 16
.section .data..ro_after_init,"a"
sealed_policy: .quad 1
.text
kernel_init:
  frame
  mov edi, 32
  call kmalloc
  mov qword ptr [rip + heap_policy], rax
  mov qword ptr [rax], 1
  mov edi, 32
  call kmalloc
  mov qword ptr [rip + neighbour], rax
  mov rax, qword ptr [rip + early]
  test rax, rax
  jz 1f
  call rax
1: unframe
kernel_main:
  frame
  mov rdi, qword ptr [rip + attack]
  lea rdx, [rip + rogue]
  xor ecx, ecx
  call run_task
  mov qword ptr [rip + status], rax
  lea rdi, [rip + use_neighbour]
  lea rdx, [rip + rogue]
  xor ecx, ecx
  call run_task
  mov qword ptr [rip + neighbour_status], rax
  unframe
nothing:
  ret
use_neighbour:
  mov rax, qword ptr [rip + neighbour]
  mov qword ptr [rax], 5
  ret
write_sealed:
  lea rax, [rip + sealed_policy]
  mov qword ptr [rax], 0
  ret
write_alias:
  lea rax, [rip + sealed_policy]
  mov rcx, PAGE_OFFSET - KERNEL_MAP
  mov qword ptr [rax + rcx], 0
  ret
edit_entry:
  frame
  lea rdi, [rip + sealed_policy]
  call lookup_address
  or qword ptr [rax], PTE_RW
  lea rax, [rip + sealed_policy]
  mov qword ptr [rax], 0
  unframe
clear_wp:
  mov rax, cr0
  btr rax, 16
  mov cr0, rax
  jmp write_sealed
clear_wp_by_the_kernel:
  frame
  mov rdi, cr0
  btr rdi, 16
  call write_cr0
  call write_sealed
  unframe
seal_heap:
  frame
  mov rdi, qword ptr [rip + heap_policy]
  mov esi, 1
  call set_memory_ro
  unframe
write_heap:
  mov rax, qword ptr [rip + heap_policy]
  mov qword ptr [rax], 0
  ret
seal_heap_without_flush:
  frame
  mov rax, qword ptr [rip + heap_policy]
  mov qword ptr [rax], 1
  mov rdi, rax
  call split_large_page
  mov rax, qword ptr [rip + heap_policy]
  mov qword ptr [rax], 1              # a translation that may write is in the TLB now
  mov rdi, rax
  call lookup_address
  and qword ptr [rax], -1 - PTE_RW
  unframe
forgotten_flush:
  frame
  call seal_heap_without_flush
  call write_heap
  unframe
late_flush:
  frame
  call seal_heap_without_flush
  mov rax, qword ptr [rip + heap_policy]
  invlpg [rax]
  call write_heap
  unframe
run_heap:
  mov rax, qword ptr [rip + heap_policy]
  mov byte ptr [rax], 0xc3
  jmp rax
seal_and_write_heap:
  frame
  call seal_heap
  call write_heap
  unframe
`;

let elf: Uint8Array;
beforeAll(async () => {
  elf = await kernelElf(KERNEL);
});

const SIGKILL = 137n;

async function attackBy(
  name: string,
  { early, words = [] as string[] }: { early?: string; words?: string[] } = {},
) {
  using sandbox = await bootKernel(elf, words);
  const at = (label: string): bigint => sandbox.symbols.get(label)!;
  const word = (address: bigint): bigint =>
    new DataView(sandbox.peek(address, 8).slice().buffer).getBigInt64(0, true);
  const set = (label: string, value: bigint): void =>
    sandbox.poke(at(label), new Uint8Array(BigUint64Array.of(value).buffer));
  set('attack', at(name));
  if (early !== undefined) set('early', at(early));
  expect(sandbox.run()).toMatchObject({ kind: 'halt' });
  return {
    status: word(at('status')),
    sealed: word(at('sealed_policy')),
    heap: word(word(at('heap_policy'))),
    neighbour: word(at('neighbour_status')),
    rules: sandbox.trace.flatMap((event) => (event.type === 'fault' ? [event.cause?.rule] : [])),
  };
}

describe('a rogue write to what is read-only after init', () => {
  it('passes in the window before it is sealed, and is refused afterwards', async () => {
    expect(await attackBy('nothing', { early: 'write_sealed' })).toMatchObject({
      status: 0n,
      sealed: 0n,
      rules: [],
    });
    const after = await attackBy('write_sealed');
    expect(after).toMatchObject({ status: SIGKILL, sealed: 1n, rules: ['page-tables/read-only'] });
    expect(await attackBy('write_sealed', { words: ['rodata=off'] })).toMatchObject({
      status: 0n,
      sealed: 0n,
    });
  });

  it('is refused through the linear map too, which is sealed with it', async () => {
    expect(await attackBy('write_alias')).toMatchObject({ status: SIGKILL, sealed: 1n });
    expect(await attackBy('nothing', { early: 'write_alias' })).toMatchObject({ sealed: 0n });
  });

  it('is stopped by nothing when the entry of the page table is writable itself', async () => {
    expect(await attackBy('edit_entry')).toMatchObject({ status: 0n, sealed: 0n, rules: [] });
  });

  it('passes with CR0.WP cleared by an instruction; the function of the kernel puts it back', async () => {
    expect(await attackBy('clear_wp')).toMatchObject({ status: 0n, sealed: 0n, rules: [] });
    expect(await attackBy('clear_wp_by_the_kernel')).toMatchObject({ status: SIGKILL, sealed: 1n });
  });
});

describe('a rogue write to sealed memory of kmalloc', () => {
  it('is refused, and so is every object that shares the page', async () => {
    expect(await attackBy('write_heap')).toMatchObject({ status: 0n, heap: 0n, neighbour: 0n });
    expect(await attackBy('seal_and_write_heap')).toMatchObject({
      status: SIGKILL,
      heap: 1n,
      neighbour: SIGKILL,
    });
  });

  it('passes by a stale translation until the page is flushed', async () => {
    expect(await attackBy('forgotten_flush')).toMatchObject({ status: 0n, heap: 0n, rules: [] });
    const flushed = await attackBy('late_flush');
    expect(flushed).toMatchObject({ status: SIGKILL, heap: 1n });
  });

  it('makes no code of it: the linear map has NX', async () => {
    const { status, rules } = await attackBy('run_heap');
    expect([status, rules]).toEqual([SIGKILL, ['page-tables/nx']]);
  });
});
