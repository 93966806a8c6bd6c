/** `mayexec run` as a process: what passes through, how it ends, and what it prints about that. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from './command.js';

const EXIT = `
exit:
    mov edi, eax
    mov eax, 60
    syscall
`;

/** Copies standard input to standard output, then says so on standard error. */
const COPY = `
.globl _start
_start:
    xor eax, eax
    xor edi, edi
    lea rsi, [rsp - 4096]
    mov edx, 4096
    syscall
    mov edx, eax
    mov eax, 1
    mov edi, 1
    syscall
    mov eax, 1
    mov edi, 2
    lea rsi, [rip + done]
    mov edx, 5
    syscall
    xor eax, eax
    jmp exit
${EXIT}
done: .ascii "done\\n"
`;

/** Asks for memory that is writable and executable two thousand times. */
const DENIALS = `
.globl _start
_start:
    mov ebx, 2000
again:
    mov eax, 9
    xor edi, edi
    mov esi, 4096
    mov edx, 7
    mov r10d, 0x22
    mov r8, -1
    xor r9d, r9d
    syscall
    dec ebx
    jnz again
    xor eax, eax
    jmp exit
${EXIT}`;

/** A page, RW; code into it; mprotect to RX without a look at the result; call. */
const UNCHECKED = `
.globl _start
_start:
    mov eax, 9
    xor edi, edi
    mov esi, 4096
    mov edx, 3
    mov r10d, 0x22
    mov r8, -1
    xor r9d, r9d
    syscall
    mov rbx, rax
    mov byte ptr [rbx], 0xb8
    mov dword ptr [rbx + 1], 42
    mov byte ptr [rbx + 5], 0xc3
    mov eax, 10
    mov rdi, rbx
    mov esi, 4096
    mov edx, 5
    syscall
    call rbx
    jmp exit
${EXIT}
`;

const ARGC_I386 = `
#@ arch i386
.globl _start
_start:
    mov ebx, [esp]
    mov eax, 1
    int 0x80
`;

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  folder.write('copy.s', COPY);
  folder.write('denials.s', DENIALS);
  folder.write('unchecked.s', UNCHECKED);
  folder.write('argc.s', ARGC_I386);
  folder.write('loop.s', '.globl _start\n_start: jmp _start\n');
  folder.write('ud.s', '.globl _start\n_start: ud2\n');
  folder.write('null.s', '.globl _start\n_start: xor eax, eax\ncall rax\n');
  folder.write('wild.s', '.globl _start\n_start: mov eax, [0x1234]\n');
  folder.write('ret.hex', 'b8 e9 03 00 00 c3 # mov eax, 1001; ret\n');
  folder.write('ret.bin', Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3));
});

afterAll(() => folder[Symbol.dispose]());

const run = (...args: string[]) => folder.mayexec(['run', ...args]);

describe('passing through', () => {
  it('gives the program standard input and passes both outputs on', () => {
    expect(folder.mayexec(['run', 'copy.s'], 'hello\n')).toEqual(
      expect.objectContaining({ status: 0, stdout: 'hello\n', stderr: 'done\n' }),
    );
  });

  it('passes bytes that are no text unchanged', () => {
    const { stdout } = folder.mayexec(['run', 'copy.s'], 'caf\u00e9 \u{1f600}');
    expect(stdout).toBe('caf\u00e9 \u{1f600}');
  });

  it('gives the program its name and what follows --', () => {
    expect(run('argc.s').status).toBe(1);
    expect(run('argc.s', '--', 'a', '--trace', 'c').status).toBe(4);
  });
});

describe('exit status', () => {
  it.each<[string, string[], number]>([
    ["the program's own", ['unchecked.s'], 42],
    ['128 + 4 for SIGILL', ['ud.s'], 132],
    ['128 + 11 for SIGSEGV', ['wild.s'], 139],
    ['3 at a limit', ['loop.s', '--limit-blocks', '1000'], 3],
    ['0 for raw code that returns', ['ret.hex'], 0],
  ])('is %s', (_what, args, status) => {
    expect(run(...args).status).toBe(status);
  });
});

describe('raw code', () => {
  it('is called as a function, and its result is told', () => {
    expect(run('ret.hex').stderr).toBe('mayexec: returned 1001 (0x3e9)\n');
    expect(run('ret.bin', '--arch', 'i386').stderr).toBe('mayexec: returned 7 (0x7)\n');
  });
});

describe('a limit', () => {
  it('is named, with the option that sets it', () => {
    expect(run('loop.s', '--limit-blocks', '1000').stderr).toBe(
      'mayexec: stopped at the limit of blocks: --limit-blocks sets it\n',
    );
  });

  it('is not blamed for a search that would have no end, under the layout wine-2004', () => {
    folder.write(
      'exit.s',
      '    .import kernel32.dll, ExitProcess\n_start: push 0\ncall [ExitProcess]\n',
    );
    const lesson = (seed: string) =>
      run('exit.s', '--arch', 'i386', '--os', 'wine', '--layout', 'wine-2004', '--seed', seed);
    expect(lesson('1')).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/^mayexec: wine: the search for free memory .*; with seed 0 /),
    });
    expect(lesson('1').stderr).not.toContain('--limit-blocks');
    expect(lesson('0')).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('a call to null', () => {
  it('is called that, and gets no remedies', () => {
    const { stderr } = run('null.s');
    expect(stderr).toContain('a jump or call through a null pointer');
    expect(stderr).not.toContain('what would work');
    expect(run('null.s', '--explain').stderr).toMatch(/^mayexec: nothing was refused that /m);
  });
});

describe('--json', () => {
  it('names the class of the run and what refused it', () => {
    const args = ['unchecked.s', '--policy', 'restricted-wx', '--json'];
    const { class: outcome, refused } = JSON.parse(run(...args).stdout);
    expect(outcome).toBe('crashes');
    expect(refused).toMatchObject({
      kind: 'call',
      call: 'mprotect',
      errno: 'EACCES',
      rule: 'restricted-wx/write-never-exec',
      silent: false,
      text: 'mprotect refused with EACCES by restricted-wx/write-never-exec',
    });
  });

  it('prints one object of the documented shape and nothing else', () => {
    const { status, stdout, stderr } = folder.mayexec(['run', 'copy.s', '--json'], 'hi');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const record = JSON.parse(stdout);
    expect(record).toEqual({
      program: 'copy.s',
      arch: 'x86-64',
      os: 'linux',
      policy: 'nx',
      outcome: { kind: 'exit', code: 0 },
      class: 'works',
      frames: [],
      refused: null,
      stdout: 'hi',
      stderr: 'done\n',
      syscalls: expect.any(Array),
      kernelLog: [],
      findings: [],
      instructions: expect.any(Number),
    });
    expect(record.instructions).toBeGreaterThan(10);
    expect(record.syscalls.map(({ name }: { name: string }) => name)).toEqual([
      'read',
      'write',
      'write',
      'exit',
    ]);
    expect(record.syscalls[1]).toEqual({
      pid: expect.any(Number),
      name: 'write',
      args: ['0x1', expect.stringMatching(/^0x[0-9a-f]+$/), '0x2'],
      value: '0x2',
      errno: null,
    });
  });

  it('keeps the exit status, and tells a signal with its addresses as strings', () => {
    const { status, stdout, stderr } = run('wild.s', '--json');
    expect({ status, stderr }).toEqual({ status: 139, stderr: '' });
    expect(JSON.parse(stdout).outcome).toEqual({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: 'SEGV_MAPERR',
      address: '0x1234',
      access: 'read',
      pc: expect.stringMatching(/^0x[0-9a-f]+$/),
    });
  });

  it('names the errno of a refused call', () => {
    const { syscalls } = JSON.parse(
      run('unchecked.s', '--json', '--policy', 'restricted-wx').stdout,
    );
    expect(syscalls[1]).toMatchObject({ name: 'mprotect', errno: 'EACCES' });
  });
});

describe('--log', () => {
  it('prints what the kernel has logged, after everything else', () => {
    const { stderr, status } = run('wild.s', '--trace', '--log');
    expect(status).toBe(139);
    expect(stderr).toMatch(
      /\n {2}code[\s\S]*\nwild\[1000\]: segfault at 1234 ip [0-9a-f]+ sp [0-9a-f]+ error 4 .*\nCode: .*\n$/,
    );
    expect(run('copy.s', '--log').stderr).toBe('done\n');
  });

  it('says how many lines it does not keep', () => {
    const { stderr, status } = run(
      ...['denials.s', '--policy', 'selinux:execmem=deny', '--no-explain', '--log'],
    );
    expect(status).toBe(0);
    const [first = '', ...lines] = stderr.trimEnd().split('\n');
    expect(first).toMatch(/^mayexec: the first \d+ lines of the log made room for these$/);
    expect(Number(/\d+/.exec(first))).toBe(2000 - lines.length);
    expect(lines.every((line) => line.includes('avc:'))).toBe(true);
  });
});

describe('--trace', () => {
  it("prints strace's lines to stderr, calls, signal and end", () => {
    const { stderr } = run('unchecked.s', '--policy', 'restricted-wx', '--trace');
    const [map, protect, signal, end] = stderr.split('\n');
    expect(map).toMatch(
      /^mmap\(NULL, 4096, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, 0\) = 0x[0-9a-f]+$/,
    );
    const page = map?.split(' = ')[1];
    expect(protect).toBe(
      `mprotect(${page}, 4096, PROT_READ|PROT_EXEC) = -1 EACCES (Permission denied)`,
    );
    expect(signal).toBe(`--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_ACCERR, si_addr=${page}} ---`);
    expect(end).toBe('+++ killed by SIGSEGV +++');
  });

  it('keeps in step with what the program prints', () => {
    const { stderr } = folder.mayexec(['run', 'copy.s', '--trace'], 'hi');
    const lines = stderr.split('\n');
    expect(lines.indexOf('done')).toBe(2);
    expect(lines.at(-2)).toBe('+++ exited with 0 +++');
  });
});

describe('the report of a fatal signal', () => {
  it('names signal, access, address, mapping, what made it so, and the refusal', () => {
    const { stderr } = run('unchecked.s', '--policy', 'restricted-wx');
    expect(stderr).toMatch(/^mayexec: killed by SIGSEGV \(SEGV_ACCERR\)\n/);
    expect(stderr).toMatch(/a fetch from 0x[0-9a-f]+ in anonymous memory, which is rw-/);
    expect(stderr).toMatch(/mapping .*rw-p.*may never become executable/);
    expect(stderr).toMatch(/history .*mmap.* made it rw-/);
    expect(stderr).toContain('restricted-wx/write-never-exec');
    expect(stderr).toMatch(/^ {4}rax [0-9a-f]{16} {2}rbx [0-9a-f]{16}/m);
    expect(stderr).toMatch(/^ {4}=> [0-9a-f]+: {2}b8 2a 00 00 00 +mov eax, 0x2a$/m);
  });

  it('shows the code around a wild load, with its label', () => {
    const { stderr } = run('wild.s');
    expect(stderr).toMatch(
      /a load from 0x1234, where nothing is mapped, by the instruction at 0x[0-9a-f]+ <_start>/,
    );
    expect(stderr).toMatch(/^ {4}_start:\n {4}=> 400000: /m);
  });

  it('shows who called whom', () => {
    folder.write(
      'calls.s',
      `.globl _start\n_start: call f\n${EXIT}\nf: push rbp\nmov rbp, rsp\ncall g\nret\ng: mov eax, [8]\n`,
    );
    const { stderr } = run('calls.s');
    expect(stderr.replace(/0x[0-9a-f]{6}/g, 'AT')).toContain(
      [
        '  frames   #0 AT <g>',
        '           #1 AT <f+0x9>',
        '           #2 AT <_start+0x5>',
        '',
      ].join('\n'),
    );
    const { frames } = JSON.parse(run('calls.s', '--json').stdout);
    expect(frames.map(({ symbol }: { symbol: string }) => symbol)).toEqual(['g', 'f', '_start']);
    expect(frames[1]).toMatchObject({ pc: expect.stringMatching(/^0x/), module: '/calls' });
  });

  it('names the file of the user that cannot be started', () => {
    const elf = new Uint8Array(0x1000);
    elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    folder.write('broken', elf);
    const { status, stderr } = run('broken', '--arch', 'x86-64');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^mayexec: broken: /);
  });

  it('says that loading failed, and shows no registers of what never ran', () => {
    const elf = new DataView(new ArrayBuffer(0x1000));
    const fields = [
      [0, 0x464c457f],
      [4, 0x10102],
      [16, 0x3e0002],
      [20, 1],
      [24, 0x400400],
      [32, 64],
      [52, 0x380040],
      [56, 1],
      // One segment, which has more bytes in the file than in memory.
      [64, 1],
      [68, 5],
      [80, 0x400000],
      [96, 0x1000],
      [104, 0x800],
      [112, 0x1000],
    ] as const;
    for (const [at, value] of fields) elf.setUint32(at, value, true);
    folder.write('short', new Uint8Array(elf.buffer));
    const { status, stderr } = run('short');
    expect(status).toBe(139);
    expect(stderr.replace(/\n +/g, ' ')).toContain(
      'loading /short failed: its segment 1 of 1 (r-x at 0x400000) has more bytes in the file than in memory (EINVAL, Invalid argument)',
    );
    expect(stderr).not.toContain('registers');
  });

  it('has no colour outside a terminal', () => {
    expect(run('wild.s').stderr).not.toContain('\x1b');
  });
});

describe('a scenario', () => {
  const scenario = [
    '---',
    'title: Two programs',
    'policies:',
    '  plain: nx',
    '  hard: restricted-wx',
    'arguments: [first]',
    '---',
    'Text.',
    '```asm counts',
    '_start: mov rax, [rsp] # argc',
    EXIT,
    ';@ exited 2',
    '```',
    '```asm unchecked',
    UNCHECKED,
    ';@ plain: exited 42',
    ';@ hard: anywhere mprotect = EACCES',
    ';@ hard: anywhere fault exec',
    ';@ hard: killed SIGSEGV',
    '```',
  ].join('\n');
  beforeAll(() => {
    folder.write('two.md', scenario);
  });

  it('runs as its first program, with what its front matter says', () => {
    expect(run('two.md').status).toBe(2);
    expect(run('two.md', '--', 'one', 'two').status).toBe(3);
  });

  it('runs as the program that is named, under a policy or one of its runs', () => {
    expect(run('two.md', '--program', 'unchecked').status).toBe(42);
    expect(run('two.md', '--program', 'unchecked', '--policy', 'hard').status).toBe(139);
    const wrong = run('two.md', '--program', 'unchecked', '--policy', 'hrad');
    expect(wrong).toMatchObject({ status: 2 });
    expect(wrong.stderr).toContain("unknown policy 'hrad'");
    expect(wrong.stderr).toMatch(/; the runs of two\.md are plain, hard$/m);
    expect(run('two.md', '--program', 'unchecked', '--policy', 'mdwe').status).toBe(139);
  });

  it('names its programs to who asks for another', () => {
    const { status, stderr } = run('two.md', '--program', 'uncheckd');
    expect(status).toBe(2);
    expect(stderr).toBe(
      "mayexec: two.md: unknown program 'uncheckd': expected one of counts, unchecked; did you mean 'unchecked'?\n",
    );
    expect(run('wild.s', '--program', 'x').stderr).toBe(
      'mayexec: wild.s: --program chooses a program of a scenario (.md)\n',
    );
  });
});

describe('the explanation', () => {
  const args = ['unchecked.s', '--policy', 'restricted-wx'];

  it('follows a refused run, fits a page, and is silent on request', () => {
    const page = run(...args).stderr.split('\n');
    const start = page.indexOf('mayexec: why restricted-wx refused it, and what would work');
    const end = page.findIndex((line) => line.includes('--explain=full'));
    expect(end - start).toBeGreaterThan(5);
    expect(end - start).toBeLessThan(21);
    expect(run(...args, '--no-explain').stderr).not.toContain('what would work');
    expect(run('ret.hex').stderr).not.toContain('what would work');
  });

  it('is in the JSON object on request only', () => {
    const { explanation } = JSON.parse(run(...args, '--json', '--explain').stdout);
    expect(explanation).toMatchObject({ rule: 'restricted-wx/write-never-exec', byCall: true });
    expect(JSON.parse(run(...args, '--json').stdout)).not.toHaveProperty('explanation');
  });

  it('refuses an unknown form', () => {
    const { status, stderr } = run(...args, '--explain=ful');
    expect(status).toBe(2);
    expect(stderr).toContain("'ful'");
  });
});

it.each(['proc.s', 'tmp.s', 'dev.s', 'home.s', '..s'])(
  'runs a program that is called %s',
  (name) => {
    const exit7 = '_start: mov eax, SYS_exit\nmov edi, 7\nsyscall\n';
    expect(run(folder.write(name, exit7))).toMatchObject({ status: 7, stderr: '' });
  },
);

it('names a limit as it was typed', () => {
  const { status, stderr } = run('unchecked.s', '--limit-memory', '3G');
  expect(stderr).toMatch(/^mayexec: --limit-memory is '3G': expected [^\n]+\n$/);
  expect(status).toBe(2);
});

it('says that a source with mistakes failed, once', () => {
  const name = folder.write('mistaken.s', '_start: ud2 ;@ nx: exted 0\n');
  const { stdout } = folder.mayexec(['test', name]);
  expect(stdout).toMatch(/^FAIL mistaken\.s\n/);
});
