/**
 * A run that is cut into pieces is the run in one piece: trace, registers, memory, output and blocks. However it is
 * cut, in both forms of the engine, and with a monitor that stops it on its own account.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import type { Outcome } from '../../src/base/outcome.js';
import type { EngineChoice, SandboxOptions } from '../../src/sandbox/options.js';
import type { ResumeOptions } from '../../src/sandbox/resume.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { Random } from '../build/unicorn-wasm/random.js';
import { FAR, selfModifying } from '../engine/self-modifying.js';

const ENGINES = ['unicorn1', 'unicorn1-js'] as const satisfies readonly EngineChoice[];
const BASE = 0x1000_0000;

/** System calls with the result in rax or eax; on i386 six arguments are more than anything here needs. */
function macros(arch: Arch): string {
  const wide = arch === 'x86-64';
  const names = wide ? ['rdi', 'rsi', 'rdx', 'r10'] : ['ebx', 'ecx', 'edx', 'esi'];
  const loads = names.map((name, index) => `    mov ${name}, \\a${index}`).join('\n');
  const call = wide ? 'syscall' : 'int 0x80';
  const parameters = names.map((_, index) => `a${index}=0`).join(', ');
  return `.macro call nr, ${parameters}\n${loads}\n    mov eax, \\nr\n    ${call}\n.endm\n`;
}

async function build(arch: Arch, body: string): Promise<Uint8Array> {
  const source = `${macros(arch)}    .text\n    .globl _start\n_start:\n${body}\n`;
  return (await assembleProgram(source, { arch })).elf;
}

/** Everything that a program and its host can see. */
function seen(sb: Sandbox, outcome: Outcome) {
  const memory = sb.maps().map(({ start, end, perms, name }) => {
    const bytes = /^\[v/.test(name) ? new Uint8Array() : sb.peek(start, Number(end - start));
    return `${start} ${perms} ${name} ${createHash('sha1').update(bytes).digest('hex')}`;
  });
  const text = (value: unknown): string =>
    JSON.stringify(value, (key, each) =>
      key === 'native' || key === 'object'
        ? undefined
        : typeof each === 'bigint'
          ? `${each}`
          : each,
    );
  return {
    outcome,
    trace: sb.trace.map(text),
    registers: Object.fromEntries(Object.keys(sb.regs).map((name) => [name, sb.regs[name]])),
    memory,
    stdout: Buffer.from(sb.stdout).toString('hex'),
    blocks: sb.blocks,
  };
}

async function whole(options: SandboxOptions): Promise<ReturnType<typeof seen>> {
  using sb = await Sandbox.create(options);
  return seen(sb, sb.run());
}

/** `next` says how far each piece goes. */
async function inPieces(options: SandboxOptions, next: (sb: Sandbox) => ResumeOptions) {
  using sb = await Sandbox.create(options);
  for (let piece = 0; ; piece++) {
    const end = sb.resume(next(sb));
    if (end.kind !== 'pause') return seen(sb, end);
    expect(piece, 'the run does not end').toBeLessThan(60_000);
  }
}

const oneByOne = (): ResumeOptions => ({ instructions: 1 });

function atRandom(seed: number): (sb: Sandbox) => ResumeOptions {
  const random = new Random(seed);
  return (sb) => {
    const pc = sb.regs[sb.arch === 'x86-64' ? 'rip' : 'eip']!;
    const requests: readonly ResumeOptions[] = [
      { instructions: 1 + random.below(9) },
      { blocks: 1 + random.below(300) },
      { instructions: 40, breakpoints: [pc + 2n, pc + 7n] },
      { instructions: 25, watchpoints: [{ address: BASE, length: 4096, access: 'any' }] },
    ];
    return requests[random.below(requests.length)]!;
  };
}

/** Each piece begins with a snapshot, and every second one goes back to it. */
function withSnapshots(): (sb: Sandbox) => ResumeOptions {
  let pieces = 0;
  return (sb) => {
    const snapshot = sb.snapshot();
    if (pieces++ % 2 === 0) sb.restore(snapshot);
    sb.discard(snapshot);
    return { blocks: 11 };
  };
}

/** Each of the first pieces leaves one behind, so that what is stored to afterwards is stored to a copy. */
function withHeldSnapshots(): (sb: Sandbox) => ResumeOptions {
  const held: unknown[] = [];
  return (sb) => {
    if (held.length < 20) held.push(sb.snapshot());
    return { blocks: 11 };
  };
}

/** The run, and once more from where it began. */
async function onceMore(options: SandboxOptions): Promise<readonly number[]> {
  using sb = await Sandbox.create(options);
  const start = sb.snapshot();
  const counted = (): number => {
    const before = sb.blocks;
    sb.run();
    return sb.blocks - before;
  };
  const first = counted();
  sb.restore(start);
  return [first, counted()];
}

async function expectSame(options: SandboxOptions, seed = 1): Promise<Outcome> {
  const reference = await whole(options);
  expect(await inPieces(options, oneByOne), 'one instruction at a time').toEqual(reference);
  expect(await inPieces(options, atRandom(seed)), 'cut at random').toEqual(reference);
  expect(await whole({ ...options, monitor: true }), 'with a monitor').toEqual(reference);
  expect(await inPieces(options, withSnapshots()), 'with snapshots').toEqual(reference);
  return reference.outcome;
}

const EXIT = '    call SYS_exit_group, 3\n';

/** So many bytes that do nothing, most of them in instructions of eight. */
function nops(bytes: number): string {
  const eight = '0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0';
  return `    .rept ${bytes >> 3}\n    .byte ${eight}\n    .endr\n    .fill ${bytes & 7}, 1, 0x90\n`;
}

const PATCHED = 'code that is patched and gone to';
const THREADS = 'threads that wait for each other, sleep, and spin';

/** What ends a translation of the engine's own accord, or interrupts one. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'more in a row than one translation holds': `    mov esi, offset cell
${'    movups xmm0, [SI]\n    paddq xmm0, xmm1\n    shufps xmm0, xmm1, 27\n    adc eax, 7\n'.repeat(80)}${EXIT}`,
  'straight over a page boundary, with instructions across it': `    .balign 4096
${nops(4093)}    mov eax, 0x11223344
${nops(4091)}    mov dword ptr [cell], 0x55667788
${nops(4093)}    jmp over
over:
${EXIT}`,
  'a loop over a page boundary': `    mov ecx, 20
    jmp start
    .balign 4096
    .fill 4090, 1, 0x90
start:
    add eax, ecx
    add ebx, 5
    add edx, 9
    dec ecx
    jnz start
${EXIT}`,
  'pages that share a slot of the TLB, and stores across two': `    mov esi, offset wide_pages
    mov ecx, 12
again:
    mov eax, [esi]
    add eax, [esi + 0x100000]
    add [esi + 0x100ffd], ecx
    add [esi + 0x200000], eax
    push AX
    pop AX
    test ecx, 3
    jz next
    mov [esi + 0x1000 - 2], ecx
next:
    dec ecx
    jnz again
${EXIT}
    .bss
    .balign 4096
wide_pages:
    .space 0x202000
    .text`,
  'strings, pushed flags, segments': `    mov esi, offset cell
    mov edi, offset cell + 64
    mov ecx, 17
    rep movsb
    pushf
    popf
    mov ecx, 9
    xor eax, eax
    repne scasb
    mov ax, ss
    mov ss, ax
    add ecx, 1
    mov ds, ax
    add ecx, 2
    cpuid
${EXIT}`,
  'faults that a handler mends, within blocks': `    call SYS_rt_sigaction, 11, offset action, 0, 8
    mov ecx, 5
again:
    mov eax, 1
    mov edx, dword ptr [0x20]
    mov edx, dword ptr [0x30]
    mov dword ptr [cell], ecx
    dec ecx
    jnz again
${EXIT}`,
  'single steps by the trap flag': `    call SYS_rt_sigaction, 5, offset action_plain, 0, 8
    pushf
    or dword ptr [SP], 0x100
    popf
    add eax, 1
    add eax, 2
    nop
    pushf
    and dword ptr [SP], -257
    popf
    add eax, 4
${EXIT}`,
  'processes that talk over a pipe, and spin': `    call SYS_pipe2, offset cell, 0
    call SYS_fork
    test eax, eax
    jz child
    mov ecx, 900
1:  dec ecx
    jnz 1b
    mov eax, dword ptr [cell]
    call SYS_read, AX, offset cell + 32, 4
    call SYS_wait4, -1, 0, 0, 0
${EXIT}child:
    mov ecx, 700
1:  dec ecx
    jnz 1b
    mov eax, dword ptr [cell + 4]
    call SYS_write, AX, offset cell + 16, 4
    call SYS_exit_group, 1
`,
  [THREADS]: `    mov dword ptr [cell], 0
    call SYS_clone, 0x50f00, offset stacks + 2048, 0
    test eax, eax
    jz thread
    call SYS_clone, 0x50f00, offset stacks + 4096, 0
    test eax, eax
    jz thread
    mov ebx, 2
1:  mov esi, dword ptr [cell]
    cmp esi, 2
    je 2f
    mov edx, esi
    call SYS_futex, offset cell, 0x80, DX, 0
    jmp 1b
2:  mov eax, dword ptr [cell + 4]
${EXIT}thread:
    mov ecx, 1200
1:  inc dword ptr [cell + 4]
    dec ecx
    jnz 1b
    call SYS_nanosleep, offset nap, 0
    lock inc dword ptr [cell]
    call SYS_futex, offset cell, 0x81, 1
    call SYS_exit, 0
    .data
nap: .fill 8, 1, 0
    .fill 8, 1, 1
    .bss
    .balign 16
stacks: .space 4096
    .text
`,
  [PATCHED]: `    call SYS_mprotect, offset patched, 4096, 7
    mov ebx, 4
    mov edi, offset patched
1:  mov byte ptr [DI + 1], bl
    mov byte ptr [DI + 64], bl
    jmp DI
back:
    dec ebx
    jnz 1b
    xor ecx, ecx
${EXIT}    .balign 4096
patched:
    mov eax, 7
    jmp back
    .balign 4096
`,
  'a store into the block at hand': `    call SYS_mprotect, offset page, 8192, 7
    mov edi, offset target
    jmp page
    .balign 4096
page:
    xor eax, eax
    mov byte ptr [DI + 1], 5
target:
    add al, 1
    mov byte ptr [DI + 1], 7
    dec dword ptr [cell2]
    jnz page
    xor ecx, ecx
${EXIT}    .balign 4096
cell2: .long 3
    .balign 4096
`,
};

/** A handler that steps over a `mov reg, [moffs]`, by the length that it finds; one that returns. */
function rest(arch: Arch): string {
  const wide = arch === 'x86-64';
  const word = wide ? '.quad' : '.long';
  const handler = wide
    ? `handler:
    mov rax, [rdx + 168]
    cmp byte ptr [rax + 1], 0x14
    jne 1f
    add qword ptr [rdx + 168], 7
    ret
1:  add qword ptr [rdx + 168], 6
    ret
plain:
    ret
restorer:
    mov eax, SYS_rt_sigreturn
    syscall`
    : `handler:
    mov eax, [esp + 12]
    mov ecx, [eax + 76]
    add dword ptr [eax + 76], 6
    ret
plain:
    ret
restorer:
    mov eax, SYS_rt_sigreturn
    int 0x80`;
  const action = (name: string): string => `${word} ${name}, 0x04000004, restorer, 0\n    .long 0`;
  return `${handler}
    .data
    .balign 64
cell: .fill 256, 1, 7
    .balign 16
action: ${action('handler')}
action_plain: ${action('plain')}
`;
}

function program(arch: Arch, body: string): Promise<Uint8Array> {
  const wide = arch === 'x86-64';
  const sized = body.replace(/\b(SI|DI|SP|AX|DX)\b/g, (_, name: string) => {
    return `${wide ? 'r' : 'e'}${name.toLowerCase()}`;
  });
  return build(arch, `${sized}\n${rest(arch)}`);
}

/** Copies the program to where it may rewrite itself, calls it, and ends with what it left. */
function selfModifyingProgram(arch: Arch, seed: number): Promise<Uint8Array> {
  const { bytes, entry } = selfModifying(arch, new Random(seed));
  const wide = arch === 'x86-64';
  const map = (start: number, length: number): string =>
    wide
      ? `    mov r8, -1\n    xor r9d, r9d\n    call SYS_mmap, ${start}, ${length}, 7, 0x32\n`
      : `    xor ebp, ebp\n    mov edi, -1\n    call SYS_mmap2, ${start}, ${length}, 7, 0x32\n`;
  const r = wide ? 'r' : 'e';
  return build(
    arch,
    `${map(BASE, 4096)}${map(BASE + FAR, 4096)}    mov esi, offset bytes
    mov edi, ${BASE}
    mov ecx, ${bytes.length}
    rep movsb
    mov ebp, ${BASE}
    mov ebx, ${BASE}
    mov esi, ${BASE}
    mov edi, ${BASE}
    xor eax, eax
    xor ecx, ecx
    xor edx, edx
    mov eax, ${BASE + entry}
    push ${r}ax
    xor eax, eax
    call [${r}sp]
    mov edi, eax
    mov ebx, eax
    mov eax, SYS_exit_group
    ${wide ? 'syscall' : 'int 0x80'}
bytes: .byte ${[...bytes].join(',')}
`,
  );
}

describe.each(ENGINES)('on %s, cut into pieces', (engine) => {
  for (const arch of ['x86-64', 'i386'] as const) {
    it.each(Object.keys(PROGRAMS))(`${arch}: %s`, async (name) => {
      const elf = await program(arch, PROGRAMS[name]!);
      expect(await expectSame({ arch, engine, program: elf })).toEqual({ kind: 'exit', code: 3 });
    });

    it.each([PATCHED, 'a store into the block at hand'])(
      `${arch}: %s, with kept snapshots, and from the first one again`,
      async (name) => {
        const options = { arch, engine, program: await program(arch, PROGRAMS[name]!) };
        const reference = await whole(options);
        expect(await inPieces(options, withHeldSnapshots())).toEqual(reference);
        const { blocks } = reference;
        expect(await onceMore(options)).toEqual([blocks, blocks]);
      },
    );

    it(`${arch}: threads in an order by chance`, async () => {
      const elf = await program(arch, PROGRAMS[THREADS]!);
      for (const schedule of [1, 2]) {
        const outcome = await expectSame({ arch, engine, program: elf, schedule });
        expect(outcome).toEqual({ kind: 'exit', code: 3 });
      }
    });

    it(`${arch}: random programs that rewrite themselves`, async () => {
      for (let seed = 1; seed <= 4; seed++) {
        const elf = await selfModifyingProgram(arch, seed);
        const outcome = await expectSame({ arch, engine, program: elf, policy: 'none' }, seed);
        expect(outcome.kind).toBe('exit');
      }
    });
  }
});
