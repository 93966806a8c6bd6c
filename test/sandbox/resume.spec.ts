/** Run control: pauses that are exact to the instruction and change nothing. */
import { describe, expect, it } from 'vitest';
import type { Pause } from '../../src/kernel/run-control.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';

const EXIT = 'mov eax, SYS_exit_group; syscall';

async function open(body: string, limits?: { blocks: number }): Promise<Sandbox> {
  const { elf } = await assembleProgram(`.text\n.globl _start\n_start:\n${body}\n`, {
    arch: 'x86-64',
  });
  return await Sandbox.create({ program: elf, ...(limits === undefined ? {} : { limits }) });
}

const LOOP = `    xor edi, edi
    mov ecx, 3
again:
    add edi, ecx
    dec ecx
    jnz again
done:
    ${EXIT}
`;

describe('resume', () => {
  it('without a request runs to the end, as run does', async () => {
    using sb = await open(LOOP);
    expect(sb.resume()).toEqual({ kind: 'exit', code: 6 });
    expect(sb.resume({ instructions: 1 })).toEqual({ kind: 'exit', code: 6 });
  });

  it('stops after so many instructions, with the registers as they are then', async () => {
    using sb = await open(LOOP);
    const start = sb.regs.rip!;
    expect(sb.resume({ instructions: 3 })).toEqual({
      kind: 'pause',
      reason: 'instructions',
      pid: 1000,
      pc: start + 9n,
    });
    expect([sb.regs.rip, sb.regs.edi, sb.regs.ecx]).toEqual([start + 9n, 3n, 3n]);
    for (let done = 3; done < 11; done++) expect(sb.resume({ instructions: 1 }).kind).toBe('pause');
    expect(sb.regs.rip).toBe(sb.symbols.get('done'));
    expect(sb.resume({ instructions: 2 })).toEqual({ kind: 'exit', code: 6 });
  });

  it('stops before a breakpoint each time that it is reached, and goes on from it', async () => {
    using sb = await open(LOOP);
    const again = sb.symbols.get('again')!;
    const seen: bigint[] = [];
    for (;;) {
      const end = sb.resume({ breakpoints: [again] });
      if (end.kind !== 'pause') break;
      expect(end).toMatchObject({ reason: 'breakpoint', pc: again });
      seen.push(sb.regs.ecx!);
    }
    expect(seen).toEqual([3n, 2n, 1n]);
  });

  it('runs until an address', async () => {
    using sb = await open(LOOP);
    const until = sb.symbols.get('done')!;
    expect(sb.resume({ until })).toMatchObject({ kind: 'pause', reason: 'until', pc: until });
    expect(sb.regs.edi).toBe(6n);
    expect(sb.resume({ until })).toEqual({ kind: 'exit', code: 6 });
  });

  it('stops after an instruction that touches what is watched, and says which', async () => {
    using sb = await open(`    mov ebx, offset cell
    mov eax, dword ptr [rbx]
first:
    mov byte ptr [rbx + 3], 1
after:
    mov byte ptr [rbx + 4], 1
    push rbx
    xor edi, edi
    ${EXIT}
    .data
    .balign 8
cell: .quad 0`);
    const address = sb.symbols.get('cell')!;
    const read = sb.resume({ watchpoints: [{ address, length: 4, access: 'any' }] }) as Pause;
    expect(read).toMatchObject({ reason: 'watchpoint', pc: sb.symbols.get('first') });
    expect(read.hit).toEqual({
      address,
      length: 4,
      access: 'read',
      pc: sb.symbols.get('first')! - 2n,
    });
    const write = sb.resume({ watchpoints: [{ address, length: 4 }] }) as Pause;
    expect(write).toMatchObject({ reason: 'watchpoint', pc: sb.symbols.get('after') });
    expect(write.hit).toMatchObject({ address: address + 3n, length: 1, access: 'write' });
    expect(sb.resume({ watchpoints: [{ address, length: 4 }] })).toEqual({ kind: 'exit', code: 0 });
  });

  it('tells a spent request from a spent limit of the sandbox', async () => {
    using sb = await open('self: jmp self', { blocks: 500 });
    expect(sb.resume({ blocks: 10 })).toMatchObject({ kind: 'pause', reason: 'blocks' });
    expect(sb.resume({ blocks: 501 })).toEqual({ kind: 'limit', limit: 'blocks' });
    expect(sb.resume()).toEqual({ kind: 'limit', limit: 'blocks' });
    expect(sb.resume({ instructions: 501 })).toEqual({ kind: 'limit', limit: 'blocks' });
  });

  it('says what is wrong with a request', async () => {
    using sb = await open(LOOP);
    const wrong: readonly (readonly [object, string])[] = [
      [{ blocks: -1 }, 'resume: blocks is -1: expected an integer from 1 to 4503599627370496'],
      [{ instructions: Number.NaN }, 'resume: instructions is NaN: expected an integer from 1'],
      [{ instructions: 0 }, 'resume: instructions is 0: expected an integer from 1'],
      [{ instruction: 3 }, "unknown option 'instruction'"],
      [{ breakpoints: [1, 0.5] }, 'resume: breakpoint 2 is 0.5: expected an integer'],
      [{ breakpoints: 'main' }, "resume: breakpoints is 'main': expected a list"],
      [{ until: 'main' }, "resume: until is 'main': expected an integer"],
      [{ watchpoints: [{ address: 1, length: 0 }] }, 'resume: watchpoint 1: length is 0'],
      [{ watchpoints: [{ address: 1, access: 'writes' }] }, "did you mean 'write'?"],
      [{ watchpoints: [{ address: 1, access: 'writes' }] }, 'resume: watchpoint 1: unknown access'],
      [{ watchpoints: [{ adress: 1 }] }, "did you mean 'address'?"],
    ];
    for (const [options, message] of wrong) expect(() => sb.resume(options)).toThrow(message);
    expect(sb.resume()).toEqual({ kind: 'exit', code: 6 });
  });
});
