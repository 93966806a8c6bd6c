/** `mayexec run` and `maps` of a kernel, as a process. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from './command.js';

const PROGRAM = join(fileURLToPath(new URL('../../asm/', import.meta.url)), 'kernel/sealed-data.s');

/** Makes the kernel write over its rule, then asks for an executable page; status: the errno. */
const ASK = `
    .include "lib/x86-64-calls.inc"
    .data
device: .asciz "/dev/kernel"
rule: .ascii "rule"
    .text
    .globl _start
_start:
    must mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
    mov rbx, rax
    must open, OFFSET device, O_WRONLY
    mov rbp, rax
    sys write, rbp, OFFSET rule, 4
    sys mprotect, rbx, 4096, PROT_READ | PROT_EXEC
    neg eax
    mov edi, eax
    jmp exit
`;

let folder: CommandFolder;
beforeAll(() => {
  folder = new CommandFolder();
});
afterAll(() => folder[Symbol.dispose]());

describe('a kernel beside a program', () => {
  const KERNEL = fileURLToPath(new URL('../../asm/kernel/policy-db.s', import.meta.url));
  const LESSON = fileURLToPath(
    new URL('../../scenarios/post-init/policy-database.md', import.meta.url),
  );

  it('decides for it; --append is its command line, and a lesson brings both along', () => {
    const program = folder.write('ask.s', ASK);
    const open = folder.mayexec(['run', program, '--kernel', KERNEL]);
    expect([open.status, open.stdout]).toEqual([0, '']);
    const seal = ['--append', 'policydb.seal quiett', '--log'];
    const sealed = folder.mayexec(['run', program, '--kernel', KERNEL, ...seal]);
    expect(sealed.status).toBe(13);
    expect(sealed.stderr).toContain("mayexec: unknown kernel parameter 'quiett'");
    expect(sealed.stderr).toContain('BUG: unable to handle page fault for address: ffff8880');
    expect(sealed.stderr).toMatch(
      /rule +lsm\/execmem: the domain lacks execmem: the rule at 0xffff[0-9a-f]+ in the kernel's\s+memory is 'allow/,
    );
    expect(folder.mayexec(['run', LESSON, '--policy', 'sealed', '--no-explain']).status).toBe(1);
    const other = ['--policy', 'sealed', '--append', 'policydb.open'];
    expect(folder.mayexec(['run', LESSON, ...other, '--no-explain']).status).toBe(0);
  });

  it('names in --json the rule that decided, and has both logs in one', () => {
    const { stdout } = folder.mayexec(['run', LESSON, '--policy', 'sealed', '--json']);
    const record = JSON.parse(stdout);
    expect(record.refused.rule).toBe('lsm/execmem');
    expect(record.refused.reason).toContain("in the kernel's memory is 'allow unconfined_t");
    expect(record.kernelLog[0]).toContain('avc:  denied  { execmem }');
    expect(record.kernelLog[1]).toContain('BUG: unable to handle page fault');
  });

  it('says what is missing', () => {
    const program = folder.write('ask.s', ASK);
    const refused = (...args: string[]): string => folder.mayexec(['run', program, ...args]).stderr;
    expect(refused('--append', 'x')).toBe(
      'mayexec: --append is the command line of a kernel that --kernel names\n',
    );
    expect(refused('--kernel', PROGRAM)).toContain("has no symbol 'security_hook_heads'");
    expect(refused('--kernel', KERNEL, '--os', 'windows')).not.toBe('');
    expect(refused('--kernel', KERNEL, '--link')).toBe(
      'mayexec: --link: a link cannot hold --kernel\n',
    );
  });
});

describe('a kernel on the command line', () => {
  it('prints its log, and with --explain what refused the access', () => {
    const { status, stderr } = folder.mayexec(['run', PROGRAM, '--explain']);
    expect(status).toBe(0);
    const lines = stderr.split('\n');
    expect(lines[0]).toBe('mayexec: halted');
    expect(lines[1]).toMatch(
      /^mayexec: a store to 0x[0-9a-f]+ in \[kernel\], which is r--: an entry on the way to the page has no R\/W, and CR0.WP holds the kernel to it \(page-tables\/read-only\)$/,
    );
    expect(lines).toContain('#PF: error_code(0x0003) - permissions violation');
    expect(lines).toContain('note: rogue[96] exited with irqs disabled');
  });

  it('takes its command line behind --, and the kernel whose words it is to use', () => {
    const panic = folder.mayexec(['run', PROGRAM, '--kernel-version', '6.1', '--', 'oops=panic']);
    expect(panic.status).toBe(4);
    expect(panic.stderr).toContain('Oops: 0003 [#1] PREEMPT SMP NOPTI');
    expect(panic.stderr).toContain('Kernel panic - not syncing: Fatal exception\n');
    const off = folder.mayexec(['run', PROGRAM, '--', 'rodata=off']);
    expect(off.status).toBe(0);
    expect(off.stderr).toContain('writable-and-executable: page tables made 0xffffffff81000000');
    expect(off.stderr).not.toContain('Oops');
  });

  it('lists its page tables, traces its page faults, has no calls to follow or fail, and is told from a program by what it includes', () => {
    const { status, stdout } = folder.mayexec(['maps', PROGRAM]);
    expect(status).toBe(0);
    expect(stdout).toContain('---[ High Kernel Mapping ]---\n');
    expect(stdout).toMatch(/0xffffffff81000000-0x\w+ +4K +ro +GLB x {2}pte\n/);
    const traced = folder.mayexec(['run', PROGRAM, '--trace']);
    expect(traced.stderr).toMatch(
      /^--- #PF \{write, address=0xffffffff8[0-9a-f]+, rip=0xffffffff8[0-9a-f]+\} by page-tables\/read-only ---\n\+\+\+ halted \+\+\+\n/,
    );
    const injected = folder.mayexec(['run', PROGRAM, '--inject', 'mmap:error=ENOMEM']);
    expect([injected.status, injected.stderr]).toEqual([
      2,
      "mayexec: inject is 'mmap:error=ENOMEM': injections fail calls of a program, and a kernel makes none\n",
    ]);
    const refused = folder.mayexec(['maps', PROGRAM, '--over-time']);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      'mayexec: --over-time follows the calls of a program, and a kernel makes none\n',
    ]);
  });

  it('gives the whole of it as one object with --json', () => {
    const { status, stdout } = folder.mayexec(['run', PROGRAM, '--json', '--explain']);
    expect(status).toBe(0);
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({
      os: 'kernel',
      outcome: { kind: 'halt' },
      refused: { kind: 'fault', rule: 'page-tables/read-only' },
    });
    expect(record.kernelLog[0]).toMatch(/^BUG: unable to handle page fault for address: ffffffff8/);
  });

  it('logs what it does not know of its command line, and the command says what was meant', () => {
    const { status, stderr } = folder.mayexec([
      ...['run', PROGRAM, '--', 'rodat=off', 'quiet', 'panic=soon', 'oops=panik'],
      ...['rodata=offf', 'mod.debug=1', '--', 'single'],
    ]);
    expect(status).toBe(0);
    const known = 'expected one of rodata, oops, panic, panic_on_warn, clearcpuid, pti, preempt';
    expect(stderr.split('\n').slice(0, 9)).toEqual([
      `mayexec: unknown kernel parameter 'rodat': ${known}; did you mean 'rodata'?`,
      `mayexec: unknown kernel parameter 'quiet': ${known}`,
      "mayexec: the kernel parameter panic= is 'soon': expected a whole number",
      "mayexec: unknown value of oops= 'panik': expected one of panic; did you mean 'panic'?",
      "mayexec: unknown value of rodata= 'offf': expected one of on, off; did you mean 'off'?",
      'mayexec: halted',
      "Malformed early option 'rodata'",
      'Unknown kernel command line parameters "quiet rodat=off", will be passed to user space.',
      "Booting kernel: `soon' invalid for parameter `panic'",
    ]);
  });

  it('says of a program for Linux that it is none', () => {
    const program = folder.write('user.s', '_start: mov eax, 60\n syscall\n');
    const { status, stderr } = folder.mayexec(['run', program, '--os', 'kernel']);
    expect(status).toBe(4);
    expect(stderr.split('\n').slice(1, 4)).toEqual([
      "  what     'syscall' asks a kernel for a service, and here this program itself is run as the kernel:",
      "           as a program it runs with os 'linux' (--os linux)",
      '           no interrupt descriptor table had been loaded (lidt): no exception could be handled',
    ]);
  });

  it('refuses a version that there is not, and one for a program', () => {
    const wrong = folder.mayexec(['run', PROGRAM, '--kernel-version', '6.2']);
    expect([wrong.status, wrong.stderr]).toEqual([
      2,
      "mayexec: unknown kernelVersion '6.2': expected one of 6.1, 6.12, 7.3; did you mean '6.1'?\n",
    ]);
    const program = folder.mayexec(['run', PROGRAM, '--os', 'linux', '--kernel-version', '6.1']);
    expect(program.status).toBe(2);
    expect(program.stderr).toContain(
      "it is for os 'kernel' and for a kernel beside a program, and this sandbox runs os 'linux'",
    );
  });
});
