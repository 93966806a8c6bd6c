/** The address space over time, and what the monitors notice, of programs for Windows. */
import { describe, expect, it } from 'vitest';
import { assemblePe, Sandbox, type SandboxOptions, timelineOf } from '../../../src/index.js';

const program = (protection: number): string => `
    .import kernel32.dll, VirtualAlloc, VirtualProtect, VirtualFree, ExitProcess
    .globl _start
_start:
    sub rsp, 0x48
    xor ecx, ecx
    mov edx, 4096
    mov r8d, 0x3000
    mov r9d, 4
    call [VirtualAlloc]
    mov rbx, rax
    mov byte ptr [rbx], 0xc3
    mov rcx, rbx
    mov edx, 4096
    mov r8d, ${protection}
    lea r9, [rsp + 0x40]
    call [VirtualProtect]
    call rbx
    mov rcx, rbx
    xor edx, edx
    mov r8d, 0x8000
    call [VirtualFree]
    xor ecx, ecx
    call [ExitProcess]
`;

async function ran(protection: number, options: SandboxOptions = {}): Promise<Sandbox> {
  const { elf } = await assemblePe(program(protection), { arch: 'x86-64' });
  const sandbox = await Sandbox.create({ program: elf, seed: 0, ...options });
  sandbox.run();
  return sandbox;
}

describe.each(['windows', 'wine'] as const)('the timeline of a program under %s', (os) => {
  it('has a column for each call of the API that changed the map, and one for all that was loaded', async () => {
    using sandbox = await ran(0x20, { os });
    const { steps, rows } = timelineOf(sandbox.trace);
    expect(steps.map(({ cause }) => cause)).toEqual([
      'exec',
      'VirtualAlloc',
      'VirtualProtect',
      'VirtualFree',
    ]);
    const address = steps[1]?.call?.value;
    const row = rows.find(({ start }) => start === address);
    const before = os === 'wine' ? '---' : undefined;
    expect(row?.rights).toEqual([before, 'rw-', 'r-x', before]);
  });
});

it('a call that a policy refused is a column too', async () => {
  using sandbox = await ran(0x20, { policy: 'acg' });
  const { steps } = timelineOf(sandbox.trace);
  expect(steps[2]).toMatchObject({ cause: 'VirtualProtect', rule: 'acg/gain-exec' });
});

describe.each(['windows', 'wine'] as const)('the monitors under %s', (os) => {
  it('notice what the program made writable and executable, and nothing of what the system loads', async () => {
    using sandbox = await ran(0x40, { os });
    expect(sandbox.findings.map(({ kind, begun }) => `${kind} ${begun.by}`)).toEqual([
      'writable-and-executable VirtualProtect',
    ]);
    using clean = await ran(0x20, { os });
    expect(clean.findings).toEqual([]);
  });

  it('notice a failed call whose result is used', async () => {
    using refused = await ran(0x20, { os, inject: 'VirtualProtect:error=ERROR_ACCESS_DENIED' });
    expect(refused.findings.map(({ kind, sentence }) => `${kind}: ${sentence}`)).toEqual([
      expect.stringMatching(
        /^unchecked-result: VirtualProtect at 0x\w+ failed with ERROR_ACCESS_DENIED, and its result was used: 0x\w+ was jumped to$/,
      ),
    ]);
    using nowhere = await ran(0x20, { os, inject: 'VirtualAlloc:error=ERROR_NOT_ENOUGH_MEMORY' });
    expect(nowhere.findings.map(({ begun }) => begun)).toMatchObject([
      { by: 'VirtualAlloc', error: 'ERROR_NOT_ENOUGH_MEMORY' },
    ]);
  });
});
