/** Bare kernels for tests: no runtime, an IDT of their own whose handlers put down what the CPU pushed. */
import { KERNEL_TEXT } from '../../../src/os/kernel/boot/layout.js';
import type { SandboxOptions } from '../../../src/sandbox/options.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

/**
 * `handler` 0 to 31: stores vector, error code (or -1), RIP, CR2, CS, RFLAGS, RSP at `seen`, 64 bytes each time, and goes
 * on at the address in `resume`; without one it halts.
 */
const PRELUDE = `
.intel_syntax noprefix
.macro stub vector, code
stub_\\vector:
  .if \\code == 0
  push -1
  .endif
  push \\vector
  jmp handler
.endm
.text
_start:
  lea rdi, [rip + idt]
  lea rsi, [rip + table]
  mov ecx, 32
1:
  mov rax, [rsi]
  mov [rdi], ax
  mov word ptr [rdi + 2], 0x10
  mov word ptr [rdi + 4], 0x8e00
  shr rax, 16
  mov [rdi + 6], ax
  shr rax, 16
  mov [rdi + 8], eax
  mov dword ptr [rdi + 12], 0
  add rdi, 16
  add rsi, 8
  dec ecx
  jnz 1b
  lidt [rip + idtr]
  jmp main
.irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  stub \\vector, 0
.endr
.irp vector, 8, 10, 11, 12, 13, 14, 17
  stub \\vector, 1
.endr
handler:
  push rax
  push rbx
  mov rbx, [rip + next]
  mov rax, [rsp + 16]
  mov [rbx], rax
  mov rax, [rsp + 24]
  mov [rbx + 8], rax
  mov rax, [rsp + 32]
  mov [rbx + 16], rax
  mov rax, cr2
  mov [rbx + 24], rax
  mov rax, [rsp + 40]
  mov [rbx + 32], rax
  mov rax, [rsp + 48]
  mov [rbx + 40], rax
  mov rax, [rsp + 56]
  mov [rbx + 48], rax
  mov qword ptr [rbx + 56], rsp
  add rbx, 64
  mov [rip + next], rbx
  mov rax, [rip + resume]
  test rax, rax
  jz 2f
  mov qword ptr [rip + resume], 0
  mov [rsp + 32], rax
  pop rbx
  pop rax
  add rsp, 16
  iretq
2: hlt
.data
.balign 16
idt: .zero 512
idtr: .word 511
  .quad idt
next: .quad seen
resume: .quad 0
seen: .zero 1024
table: .quad ${Array.from({ length: 32 }, (_, n) => `stub_${n}`).join(', ')}
.text
main:
`;

export interface SeenException {
  readonly vector: number;
  readonly errorCode: bigint;
  readonly rip: bigint;
  readonly cr2: bigint;
  readonly cs: bigint;
  readonly rflags: bigint;
  readonly rsp: bigint;
}

export class BareKernel implements Disposable {
  readonly sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  static async create(
    source: string,
    options: Partial<SandboxOptions> = {},
    prelude = PRELUDE,
  ): Promise<BareKernel> {
    const { elf } = await assembleProgram(`${prelude}${source}\n`, {
      arch: 'x86-64',
      address: KERNEL_TEXT,
    });
    return new BareKernel(await Sandbox.create({ os: 'kernel', program: elf, ...options }));
  }

  symbol(name: string): bigint {
    const address = this.sandbox.symbols.get(name);
    if (address === undefined) throw new Error(`no label ${name}`);
    return address;
  }

  word(address: bigint): bigint {
    return new DataView(this.sandbox.peek(address, 8).slice().buffer).getBigUint64(0, true);
  }

  /** What the handlers saw, in order. */
  get seen(): SeenException[] {
    const start = this.symbol('seen');
    const count = Number(this.word(this.symbol('next')) - start) / 64;
    return Array.from({ length: count }, (_, n) => {
      const at = (index: number): bigint => this.word(start + BigInt(64 * n + 8 * index));
      return {
        vector: Number(at(0)),
        errorCode: BigInt.asIntN(64, at(1)),
        rip: at(2),
        cr2: at(3),
        cs: at(4),
        rflags: at(5),
        rsp: at(6),
      };
    });
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}

/** Nothing but `_start`. */
export const NO_PRELUDE = '.intel_syntax noprefix\n.text\n_start:\n';
