/** Finds out what this host does: by small programs that it runs, and by what its kernel says of itself. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { whyNotOnHost } from '../../src/native/index.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { type Host, TRAITS, type Trait } from './traits.js';

/** Where the program reads fresh memory. */
const FRESH = 0x1000_0000;
const RESULTS = 3;

/** Writes what pkey_alloc, mseal and prctl(PR_SET_MDWE) answered, 64 bits each, then /proc/self/smaps. */
const PROGRAM = `
.bss
results: .zero ${RESULTS * 8}
buffer: .zero 4096
.data
path: .asciz "/proc/self/smaps"
.text
.globl _start
_start:
  mov edi, ${FRESH}
  mov esi, 4096
  mov edx, PROT_READ | PROT_WRITE
  mov r10d, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
  mov r8, -1
  xor r9d, r9d
  mov eax, SYS_mmap
  syscall
  mov al, [rax]

  xor edi, edi
  xor esi, esi
  mov eax, SYS_pkey_alloc
  syscall
  mov [rip + results], rax

  xor edi, edi
  xor esi, esi
  xor edx, edx
  mov eax, SYS_mseal
  syscall
  mov [rip + results + 8], rax

  mov edi, PR_SET_MDWE
  mov esi, PR_MDWE_REFUSE_EXEC_GAIN
  xor edx, edx
  xor r10d, r10d
  xor r8d, r8d
  mov eax, SYS_prctl
  syscall
  mov [rip + results + 16], rax

  lea rsi, [rip + results]
  mov edx, ${RESULTS * 8}
  call put

  lea rdi, [rip + path]
  xor esi, esi
  xor edx, edx
  mov eax, SYS_open
  syscall
  mov ebx, eax
again:
  mov edi, ebx
  lea rsi, [rip + buffer]
  mov edx, 4096
  xor eax, eax
  syscall
  lea rsi, [rip + buffer]
  mov edx, eax
  test eax, eax
  jle done
  call put
  jmp again
done:
  xor edi, edi
  mov eax, SYS_exit_group
  syscall
put:
  mov edi, 1
  mov eax, SYS_write
  syscall
  ret
`;

export async function measureHost(): Promise<Host> {
  const missing: Partial<Record<Trait, string>> = {};
  for (const arch of ['x86-64', 'i386'] as const) {
    const reason = whyNotOnHost(arch);
    if (reason !== undefined) missing[arch] = reason;
  }
  if (missing['x86-64'] === undefined) Object.assign(missing, whatTheKernelLacks(await output()));
  for (const trait of pretended()) missing[trait] ??= 'MAYEXEC_HOST_LACKS says that it is missing';
  return { kernel: release(), missing };
}

async function output(): Promise<Buffer> {
  const { elf } = await assembleProgram(PROGRAM, { arch: 'x86-64', file: 'test/host/measure.ts' });
  const folder = mkdtempSync(join(tmpdir(), 'mayexec-host-'));
  try {
    const file = join(folder, 'measure');
    writeFileSync(file, elf, { mode: 0o755 });
    const { stdout, status, signal, error } = spawnSync(file);
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`${file} ended with ${signal ?? `status ${status}`}`);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function whatTheKernelLacks(stdout: Buffer): Partial<Record<Trait, string>> {
  const [key, seal, mdwe] = Array.from({ length: RESULTS }, (_, index) =>
    Number(stdout.readBigInt64LE(index * 8)),
  ) as [number, number, number];
  const smaps = stdout.toString('utf8', RESULTS * 8);
  const resident = new RegExp(`^0*${FRESH.toString(16)}-[\\s\\S]*?^Rss: *(\\d+) kB`, 'm').exec(
    smaps,
  );
  const overcommit = readFileSync('/proc/sys/vm/overcommit_memory', 'utf8').trim();
  const filtered = /^Seccomp:\t[12]/m.test(readFileSync('/proc/self/status', 'utf8'));
  const cpu = readFileSync('/proc/cpuinfo', 'utf8');
  const facts: readonly (readonly [Trait, boolean, string])[] = [
    ['zero-page', resident?.[1] === '0', 'a read of fresh memory allocates a page on this host'],
    ['mdwe', mdwe === 0, 'the kernel of this host has no PR_SET_MDWE'],
    ['mseal', seal === 0, 'the kernel of this host has no mseal'],
    ['no-protection-keys', key < 0, 'the CPU of this host has protection keys'],
    ['four-level-paging', !/\bla57\b/.test(cpu), 'the CPU of this host has five-level paging'],
    ['no-seccomp-filter', !filtered, 'a seccomp filter is in force on this host'],
    ['amd-cpu', /\bAuthenticAMD\b/.test(cpu), 'the CPU of this host is not made by AMD'],
    ['overcommit-guess', overcommit === '0', `vm.overcommit_memory is ${overcommit} on this host`],
  ];
  return Object.fromEntries(facts.flatMap(([trait, has, why]) => (has ? [] : [[trait, why]])));
}

/** MAYEXEC_HOST_LACKS=i386,zero-page: what is skipped on such a host, seen on another. */
function pretended(): readonly Trait[] {
  const names = (process.env.MAYEXEC_HOST_LACKS ?? '').split(',').filter((name) => name !== '');
  return names.map((name) => {
    const trait = TRAITS.find((each) => each === name);
    if (trait !== undefined) return trait;
    throw new Error(`MAYEXEC_HOST_LACKS: '${name}' is none of ${TRAITS.join(', ')}`);
  });
}
