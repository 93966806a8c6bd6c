/** Parents and children: memory, files, signals and policies across fork, vfork and execve. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../../src/base/outcome.js';
import type { SandboxOptions } from '../../../../src/sandbox/options.js';
import { Sandbox } from '../../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../../src/toolchain/assemble-program.js';
import { straceText } from '../../../../src/trace/print.js';

interface Ran {
  readonly outcome: Outcome;
  readonly output: string;
  readonly sb: Sandbox;
}

const ARCHES = ['x86-64', 'i386'] as const;
type Arch = (typeof ARCHES)[number];

/** System call by name with immediate arguments or registers; the result in rax or eax. */
function macros(arch: Arch): string {
  const [call, registers, result] =
    arch === 'x86-64'
      ? ['syscall', ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'], 'rax']
      : ['int 0x80', ['ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'], 'eax'];
  const loads = registers.map((name, index) => `    mov ${name}, \\a${index}`).join('\n');
  const names = registers.map((_, index) => `a${index}=0`).join(', ');
  return `.macro call nr, ${names}\n${loads}\n    mov ${result}, \\nr\n    ${call}\n.endm\n`;
}

async function build(arch: Arch, body: string): Promise<Uint8Array> {
  const source = `${macros(arch)}    .text\n    .globl _start\n_start:\n${body}\n`;
  return (await assembleProgram(source, { arch })).elf;
}

async function run(arch: Arch, body: string, options: SandboxOptions = {}): Promise<Ran> {
  const sb = await Sandbox.create({ arch, program: await build(arch, body), ...options });
  const outcome = sb.run();
  return { outcome, output: new TextDecoder().decode(sb.stdout), sb };
}

/** Installs a handler for SIGCHLD that ends with si_status, and waits for a child that does `end`. */
function statusOfChild(arch: Arch, end: string): string {
  const wide = arch === 'x86-64';
  // struct sigaction: handler, flags (SA_SIGINFO, on x86-64 SA_RESTORER), restorer, mask.
  const action = wide ? '.quad handler, 0x04000004, handler, 0' : '.long handler, 4, 0, 0, 0';
  const [info, offset] = wide ? ['rsi', 24] : ['esi', 20];
  return `
    call SYS_rt_sigaction, 17, offset action, 0, 8
    call SYS_fork
    test eax, eax
    jnz 1f
    ${end}
1:  call SYS_wait4, -1, 0, 0, 0
    call SYS_exit_group, 99
handler:
    ${wide ? '' : 'mov esi, [esp+8]'}
    mov ${wide ? 'edi' : 'ebx'}, [${info}+${offset}]
    mov eax, SYS_exit_group
    ${wide ? 'syscall' : 'int 0x80'}
    .data
action: ${action}
    .text
`;
}

describe.each(ARCHES)('on %s', (arch) => {
  const wide = arch === 'x86-64';
  const mmap = wide ? 'SYS_mmap' : 'SYS_mmap2';
  /** Ends with what EAX holds. */
  const exitWithEax = wide
    ? 'mov edi, eax\n    mov eax, SYS_exit_group\n    syscall'
    : 'mov ebx, eax\n    mov eax, SYS_exit_group\n    int 0x80';
  /** Waits for any child and ends with its exit code, or 128 and the signal. */
  const exitStatus = `
    call SYS_wait4, -1, offset status, 0, 0
    mov ecx, dword ptr [status]
    mov eax, ecx
    shr eax, 8
    and ecx, 0x7f
    jz 1f
    mov eax, ecx
    add eax, 128
1:  ${exitWithEax}
    .data
status: .long 0
    .text
`;
  const fork = `call SYS_fork\n    test eax, eax\n    jnz parent\n`;

  it.each([
    ['call SYS_exit_group, 7', 7, 'CLD_EXITED', '7'],
    ['ud2', 4, 'CLD_KILLED', 'SIGILL'],
  ])('SIGCHLD of %s tells who ended how', async (end, code, kind, shown) => {
    const { outcome, sb } = await run(arch, statusOfChild(arch, end));
    expect(outcome).toEqual({ kind: 'exit', code });
    expect(straceText(sb.trace)).toContain(
      `--- SIGCHLD {si_signo=SIGCHLD, si_code=${kind}, si_pid=1001, si_uid=1000, si_status=${shown}, si_utime=0, si_stime=0} ---`,
    );
    sb.close();
  });

  it("the parent learns of the child's exit code", async () => {
    const { outcome } = await run(arch, `${fork} call SYS_exit_group, 42\nparent:${exitStatus}`);
    expect(outcome).toEqual({ kind: 'exit', code: 42 });
  });

  it('and of the signal that killed it', async () => {
    const { outcome, sb } = await run(arch, `${fork} ud2\nparent:${exitStatus}`);
    expect(outcome).toEqual({ kind: 'exit', code: 128 + 4 });
    expect(sb.trace.filter(({ type }) => type === 'end').map(({ pid }) => pid)).toEqual([
      1001, 1000,
    ]);
  });

  it('a private page is copied when either writes it, a shared one is not', async () => {
    const page = (flags: string): string =>
      `call ${mmap}, 0x10000000, 4096, 3, ${flags} | MAP_FIXED, -1, 0\n`;
    const body = (flags: string): string => `${page(flags)}
    mov dword ptr [0x10000000], 1
    ${fork}
    mov dword ptr [0x10000000], 2
    call SYS_exit_group, 0
parent:
    call SYS_wait4, -1, 0, 0, 0
    mov eax, dword ptr [0x10000000]
    ${exitWithEax}`;
    const code = async (flags: string): Promise<unknown> => (await run(arch, body(flags))).outcome;
    expect(await code('MAP_PRIVATE | MAP_ANONYMOUS')).toEqual({ kind: 'exit', code: 1 });
    expect(await code('MAP_SHARED | MAP_ANONYMOUS')).toEqual({ kind: 'exit', code: 2 });
  });

  it('a parent that spins gives its child the CPU all the same', async () => {
    const { outcome } = await run(
      arch,
      `call ${mmap}, 0x10000000, 4096, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0
    ${fork}
    mov dword ptr [0x10000000], 1
    call SYS_exit_group, 0
parent:
    cmp dword ptr [0x10000000], 0
    je parent
    call SYS_exit_group, 5`,
    );
    expect(outcome).toEqual({ kind: 'exit', code: 5 });
  });

  it('wait without children is ECHILD', async () => {
    const { sb } = await run(arch, 'call SYS_exit_group, 0');
    expect(sb.syscall('wait4', -1, 0, 0, 0).errno).toBe('ECHILD');
    expect(sb.syscall('wait4', -1, 0, 0x10000, 0).errno).toBe('EINVAL');
  });

  it('waiting for a process that waits for a signal ends at once, asleep', async () => {
    const { outcome } = await run(arch, `${fork} call SYS_pause\nparent:${exitStatus}`);
    expect(outcome).toEqual({
      kind: 'asleep',
      waiting: [
        { pid: 1000, call: 'wait4' },
        { pid: 1001, call: 'pause' },
      ],
    });
  });

  it('vfork: the parent sleeps while the child has its memory, up to its execve', async () => {
    const other = await build(arch, 'call SYS_exit_group, 9');
    const { outcome, sb } = await run(
      arch,
      `call SYS_vfork
    test eax, eax
    jnz parent
    mov dword ptr [mark], 77
    call SYS_execve, offset path, 0, 0
    call SYS_exit_group, 1
parent:
    cmp dword ptr [mark], 77
    jne wrong
${exitStatus}
wrong: call SYS_exit_group, 2
    .data
mark: .long 0
path: .asciz "/bin/other"`,
      { files: { '/bin/other': { content: other, mode: 0o755 } } },
    );
    expect(outcome).toEqual({ kind: 'exit', code: 9 });
    expect(
      sb.trace.some(
        (event) => event.type === 'syscall' && event.name === 'vfork' && event.value === 1001n,
      ),
    ).toBe(true);
  });

  describe('policies', () => {
    /** Writes RET into a page, makes it executable and calls it, in a child: its exit code tells. */
    const childMprotect = (flags: string): string =>
      `
    call ${mmap}, 0x10000000, 4096, 3, ${flags} | MAP_ANONYMOUS | MAP_FIXED, -1, 0
    mov byte ptr [0x10000000], 0xc3
    ${fork}
    call SYS_mprotect, 0x10000000, 4096, 5
    test eax, eax
    jnz refused
    mov ${wide ? 'rax' : 'eax'}, 0x10000000
    # call rax, or eax.
    .byte 0xff, 0xd0
    call SYS_exit_group, 0
refused:
    call SYS_exit_group, 13
parent:${exitStatus}`;

    it.each([
      ['nx', 0],
      ['pax', 13],
      ['mdwe', 13],
      ['restricted-wx', 13],
      ['selinux', 0],
      ['selinux:domain=confined', 13],
    ])('row 22: shared memory and mprotect in the child, %s', async (policy, code) => {
      const { outcome, sb } = await run(arch, childMprotect('MAP_SHARED'), { policy });
      expect(outcome).toEqual({ kind: 'exit', code });
      // restricted-wx decides when the memory is mapped: in the parent.
      const judge = policy === 'restricted-wx' ? 1000 : 1001;
      const verdicts = sb.trace.filter(({ type, pid }) => type === 'verdict' && pid === judge);
      expect(verdicts.length > 0).toBe(code !== 0);
    });

    it('MDWE goes to the child, unless it is set not to', async () => {
      const body = (bits: number): string =>
        `call SYS_prctl, 65, ${bits}, 0, 0, 0\n${childMprotect('MAP_PRIVATE')}`;
      expect((await run(arch, body(1))).outcome).toEqual({ kind: 'exit', code: 13 });
      expect((await run(arch, body(3))).outcome).toEqual({ kind: 'exit', code: 0 });
    });

    it("a program's own marks count when it is executed", async () => {
      const plain = await build(arch, childMprotect('MAP_PRIVATE'));
      const marked = plain.slice();
      // PT_GNU_STACK, the last header here, becomes PT_PAX_FLAGS with NOMPROTECT and NOEMUTRAMP.
      markPax(marked, arch);
      const exec = `call SYS_execve, offset path, 0, 0\n call SYS_exit_group, 1\n .data\npath: .asciz "/bin/p"`;
      const code = async (content: Uint8Array): Promise<unknown> =>
        (await run(arch, exec, { policy: 'pax', files: { '/bin/p': { content, mode: 0o755 } } }))
          .outcome;
      expect(await code(plain)).toEqual({ kind: 'exit', code: 13 });
      expect(await code(marked)).toEqual({ kind: 'exit', code: 0 });
    });
  });

  it('has the result 0 once the new program begins, and none when it cannot', async () => {
    const content = await build(arch, 'call SYS_exit_group, 0');
    const exec = `call SYS_execve, offset path, 0, 0\n call SYS_exit_group, 1\n .data\npath: .asciz "/bin/p"`;
    const result = async (bytes: Uint8Array): Promise<unknown> => {
      const { sb } = await run(arch, exec, {
        files: { '/bin/p': { content: bytes, mode: 0o755 } },
      });
      return sb.trace.find((event) => event.type === 'syscall' && event.name === 'execve');
    };
    expect(await result(content)).toMatchObject({ value: 0n, errno: undefined });
    // The first PT_LOAD: an address that no program may have. The old one is gone by then.
    const broken = content.slice();
    broken.set([0xff, 0xff, 0xff, 0xff], arch === 'i386' ? 52 + 8 : 64 + 20);
    expect(await result(broken)).toMatchObject({ value: undefined, errno: undefined });
  });

  it('what is not there, or may not be executed, is an errno and the program goes on', async () => {
    const { sb } = await run(arch, 'call SYS_exit_group, 0', {
      files: {
        '/tmp/text': { content: new Uint8Array(8), mode: 0o755 },
        '/tmp/plain': new Uint8Array(8),
      },
    });
    const page = sb.syscall('mmap', 0x2000_0000, 4096, 3, 0x32, -1, 0).value;
    const exec = (path: string): string | undefined => {
      sb.poke(page, new TextEncoder().encode(`${path}\0`));
      return sb.syscall('execve', page, 0, 0).errno;
    };
    expect(exec('/none')).toBe('ENOENT');
    expect(exec('/tmp/text')).toBe('ENOEXEC');
    expect(exec('/tmp/plain')).toBe('EACCES');
    expect(sb.syscall('execve', 1, 0, 0).errno).toBe('EFAULT');
  });

  it('a run that met its limit in a child goes on, also after a snapshot and a call by the host', async () => {
    const spin = `    mov ecx, 300000
turn:
    dec ecx
    jnz turn
    call SYS_exit_group, 8
parent:${exitStatus}`;
    using sb = await Sandbox.create({
      arch,
      program: await build(arch, `${fork}${spin}`),
      limits: { blocks: 200_000 },
    });
    expect(sb.run()).toEqual({ kind: 'limit', limit: 'blocks' });
    const snapshot = sb.snapshot();
    expect(sb.syscall('getpid').value).toBe(1000n);
    expect(sb.run()).toEqual({ kind: 'exit', code: 8 });
    sb.restore(snapshot);
    expect(sb.run()).toEqual({ kind: 'exit', code: 8 });
  });

  it.each([
    [0, { kind: 'exit', code: 6 }],
    [8, 'EACCES'],
  ])('a memfd made with flags %i, executed by its descriptor', async (flags, expected) => {
    const first = await build(arch, 'call SYS_exit_group, 0');
    using sb = await Sandbox.create({ arch, program: first });
    const page = sb.syscall('mmap', 0x2000_0000, 4096, 3, 0x32, -1, 0).value;
    sb.poke(page, new TextEncoder().encode('m\0'));
    const fd = sb.syscall('memfd_create', page, flags).value;
    const elf = await build(arch, 'call SYS_exit_group, 6');
    const data = sb.syscall('mmap', 0x3000_0000, elf.length, 3, 0x32, -1, 0).value;
    sb.poke(data, elf);
    sb.syscall('write', fd, data, elf.length);
    const AT_EMPTY_PATH = 0x1000;
    const { errno } = sb.syscall('execveat', fd, page + 1n, 0, 0, AT_EMPTY_PATH);
    expect(errno ?? sb.run()).toEqual(expected);
  });

  it('a log line of a policy names the child that it is about', async () => {
    const body = `    call SYS_fork
    test eax, eax
    jnz parent
    call SYS_mprotect, offset data, 4096, 7
    call SYS_exit_group, 0
parent: call SYS_wait4, -1, 0, 0, 0
    call SYS_exit_group, 0
    .data
    .balign 4096
data: .skip 4096`;
    const { sb } = await run(arch, body, { policy: 'hardenedbsd' });
    const pids = sb.kernelLog.flatMap((line) => /MPROTECT.*\((\d+)\)/.exec(line)?.[1] ?? []);
    expect(pids).toEqual(['1001']);
  });

  it('the host may fork too, and wait', async () => {
    const sb = await Sandbox.create({ arch, program: await build(arch, 'call SYS_exit_group, 3') });
    const snapshot = sb.snapshot();
    const pid = sb.syscall('fork').value;
    expect(pid).toBe(1001n);
    expect(sb.syscall('wait4', pid, 0, 0, 0).value).toBe(pid);
    // The first process has not moved.
    expect(sb.run()).toEqual({ kind: 'exit', code: 3 });
    sb.restore(snapshot);
    expect(sb.syscall('wait4', -1, 0, 0, 0).errno).toBe('ECHILD');
    expect(sb.run()).toEqual({ kind: 'exit', code: 3 });
  });
});

function markPax(elf: Uint8Array, arch: Arch): void {
  const view = new DataView(elf.buffer);
  const wide = arch === 'x86-64';
  const count = view.getUint16(wide ? 56 : 44, true);
  const at = (wide ? 64 : 52) + (count - 1) * (wide ? 56 : 32);
  expect(view.getUint32(at, true)).toBe(0x6474e551);
  view.setUint32(at, 0x65041580, true);
  view.setUint32(at + (wide ? 4 : 24), (1 << 9) | (1 << 13), true);
}
