/** The timeline: rows that cut the map where it was ever cut, steps that changed it or were refused. */
import { describe, expect, it } from 'vitest';
import { timelineOf } from '../../../src/diagnosis/timeline/timeline.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { EXIT, page, protect, RW, RX, watched } from '../monitor/guest.js';

const START = '.globl _start\n_start:';

/** Rows above the program's own, as `rw-,r-x`, with their number of pages. */
async function rowsOf(code: string, policy = 'nx') {
  const { sandbox } = await watched(`${START}${code}${EXIT}`, { policy });
  const { steps, rows } = timelineOf(sandbox.trace);
  const own = rows.filter(({ rights }) => rights[0] === undefined);
  return {
    sandbox,
    steps: steps.map(({ cause, rule }) => (rule === undefined ? cause : `${cause} ${rule}`)),
    own: own.map(({ start, end, rights }) => [
      Number(end - start) / 4096,
      rights.map((each) => each ?? '.').join(' '),
    ]),
    rows,
  };
}

describe('a timeline', () => {
  it('shows the rights of a page after each call', async () => {
    const { steps, own } = await rowsOf(`${page(RW)}${protect(RX)}
    mov rdi, rbx
    mov esi, 4096
    mov eax, SYS_munmap
    syscall`);
    expect(steps).toEqual(['exec', 'mmap', 'mprotect', 'munmap']);
    expect(own).toEqual([[1, '. rw- r-x .']]);
  });

  it('cuts a mapping where a call changed a part of it', async () => {
    const { own } = await rowsOf(`
    xor edi, edi
    mov esi, 12288
    mov edx, PROT_READ
    mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
    mov r8, -1
    xor r9d, r9d
    mov eax, SYS_mmap
    syscall
    lea rbx, [rax + 4096]${protect(RW)}`);
    expect(own).toEqual([
      [1, '. r-- r--'],
      [1, '. r-- rw-'],
      [1, '. r-- r--'],
    ]);
  });

  it('has a step for a refused call, with the rule', async () => {
    const { steps, own } = await rowsOf(`${page(RW)}${protect(RX)}`, 'mdwe');
    expect(steps).toEqual(['exec', 'mmap', 'mprotect mdwe/gain-exec']);
    expect(own).toEqual([[1, '. rw- rw-']]);
  });

  it('names the rule that had taken the rights earlier', async () => {
    const { steps } = await rowsOf(`${page(RW)}${protect(RX)}`, 'restricted-wx');
    expect(steps.at(-1)).toBe('mprotect restricted-wx/write-never-exec');
  });

  it('tells a stack that grew from the calls around it', async () => {
    const { steps, rows } = await rowsOf(
      `${page(RW)}\nmov byte ptr [rsp - 0x40000], 1${protect('PROT_READ')}`,
    );
    expect(steps).toEqual(['exec', 'mmap', 'stack growth', 'mprotect']);
    const grown = rows.find(({ rights }) => rights[1] === undefined && rights[2] === 'rw-');
    expect(grown?.name).toBe('[stack]');
  });

  it('calls what brk made the heap, whatever changed it since', async () => {
    const { rows, steps } = await rowsOf(`
    xor edi, edi
    mov eax, SYS_brk
    syscall
    mov rbx, rax
    lea rdi, [rax + 8192]
    mov eax, SYS_brk
    syscall${protect('PROT_READ')}`);
    expect(steps).toEqual(['exec', 'brk', 'mprotect']);
    const heap = rows.filter(({ name }) => name === '[heap]').map(({ rights }) => rights.at(-1));
    expect(heap).toEqual(['r--', 'rw-']);
  });

  it('begins anew with a new program', async () => {
    const { steps, own } = await rowsOf(`
    cmp qword ptr [rsp], 2
    je second${page(RW)}
    lea rdi, [rip + path]
    push 0
    push rdi
    push rdi
    mov rsi, rsp
    xor edx, edx
    mov eax, SYS_execve
    syscall
path: .asciz "/program"
second:`);
    expect(steps).toEqual(['exec', 'mmap', 'exec']);
    expect(own.map(([, rights]) => rights)).toContain('. rw- .');
  });

  it('ends with the map as it is', async () => {
    const { sandbox, rows } = await rowsOf(`${page(RW)}${page(RX)}${protect('PROT_NONE')}`);
    const last = rows.filter(({ rights }) => rights.at(-1) !== undefined);
    const rightsAt = (address: bigint) =>
      last.find(({ start, end }) => start <= address && address < end)?.rights.at(-1);
    for (const { start, perms } of sandbox.maps()) expect(rightsAt(start)).toBe(perms.slice(0, 3));
    const pages = (ranges: readonly { start: bigint; end: bigint }[]) =>
      ranges.reduce((sum, { start, end }) => sum + end - start, 0n);
    expect(pages(last)).toBe(pages(sandbox.maps()));
  });

  it('of an empty process has one step, or what the host did', async () => {
    using sandbox = await Sandbox.create();
    sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
    expect(timelineOf(sandbox.trace).steps.map(({ cause }) => cause)).toEqual(['exec', 'mmap']);
  });
});
