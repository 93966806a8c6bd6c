/** Execution after a store without a change of rights: by which ways it is seen, and what it is not. */
import { describe, expect, it } from 'vitest';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { EXIT, page, protect, RW, RWX, RX, type WatchedRun, watched } from './guest.js';

/** The only instruction of the generated function. */
const RET = 0xc3;
const START = '.globl _start\n_start:';

function executed({ findings }: WatchedRun) {
  return findings.filter(({ kind }) => kind === 'executed-after-write');
}

describe('a store and then a fetch', () => {
  it('of a page with all rights is found, with both instructions', async () => {
    const run = await watched(`${START}${page(RWX)}
store:
    mov byte ptr [rbx], ${RET}
    call rbx${EXIT}`);
    const [finding] = executed(run);
    expect(finding).toMatchObject({
      pc: finding?.start,
      begun: { by: 'store', pc: run.at('store') },
      count: 1,
    });
    expect(finding!.end - finding!.start).toBe(4096n);
  });

  it('through another mapping of the same memory is found', async () => {
    const run = await watched(`${START}
    lea rdi, [rip + name]
    xor esi, esi
    mov eax, SYS_memfd_create
    syscall
    mov r15, rax
    mov edi, eax
    mov esi, 4096
    mov eax, SYS_ftruncate
    syscall${page(RX, 'r12', 'MAP_SHARED')}${page(RW, 'rbx', 'MAP_SHARED')}
store:
    mov byte ptr [rbx], ${RET}
    call r12${EXIT}
name: .asciz "code"`);
    expect(executed(run)).toEqual([
      expect.objectContaining({ begun: { by: 'store', pc: run.at('store') } }),
    ]);
    expect(executed(run)[0]?.sentence).toMatch(/after a store through 0x[0-9a-f]+ at 0x/);
  });

  it('by the kernel counts as one by the program', async () => {
    const run = await watched(
      `${START}${page(RWX)}
    xor edi, edi
    mov rsi, rbx
    mov edx, 1
    mov eax, SYS_read
call:
    syscall
    call rbx${EXIT}`,
      { stdin: Uint8Array.of(RET) },
    );
    expect(executed(run)[0]?.begun).toEqual({ by: 'read', pc: run.at('call') });
  });

  it("of the host is found like the guest's", async () => {
    using sandbox = await Sandbox.create({ monitor: true });
    const { value } = sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0);
    sandbox.store(value, Uint8Array.of(RET));
    sandbox.call(value);
    expect(sandbox.findings.map(({ kind, begun }) => [kind, begun.by])).toEqual([
      ['writable-and-executable', 'mmap'],
      ['executed-after-write', 'store'],
    ]);
  });

  it('again and again is told once, until the rights change', async () => {
    const again = `
    mov byte ptr [rbx], ${RET}
    call rbx`;
    const run = await watched(
      `${START}${page(RWX)}${again}${again}${protect(RW)}${protect(RWX)}${again}${EXIT}`,
    );
    expect(executed(run)).toHaveLength(2);
  });
});

describe('nothing is found', () => {
  it.each([
    ['rights change in between', `${page(RW)}\nmov byte ptr [rbx], ${RET}${protect(RX)}\ncall rbx`],
    [
      'they change each time',
      `${page(RW)}
    mov r13d, 50
again:${protect(RW)}
    mov byte ptr [rbx], ${RET}${protect(RX)}
    call rbx
    dec r13d
    jnz again`,
    ],
    ['a page is only stored to', `${page(RWX)}\nmov byte ptr [rbx], ${RET}`],
    ['another page is executed', `${page(RW)}\nmov byte ptr [rbx], ${RET}\ncall other`],
  ])('when %s', async (_what, code) => {
    const run = await watched(`${START}${code}${EXIT}\nother: ret`);
    expect(run.sandbox.trace.at(-1)).toMatchObject({ outcome: { kind: 'exit', code: 0 } });
    expect(executed(run)).toEqual([]);
  });

  it('without the option', async () => {
    const source = `${START}${page(RWX)}\nmov byte ptr [rbx], ${RET}\ncall rbx${EXIT}`;
    expect(executed(await watched(source, { monitor: false }))).toEqual([]);
  });
});

describe('a watched program', () => {
  /** Copies itself to a page with all rights, where it changes its own next instruction 200 times. */
  const SELF = `${START}${page(RWX)}
    lea rsi, [rip + copied]
    mov rdi, rbx
    mov ecx, 64
    rep movsb
    xor eax, eax
    call rbx
    mov edi, eax
    mov eax, SYS_exit_group
    syscall
copied:
    mov ecx, 200
round:
    inc byte ptr [rip + patched + 2]
patched:
    add eax, 0
    dec ecx
    jnz round
    movzx eax, al
    ret
    .space 64`;

  it('that changes the page it runs in comes to the same end, by as many instructions', async () => {
    const [plain, seen] = await Promise.all(
      [false, true].map(async (monitor) => (await watched(SELF, { monitor })).sandbox),
    );
    const told = ({ trace }: Sandbox) => trace.map(({ type, pc }) => [type, pc]);
    expect([told(seen!), seen!.procMaps()]).toEqual([told(plain!), plain!.procMaps()]);
    expect(seen!.trace.at(-1)).toMatchObject({ outcome: { kind: 'exit' } });
    expect(seen!.instructions).toBe(plain!.instructions);
    expect(seen!.findings.map(({ kind }) => kind)).toContain('executed-after-write');
  });

  it('is at a snapshot what it was then', async () => {
    using sandbox = await Sandbox.create({ monitor: true });
    const { value } = sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0);
    sandbox.store(value, Uint8Array.of(RET));
    const before = sandbox.snapshot();
    for (let again = 0; again < 2; again++) {
      sandbox.call(value);
      expect(sandbox.findings).toHaveLength(2);
      sandbox.restore(before);
      expect(sandbox.findings).toHaveLength(1);
    }
  });
});
