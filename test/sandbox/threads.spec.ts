/** Threads of a Linux program, as the host meets them: their order, what they are refused, how they end together. */
import { describe, expect, it } from 'vitest';
import { classify } from '../../src/diagnosis/outcome/outcome-class.js';
import type { SandboxOptions } from '../../src/sandbox/options.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { straceText } from '../../src/trace/print.js';

/** CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID. */
const THREAD = 0x250f00;

/** A program of x86-64: `main`, and threads that begin at their labels with a stack and a word that is cleared at their end. */
function program(main: string, threads: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const names = Object.keys(threads);
  const starts = names.map(
    (name) => `    mov dword ptr [${name}_alive], 1
    call SYS_clone, ${THREAD}, offset ${name}_stack, 0, offset ${name}_alive
    test eax, eax
    jz ${name}
`,
  );
  const joins = names.map(
    (name) => `1:  mov edx, dword ptr [${name}_alive]
    test edx, edx
    jz 2f
    call SYS_futex, offset ${name}_alive, 0, rdx, 0
    jmp 1b
2:
`,
  );
  const bodies = names.map((name) => `${name}:\n${threads[name]}\n    call SYS_exit, 0\n`);
  const data = names.map(
    (name) => `    .balign 16\n    .space 1024\n${name}_stack: .space 8\n${name}_alive: .space 8\n`,
  );
  return assembleProgram(
    `    .macro call nr, a=0, b=0, c=0, d=0
    mov rdi, \\a
    mov rsi, \\b
    mov rdx, \\c
    mov r10, \\d
    xor r8d, r8d
    xor r9d, r9d
    mov eax, \\nr
    syscall
    .endm
    .globl _start
_start:
${starts.join('')}${joins.join('')}${main}
    call SYS_exit_group, 0
${bodies.join('')}
    .data
a: .quad 0
b: .quad 0
text: .space 64
nap: .quad 0, 5000000
at: .quad text
    .bss
${data.join('')}`,
    { arch: 'x86-64' },
  ).then(({ elf }) => elf);
}

/** Takes a lock of one word, waiting in the kernel; lets it go. */
const take = (lock: string): string => `3:  xor eax, eax
    mov ecx, 1
    lock cmpxchg dword ptr [${lock}], ecx
    jz 4f
    call SYS_futex, offset ${lock}, 0, 1, 0
    jmp 3b
4:
`;
const leave = (lock: string): string =>
  `    mov dword ptr [${lock}], 0\n    call SYS_futex, offset ${lock}, 1, 1\n`;
const spin = (count: number): string => `    mov ecx, ${count}\n5:  dec ecx\n    jnz 5b\n`;
const write = (letter: string): string =>
  `    mov eax, 1\n    lock xadd qword ptr [at], rax\n    mov byte ptr [rax], '${letter}'\n`;

async function run(options: SandboxOptions) {
  using sandbox = await Sandbox.create(options);
  const outcome = sandbox.run();
  const { stdout, trace } = sandbox;
  return { outcome, stdout, text: new TextDecoder().decode(stdout), trace: [...trace] };
}

describe('the order of threads', () => {
  const twice = (letter: string): string => `${spin(200)}${write(letter)}`.repeat(4);
  const source = program('    call SYS_write, 1, offset text, 8', { x: twice('x'), y: twice('y') });

  it('is in turn, and the same each time', async () => {
    const elf = await source;
    const texts = [await run({ program: elf }), await run({ program: elf, seed: 9 })];
    for (const { text, outcome } of texts) {
      expect(outcome).toEqual({ kind: 'exit', code: 0 });
      expect(text).toBe('xxxxyyyy');
    }
  });

  it('is another by chance for some seeds, and the same for the same seed', async () => {
    const elf = await source;
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const all = async (): Promise<string[]> =>
      Promise.all(seeds.map(async (schedule) => (await run({ program: elf, schedule })).text));
    const [first, again] = [await all(), await all()];
    expect(again).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(2);
    for (const text of first) expect([...text].sort().join('')).toBe('xxxxyyyy');
    const own = await run({ program: elf, schedule: 'seed', seed: 3 });
    expect(own.text).toBe(first[3]);
  });

  it('is an option with values of its own', async () => {
    const create = (schedule: unknown): Promise<Sandbox> =>
      Sandbox.create({ schedule } as SandboxOptions);
    await expect(create('sed')).rejects.toThrow(
      "unknown schedule 'sed': expected one of round-robin, seed, a number from 0 to 4294967295; did you mean 'seed'?",
    );
    await expect(create(-1)).rejects.toThrow('schedule is -1: expected an integer from 0 to');
    await expect(create(true)).rejects.toThrow("schedule is true: expected 'round-robin'");
  });
});

it('two locks that are taken in two orders are a deadlock for some seeds, which names who waits', async () => {
  const both = (first: string, second: string): string =>
    `${take(first)}${spin(300)}${take(second)}${leave(second)}${leave(first)}`;
  const elf = await program('', { x: both('a', 'b'), y: both('b', 'a') });
  expect((await run({ program: elf })).outcome).toEqual({ kind: 'exit', code: 0 });
  const outcomes = await Promise.all(
    Array.from(
      { length: 16 },
      async (_, schedule) => (await run({ program: elf, schedule })).outcome,
    ),
  );
  const deadlocks = outcomes.filter(({ kind }) => kind === 'deadlock');
  expect(deadlocks.length).toBeGreaterThan(0);
  expect(deadlocks.length).toBeLessThan(16);
  expect(deadlocks[0]).toEqual({
    kind: 'deadlock',
    waiting: [1000, 1001, 1002].map((pid) => ({ pid, call: 'futex' })),
  });
});

it('no process makes a namespace', async () => {
  using sandbox = await Sandbox.create();
  const CLONE_NEWPID = 0x2000_0000;
  expect(sandbox.syscall('clone', CLONE_NEWPID)).toMatchObject({ errno: 'EPERM' });
  expect(sandbox.syscall('clone', CLONE_NEWPID | THREAD)).toMatchObject({ errno: 'EINVAL' });
});

it('time passes for one that sleeps while another works and asks for nothing', async () => {
  const elf = await program('', {
    worker: '3:  cmp dword ptr [a], 0\n    jz 3b',
    sleeper: '    call SYS_nanosleep, offset nap\n    mov dword ptr [a], 1',
  });
  expect((await run({ program: elf })).outcome).toEqual({ kind: 'exit', code: 0 });
});

it('what a policy refuses a thread counts for its program', async () => {
  const elf = await program('', {
    jit: `    call SYS_mmap, 0, 4096, 3, 0x22
    mov rbx, rax
    call SYS_mprotect, rbx, 4096, 5
    test eax, eax
    jz 1f
    call SYS_exit_group, 1
1:`,
  });
  const [free, bound] = [await run({ program: elf }), await run({ program: elf, policy: 'mdwe' })];
  expect(free.outcome).toEqual({ kind: 'exit', code: 0 });
  expect(bound.outcome).toEqual({ kind: 'exit', code: 1 });
  expect(straceText(bound.trace)).toMatch(/\[pid {2}1001\] mprotect\(.*\) = -1 EACCES/);
  expect(classify(bound).class).toBe('errors');
  const denied = bound.trace.find((event) => event.type === 'syscall' && event.errno === 'EACCES');
  expect(denied).toMatchObject({ pid: 1000, tid: 1001, name: 'mprotect' });
});
