/** What a JIT does for one function: map, write, protect, call, unmap; by the host and by the guest itself. */
import { assembleProgram, type Outcome, Sandbox } from '../../src/index.js';
import { each } from './measure.js';

const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);
const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const TIMES = 1000;

/** Milliseconds of a cycle made by calls of the library; with `code`, some is written and called. */
export async function hostCycle(policy: string, code: boolean): Promise<number> {
  using sandbox = await Sandbox.create({ policy });
  return each(TIMES, () => {
    const { value } = sandbox.syscall(
      'mmap',
      0,
      4096,
      PROT_READ_WRITE,
      MAP_PRIVATE_ANONYMOUS,
      -1,
      0,
    );
    if (code) sandbox.store(value, RETURN_1001);
    const { errno } = sandbox.syscall('mprotect', value, 4096, code ? PROT_READ_EXEC : PROT_READ);
    if (errno !== undefined) throw new Error(`mprotect under ${policy}: ${errno}`);
    if (code) expectReturn(sandbox.call(value));
    sandbox.syscall('munmap', value, 4096);
  });
}

function expectReturn(outcome: Outcome): void {
  if (outcome.kind !== 'return' || outcome.value !== 1001n) {
    throw new Error(`the code did not return 1001: ${outcome.kind}`);
  }
}

/** Milliseconds of a cycle made by system calls of a guest program. */
export async function guestCycle(policy: string, code: boolean): Promise<number> {
  const { elf } = await assembleProgram(program(code), { arch: 'x86-64' });
  using sandbox = await Sandbox.create({ policy, program: elf });
  const start = performance.now();
  const outcome = sandbox.run();
  const each = (performance.now() - start) / TIMES;
  if (outcome.kind !== 'exit' || outcome.code !== 0) {
    throw new Error(`the guest under ${policy} ended with ${JSON.stringify(outcome, String)}`);
  }
  return each;
}

function program(code: boolean): string {
  return `
.global _start
_start:
  mov ebx, ${TIMES}
next:
  mov eax, 9            # mmap
  xor edi, edi
  mov esi, 4096
  mov edx, ${PROT_READ_WRITE}
  mov r10d, ${MAP_PRIVATE_ANONYMOUS}
  mov r8, -1
  xor r9d, r9d
  syscall
  mov rbp, rax
  ${code ? 'mov dword ptr [rbp], 0x0003e9b8\n  mov dword ptr [rbp + 4], 0xc300' : ''}
  mov eax, 10           # mprotect
  mov rdi, rbp
  mov esi, 4096
  mov edx, ${code ? PROT_READ_EXEC : PROT_READ}
  syscall
  mov edi, eax
  test eax, eax
  jnz end
  ${code ? 'call rbp' : ''}
  mov eax, 11           # munmap
  mov rdi, rbp
  mov esi, 4096
  syscall
  dec ebx
  jnz next
  xor edi, edi
end:
  mov eax, 60
  syscall
`;
}
