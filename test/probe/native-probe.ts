/** Runs the probe as a process of this machine: as it is or after PR_SET_MDWE, as this user or as nobody. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arch } from '../../src/base/address.js';
import { probeProgram } from '../../src/probe/program.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { kernel, lacking } from '../host/host.js';

const NOBODY = 65534;

/** Sets MDWE, then becomes the program that its arguments name. */
const LAUNCHER = `
_start:
  mov edi, PR_SET_MDWE
  mov esi, PR_MDWE_REFUSE_EXEC_GAIN
  xor edx, edx
  xor r10d, r10d
  xor r8d, r8d
  mov eax, SYS_prctl
  syscall
  test rax, rax
  jnz failed
  mov rdi, [rsp + 16]
  lea rsi, [rsp + 16]
  xor edx, edx
  mov eax, SYS_execve
  syscall
failed:
  mov edi, eax
  neg edi
  mov eax, SYS_exit_group
  syscall
`;

export interface NativeUse {
  readonly mdwe?: boolean;
  readonly nobody?: boolean;
  readonly only?: readonly string[];
}

export class NativeProbe implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mayexec-probe-'));
  readonly #program: string;
  readonly #launcher: string;

  private constructor(program: Uint8Array, launcher: Uint8Array) {
    this.#program = join(this.#folder, 'probe');
    this.#launcher = join(this.#folder, 'launcher');
    writeFileSync(this.#program, program, { mode: 0o755 });
    writeFileSync(this.#launcher, launcher, { mode: 0o755 });
    chmodSync(this.#folder, 0o755);
  }

  static async create(arch: Arch): Promise<NativeProbe> {
    const { elf } = await assembleProgram(LAUNCHER, { arch: 'x86-64' });
    return new NativeProbe(await probeProgram(arch), elf);
  }

  run({ mdwe = false, nobody = false, only = [] }: NativeUse = {}): string {
    const [file, args] = mdwe ? [this.#launcher, [this.#program, ...only]] : [this.#program, only];
    return this.runFile(file, args, nobody);
  }

  runFile(file: string, args: readonly string[] = [], nobody = false): string {
    const { stdout, status, signal, error } = spawnSync(file, [...args], {
      encoding: 'utf8',
      cwd: '/',
      ...(nobody ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    if (error !== undefined) throw error;
    if (status !== 0)
      throw new Error(`the native probe ended with ${signal ?? `status ${status}`}`);
    return stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Why this host cannot judge, or undefined: it must be the kernel that is modelled, without a policy of its own. */
export function unjudged(
  arch: Arch,
  { mdwe = false, nobody = false }: NativeUse = {},
): string | undefined {
  const reason = lacking(arch, 'no-seccomp-filter', ...(mdwe ? (['mdwe'] as const) : []));
  if (reason !== undefined) return reason;
  if (!kernel.startsWith('6.18.')) return `the kernel is ${kernel}, and 6.18 is modelled`;
  if (readdirSync('/sys/fs').includes('selinux')) return 'SELinux is in force here';
  if (nobody && process.getuid?.() !== 0) return 'only root can run it as another user';
  return undefined;
}
