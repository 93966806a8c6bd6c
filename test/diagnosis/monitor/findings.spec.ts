/** Findings that the trace and the map tell: rights at once, results that nobody looked at, aliases. */
import { describe, expect, it } from 'vitest';
import type { FindingKind } from '../../../src/diagnosis/monitor/finding.js';
import { EXIT, page, protect, RW, RWX, RX, type WatchedRun, watched } from './guest.js';

const START = '.globl _start\n_start:';
const of = ({ findings }: WatchedRun, kind: FindingKind) =>
  findings.filter((finding) => finding.kind === kind);

describe('writable and executable at once', () => {
  it('is told of mmap and of mprotect, at the instruction that made the call', async () => {
    const run = await watched(`${START}${page(RWX)}${page(RW)}${protect(RWX)}${EXIT}`);
    expect(of(run, 'writable-and-executable').map(({ begun }) => begun.by)).toEqual([
      'mmap',
      'mprotect',
    ]);
    const [first] = of(run, 'writable-and-executable');
    expect(run.sandbox.peek(first!.pc!, 2)).toEqual(Uint8Array.of(0x0f, 0x05));
  });

  it('is told once, with how often, of a loop', async () => {
    const run = await watched(`${START}${page(RW)}
    mov r13d, 10
again:${protect(RWX)}${protect(RX)}
    dec r13d
    jnz again${EXIT}`);
    expect(of(run, 'writable-and-executable').map(({ count }) => count)).toEqual([10]);
  });

  it('is told of an executable stack, which the loader made', async () => {
    const source = `.section .note.GNU-stack, "x"\n.text\n${START}${EXIT}`;
    expect(of(await watched(source), 'writable-and-executable')).toEqual([
      expect.objectContaining({ pc: undefined, begun: { by: 'exec', pc: undefined } }),
    ]);
  });

  it('is what mappings say, not what a CPU without NX makes of them', async () => {
    const source = `${START}${page(RW)}${EXIT}`;
    expect((await watched(source, { policy: 'none' })).findings).toEqual([]);
  });
});

describe('a result that nobody looked at', () => {
  const STORE = `\nuse:\n    mov byte ptr [rbx + 8], 0xc3`;
  it.each([
    ['the errno as an address', `${page(RW)}${STORE}`, 'mmap:error=ENOMEM'],
    ["libc's MAP_FAILED, whose sum wraps", `${page(RW)}\nor rbx, -1${STORE}`, 'mmap:error=ENOMEM'],
    ['an address that is called', `${page(RX)}\nuse:\n    jmp rbx`, 'mmap:error=EPERM'],
    ['rights to store', `${page(RX)}${protect(RW)}${STORE}`, 'mprotect:error=EACCES'],
    ['rights to execute', `${page(RW)}${protect(RX)}\nuse:\n    jmp rbx`, 'mprotect:error=EACCES'],
    [
      'an address for the next call',
      `${page(RW)}${protect(RX).replace('    syscall', 'use:\n    syscall')}`,
      'mmap:error=ENOMEM',
    ],
    [
      'a descriptor',
      `lea rdi, [rip + name]
    xor esi, esi
    mov eax, SYS_memfd_create
    syscall
    mov edi, eax
    mov esi, 4096
    mov eax, SYS_ftruncate
use:
    syscall`,
      'memfd_create:error=EMFILE',
    ],
  ])('is found: %s', async (_what, code, inject) => {
    const run = await watched(`${START}\n${code}${EXIT}\nname: .asciz "x"`, { inject });
    const [finding, ...more] = of(run, 'unchecked-result');
    expect(more).toEqual([]);
    const [, call, errno] = /^(\w+):error=(\w+)$/.exec(inject)!;
    expect(finding?.begun).toMatchObject({ by: call, errno });
    // A jump faults at its target.
    const jumps = code.includes('jmp');
    expect(finding?.pc).toBe(jumps ? finding!.start + (finding!.pc! & 0xfffn) : run.at('use'));
  });

  it('is found on i386, where addresses have 32 bits', async () => {
    const source = `${START}
    xor ebx, ebx
    mov ecx, 4096
    mov edx, PROT_READ
    mov esi, MAP_PRIVATE | MAP_ANONYMOUS
    mov edi, -1
    xor ebp, ebp
    mov eax, SYS_mmap2
    int 0x80
use:
    mov eax, [eax]`;
    const run = await watched(source, { inject: 'mmap:error=ENOMEM' }, 'i386');
    expect(of(run, 'unchecked-result')).toEqual([
      expect.objectContaining({ pc: run.at('use'), start: 0xfffff000n }),
    ]);
  });

  it.each([
    ['the program looks', `${page(RW)}\ncmp rbx, -4096\nja over\nmov [rbx], rax\nover:`],
    ['a later call succeeds', `${page(RW)}${page(RW)}\nxor ebx, ebx\nmov byte ptr [rbx], 1`],
    ['the fault is another one', `${page(RW)}\nmov byte ptr [0x12345678], 1`],
  ])('is not found when %s', async (_what, code) => {
    const run = await watched(`${START}${code}${EXIT}`, { inject: 'mmap:error=ENOMEM:when=1' });
    expect(of(run, 'unchecked-result')).toEqual([]);
  });

  it.each([
    ['the rights came by another call', `${page(RX)}${protect(RW)}${protect(RW)}${protect(RX)}`],
    ['other rights were asked for', `${page(RX)}${protect('PROT_READ')}`],
  ])('is not found of mprotect when %s', async (_what, code) => {
    const source = `${START}${code}\nmov byte ptr [rbx], 1`;
    const run = await watched(source, { inject: 'mprotect:error=EACCES:when=1' });
    expect(run.sandbox.trace.at(-1)).toMatchObject({ outcome: { signal: 'SIGSEGV' } });
    expect(of(run, 'unchecked-result')).toEqual([]);
  });
});

describe('an alias left behind', () => {
  const views = (end: string) => `${START}
    lea rdi, [rip + name]
    xor esi, esi
    mov eax, SYS_memfd_create
    syscall
    mov r15, rax
    mov edi, eax
    mov esi, 4096
    mov eax, SYS_ftruncate
    syscall${page(RW, 'rbx', 'MAP_SHARED')}${page(RX, 'r12', 'MAP_SHARED')}${end}${EXIT}
name: .asciz "code"`;

  it('is found at the end of the run, with both views', async () => {
    const [finding, ...more] = of(await watched(views('')), 'alias-left-behind');
    expect(more).toEqual([]);
    expect(finding?.begun.by).toBe('mmap');
    expect(finding?.sentence).toMatch(/can be executed, and still be written through/);
  });

  it.each([
    ['unmapped', '\nmov rdi, rbx\nmov esi, 4096\nmov eax, SYS_munmap\nsyscall'],
    ['made read-only', protect('PROT_READ')],
  ])('is none once it is %s', async (_what, end) => {
    expect(of(await watched(views(end)), 'alias-left-behind')).toEqual([]);
  });
});
