/** Small guest programs for monitors, run to their end under watch. */
import type { Arch } from '../../../src/base/address.js';
import type { Finding } from '../../../src/diagnosis/monitor/finding.js';
import type { SandboxOptions } from '../../../src/sandbox/options.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

export interface WatchedRun {
  readonly sandbox: Sandbox;
  readonly findings: readonly Finding[];
  /** Addresses of the source's labels. */
  readonly at: (label: string) => bigint;
}

export async function watched(
  source: string,
  options: SandboxOptions = {},
  arch: Arch = 'x86-64',
): Promise<WatchedRun> {
  const { elf } = await assembleProgram(source, { arch, file: 'guest.s' });
  const sandbox = await Sandbox.create({ program: elf, monitor: true, ...options });
  sandbox.countInstructions(true);
  sandbox.run();
  const at = (label: string): bigint => sandbox.symbols.get(label)!;
  return { sandbox, findings: sandbox.findings, at };
}

/** mmap of one anonymous page with these rights, its address in rbx. */
export function page(
  rights: string,
  register = 'rbx',
  flags = 'MAP_PRIVATE | MAP_ANONYMOUS',
): string {
  return `
    xor edi, edi
    mov esi, 4096
    mov edx, ${rights}
    mov r10d, ${flags}
    ${flags.includes('ANONYMOUS') ? 'mov r8, -1' : 'mov r8, r15'}
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    mov ${register}, rax`;
}

export function protect(rights: string, register = 'rbx'): string {
  return `
    mov rdi, ${register}
    mov esi, 4096
    mov edx, ${rights}
    mov eax, SYS_mprotect
    syscall`;
}

export const EXIT = `
    xor edi, edi
    mov eax, SYS_exit_group
    syscall`;

export const RW = 'PROT_READ | PROT_WRITE';
export const RX = 'PROT_READ | PROT_EXEC';
export const RWX = 'PROT_READ | PROT_WRITE | PROT_EXEC';
