import { beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { bootKernel, kernelElf } from './runtime.js';

/** Results of the calls, in order, at `results`. */
const KERNEL = `
kernel_init:
  lea rax, [rip + sealed]
  mov qword ptr [rax], 7            # still writable
  ret
.macro call_and_keep name
  call \\name
  lea rcx, [rip + results]
  mov rdx, qword ptr [rip + kept]
  mov qword ptr [rcx + rdx * 8], rax
  inc qword ptr [rip + kept]
.endm
kernel_main:
  frame
  mov edi, 24
  call_and_keep kmalloc
  mov edi, 24
  call_and_keep kmalloc
  mov rdi, qword ptr [rip + results]
  call kfree
  mov edi, 30
  call_and_keep kmalloc
  mov edi, 0
  call_and_keep kmalloc
  mov edi, 10000
  call_and_keep vmalloc
  mov rdi, qword ptr [rip + results + 32]
  mov qword ptr [rdi + 8192], 5
  mov rdi, -1
  call_and_keep vmalloc
  mov rdi, 0xffffa00000000000
  mov esi, 1
  call_and_keep set_memory_ro
  mov rdi, qword ptr [rip + results + 32]
  mov esi, 3
  call_and_keep set_memory_ro
  mov rdi, 1 << 40
  call_and_keep kmalloc
  unframe
.section .data..ro_after_init,"a"
sealed: .quad 1
.data
kept: .quad 0
results: .zero 128
`;

let elf: Uint8Array;

beforeAll(async () => {
  elf = await kernelElf(KERNEL);
});

describe('the runtime', () => {
  it('allocates in the manner of kmalloc and vmalloc, and refuses what cannot be', async () => {
    using sandbox = await bootKernel(elf);
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    const bytes = sandbox.peek(sandbox.symbols.get('results')!, 72).slice();
    const results = [...new BigInt64Array(bytes.buffer)];
    const [first, second, third, none, area, tooMuch, unmapped, sealed, huge] = results;
    expect(second! - first!).toBe(32n);
    expect(third).toBe(first);
    expect([none, tooMuch, huge]).toEqual([0n, 0n, 0n]);
    expect(BigInt.asUintN(64, area!)).toBe(0xffff_c900_0000_0000n);
    // An int.
    expect([unmapped, sealed].map((value) => BigInt.asIntN(32, value!))).toEqual([-22n, 0n]);
    const areaStart = BigInt.asUintN(64, area!);
    expect(sandbox.store(areaStart + 8192n, Uint8Array.of(1))).toMatchObject({
      code: 'SEGV_ACCERR',
    });
    expect(sandbox.load(areaStart + 12288n, 1)).toMatchObject({ code: 'SEGV_MAPERR' });
  });

  it('protects itself when start-up is over: text, rodata and what is read-only after init', async () => {
    using sandbox = await bootKernel(elf);
    sandbox.run();
    const sealed = sandbox.symbols.get('sealed')!;
    const refusal = (name: string) =>
      sandbox.store(sandbox.symbols.get(name)!, sandbox.peek(sandbox.symbols.get(name)!, 1));
    expect(sandbox.peek(sealed, 1)).toEqual(Uint8Array.of(7));
    for (const name of ['sealed', 'linux_banner', 'kmalloc', 'idt_table'])
      expect([name, refusal(name)]).toMatchObject([name, { code: 'SEGV_ACCERR' }]);
    for (const name of ['results', '__init_begin']) expect(refusal(name)).toBe(null);
    // Nothing is writable and executable, and the linear map shows the same bytes no better protected.
    const both = sandbox.maps().filter(({ perms }) => perms.startsWith('rwx'));
    expect(both).toEqual([]);
    const alias = 0xffff_8880_0000_0000n + sealed - 0xffff_ffff_8000_0000n;
    expect(sandbox.store(alias, Uint8Array.of(1))).toMatchObject({ code: 'SEGV_ACCERR' });
  });

  it('leaves its image writable and executable with rodata=off, but for the IDT', async () => {
    using sandbox = await bootKernel(elf, ['rodata=off']);
    sandbox.run();
    const store = (name: string) => sandbox.store(sandbox.symbols.get(name)!, Uint8Array.of(0x90));
    for (const name of ['sealed', 'linux_banner', 'kfree']) expect(store(name)).toBe(null);
    expect(store('idt_table')).toMatchObject({ code: 'SEGV_ACCERR' });
    expect(sandbox.maps().some(({ perms }) => perms.startsWith('rwx'))).toBe(true);
  });
});

it('runs the same in pieces, on both forms of the engine, and made again from its bytes', async () => {
  const logs: string[] = [];
  for (const engine of ['unicorn1', 'unicorn1-js'] as const) {
    using whole = await bootKernel(elf, [], { engine });
    whole.resume({ blocks: 5000 });
    using again = await Sandbox.fromBytes(whole.toBytes(), { engine });
    using pieces = await bootKernel(elf, [], { engine });
    let end = pieces.resume({ instructions: 997 });
    while (end.kind === 'pause') end = pieces.resume({ instructions: 997 });
    for (const sandbox of [whole, again, pieces]) {
      expect(sandbox.run()).toMatchObject({ kind: 'halt' });
      logs.push(JSON.stringify([sandbox.blocks, sandbox.procMaps(), sandbox.regs.rsp?.toString()]));
    }
  }
  expect(new Set(logs).size).toBe(1);
});
