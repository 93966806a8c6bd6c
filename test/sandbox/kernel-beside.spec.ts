/** A kernel in ring 0 beside a Linux process: its memory decides, its device writes to it, and both are one sandbox. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KERNEL_TEXT } from '../../src/os/kernel/boot/layout.js';
import type { SandboxOptions } from '../../src/sandbox/options.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';

const ASM = new URL('../../asm/', import.meta.url);

function include(path: string): string | undefined {
  const file = new URL(path, ASM);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

async function kernel(source: string): Promise<Uint8Array> {
  const target = { arch: 'x86-64', address: KERNEL_TEXT, include } as const;
  return (await assembleProgram(source, target)).elf;
}

/** SELinux with one rule for processes and one for files; `body` is kernel_main. */
const small = (body: string, device = 'mov rax, rsi\nret'): string => `
.intel_syntax noprefix
.include "lib/kernel.inc"
.include "lib/security.inc"
.text
kernel_init:
  frame
  call policydb_init
  mov edi, UNCONFINED_T
  mov esi, UNCONFINED_T
  mov edx, SECCLASS_PROCESS
  mov ecx, PROCESS__EXECHEAP
  call policydb_allow
  call selinux_init
  unframe
kernel_main:
${body}
  ret
device_write:
${device}
kernel_write:
  ret
`;

let elf: Uint8Array;
const open: Sandbox[] = [];

beforeAll(async () => {
  elf = await kernel(include('kernel/policy-db.s') ?? '');
});

afterEach(() => {
  for (const sandbox of open.splice(0)) sandbox.close();
});

async function beside(
  words: readonly string[] = [],
  options: SandboxOptions = {},
  bytes = elf,
): Promise<Sandbox> {
  const program = { bytes, argv: ['kernel', ...words] };
  const sandbox = await Sandbox.create({ kernel: { program }, ...options });
  open.push(sandbox);
  return sandbox;
}

function page(sandbox: Sandbox): bigint {
  return sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
}

const protect = (sandbox: Sandbox, at: bigint): string =>
  sandbox.syscall('mprotect', at, 4096, 5).errno ?? 'ok';

/** What the write to /dev/kernel answered. */
function writeDevice(sandbox: Sandbox, text: string, length = text.length): string {
  const at = sandbox.syscall('mmap', 0, 8192, 3, 0x22, -1, 0).value;
  sandbox.poke(at, new TextEncoder().encode('/dev/kernel\0'));
  const fd = sandbox.syscall('open', at, 1).value;
  sandbox.poke(at, new TextEncoder().encode(text));
  const { value, errno } = sandbox.syscall('write', fd, at, length);
  return errno ?? String(value);
}

/** A private mapping of a file with these rights. */
function mapFile(sandbox: Sandbox, prot: number): string {
  sandbox.writeFile('/tmp/f', new Uint8Array(4096));
  const name = page(sandbox);
  sandbox.poke(name, new TextEncoder().encode('/tmp/f\0'));
  const fd = sandbox.syscall('open', name, 0).value;
  return sandbox.syscall('mmap', 0, 4096, prot, 2, fd, 0).errno ?? 'ok';
}

describe('the policy in the memory of a kernel', () => {
  it.each([
    ['a rule', 'rule', [], '4', 'ok'],
    ['the function of a hook', 'hook', [], '4', 'ok'],
    ['the head of a list', 'unlink', ['rodata=off'], '6', 'ok'],
    ['the sealed head of a list', 'unlink', [], 'EIO', 'EACCES'],
    ['a sealed rule', 'rule', ['policydb.seal'], 'EIO', 'EACCES'],
    ['a sealed node', 'hook', ['policydb.seal'], 'EIO', 'EACCES'],
  ] as const)('decides as a rogue write leaves it: %s', async (_what, text, words, wrote, then) => {
    const sandbox = await beside(words);
    const at = page(sandbox);
    expect(protect(sandbox, at)).toBe('EACCES');
    expect(writeDevice(sandbox, text)).toBe(wrote);
    expect(protect(sandbox, at)).toBe(then);
    const oopses = sandbox.kernelLog.filter((line) => line.startsWith('BUG: unable to handle'));
    expect(oopses).toHaveLength(wrote === 'EIO' ? 1 : 0);
  });

  it('names the rule in guest memory that decided, in the trace and in the log', async () => {
    const sandbox = await beside();
    const at = page(sandbox);
    protect(sandbox, at);
    const rule = sandbox.kernel?.peek(sandbox.kernel.symbols.get('process_rule') ?? 0n, 8);
    const address = new DataView(rule!.buffer).getBigUint64(0, true);
    const event = sandbox.trace.find(({ type }) => type === 'verdict');
    expect(event).toMatchObject({
      policy: 'lsm',
      hook: 'mprotect',
      verdict: {
        kind: 'deny',
        rule: 'lsm/execmem',
        reason: `the domain lacks execmem: the rule at 0x${address.toString(16)} in the kernel's memory is 'allow unconfined_t self:process { execstack }'`,
      },
    });
    expect(sandbox.kernelLog[0]).toMatch(/avc: {2}denied {2}\{ execmem \}.*permissive=0$/);
  });

  it('judges mmap by its own list, and what needs no rule not at all', async () => {
    const sandbox = await beside();
    expect(sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0).errno).toBe('EACCES');
    expect(writeDevice(sandbox, 'hook')).toBe('4');
    expect(sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0).errno).toBe('EACCES');
    expect(sandbox.syscall('mprotect', page(sandbox), 4096, 1).errno).toBeUndefined();
  });

  /** Little-endian words of 8 bytes at a symbol's place, or where it points to. */
  function dataOf(machine: Sandbox) {
    const symbol = (name: string): bigint => machine.symbols.get(name) ?? 0n;
    const read = (at: bigint): bigint =>
      new DataView(machine.peek(at, 8).buffer).getBigUint64(0, true);
    const write = (at: bigint, word: bigint): void => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, word, true);
      machine.poke(at, bytes);
    };
    const state = symbol('selinux_state');
    const database = read(state + 8n);
    return { read, write, state, database, rule: read(symbol('process_rule')) };
  }
  const EXECMEM = 0x0200_0000n;

  it.each([
    ['any bit of its 32 enforces', 0x100n, 'EACCES'],
    ['the word behind it does not', 1n << 32n, 'ok'],
  ])('enforces by the word of selinux_state alone: %s', async (_what, enforcing, then) => {
    const sandbox = await beside();
    const { state, write } = dataOf(sandbox.kernel!);
    write(state, enforcing);
    expect(protect(sandbox, page(sandbox))).toBe(then);
  });

  it('allows everything before a policy is loaded', async () => {
    const sandbox = await beside();
    const { state, write } = dataOf(sandbox.kernel!);
    write(state + 8n, 0n);
    expect(protect(sandbox, page(sandbox))).toBe('ok');
  });

  it('finds a rule behind others of its slot, and by a table of another size', async () => {
    const sandbox = await beside();
    const { read, write, database, rule } = dataOf(sandbox.kernel!);
    write(rule + 8n, EXECMEM);
    const slots = read(database);
    const slot = slots + 8n * (2n + (1n << 2n));
    expect(read(slot)).toBe(rule);
    const other = rule + 1024n;
    write(other, read(rule) + 1n);
    write(other + 16n, rule);
    write(slot, other);
    expect(protect(sandbox, page(sandbox))).toBe('ok');
    // A mask that leaves the source's bits: the slot of the same rule is 512 further.
    write(database + 8n, 0x3ffn);
    write(database, slots - 8n * 512n);
    expect(protect(sandbox, page(sandbox))).toBe('ok');
    write(other + 16n, other);
    expect(protect(sandbox, page(sandbox))).not.toBe('ok');
    expect(sandbox.kernelLog.at(-1)).toContain('unable to handle page fault');
  });

  it('tells bits that have no name here as a number, and of 32 bits', async () => {
    const sandbox = await beside();
    const { write, rule } = dataOf(sandbox.kernel!);
    write(rule + 8n, 0xffff_ffff_0400_0003n);
    protect(sandbox, page(sandbox));
    const event = sandbox.trace.find(({ type }) => type === 'verdict');
    expect(JSON.stringify(event && 'verdict' in event && event.verdict)).toContain(
      "'allow unconfined_t self:process { execstack 0x3 }'",
    );
  });

  it('lets a file be mapped whose type the database has a rule for', async () => {
    const sandbox = await beside();
    expect(mapFile(sandbox, 5)).toBe('ok');
  });

  it('ends a call at the first permission that is missing, and logs all while permissive', async () => {
    const strict = await beside([], {}, await kernel(small('')));
    const avc = ({ kernelLog }: Sandbox): string[] =>
      kernelLog.flatMap((line) => /\{ (\w+) \}/.exec(line)?.[1] ?? []);
    expect(mapFile(strict, 7)).toBe('EACCES');
    const lax = await beside([], {}, await kernel(small('')));
    lax.kernel!.poke(lax.kernel!.symbols.get('selinux_state')!, Uint8Array.of(0));
    expect(mapFile(lax, 7)).toBe('ok');
    expect(avc(lax)).toHaveLength(2);
    expect(avc(strict)).toEqual(avc(lax).slice(0, 1));
  });

  it('reads nothing for a call that makes no memory executable', async () => {
    const sandbox = await beside();
    const { write } = dataOf(sandbox.kernel!);
    const heads = sandbox.kernel?.symbols.get('security_hook_heads') ?? 0n;
    write(heads, 0x10n);
    write(heads + 8n, 0x10n);
    const at = page(sandbox);
    expect(sandbox.syscall('mprotect', at, 4096, 1).errno).toBeUndefined();
    expect(sandbox.kernelLog).toEqual([]);
  });

  it('only logs while it does not enforce', async () => {
    const sandbox = await beside();
    const { kernel: machine } = sandbox;
    machine?.poke(machine.symbols.get('selinux_state') ?? 0n, Uint8Array.of(0));
    const at = page(sandbox);
    expect(protect(sandbox, at)).toBe('ok');
    expect(sandbox.kernelLog.join('\n')).toMatch(/execmem.*permissive=1/);
  });

  it('is asked for execheap, execstack and execmod where SELinux asks for them', async () => {
    const sandbox = await beside([], {}, await kernel(small('')));
    const top = sandbox.syscall('brk', 0).value;
    sandbox.syscall('brk', top + 4096n);
    sandbox.syscall('mprotect', top & ~0xfffn, 8192, 5);
    // The rule allows execheap and nothing else.
    const asked = (): string[] =>
      sandbox.trace.flatMap((each) =>
        each.type === 'verdict' && each.policy === 'lsm' ? [each.verdict.rule ?? ''] : [],
      );
    expect(asked()).toEqual(['lsm/execmem']);
    const stack = sandbox.maps().find(({ name }) => name === '[stack]');
    sandbox.syscall('mprotect', stack?.start ?? 0n, 4096, 5);
    expect(asked().at(-1)).toMatch(/lsm\/exec(stack|mem)/);
    sandbox.writeFile('/tmp/f', new Uint8Array(4096));
    const name = page(sandbox);
    sandbox.poke(name, new TextEncoder().encode('/tmp/f\0'));
    const fd = sandbox.syscall('open', name, 0).value;
    expect(sandbox.syscall('mmap', 0, 4096, 5, 2, fd, 0).errno).toBe('EACCES');
    expect(asked().at(-1)).toBe('lsm/execute');
    const view = sandbox.syscall('mmap', 0, 4096, 3, 2, fd, 0).value;
    sandbox.store(view, Uint8Array.of(1));
    expect(protect(sandbox, view)).toBe('EACCES');
    expect(asked().at(-1)).toBe('lsm/execmod');
  });

  it('agrees with what the hooks answer when the kernel itself calls them', async () => {
    const sandbox = await beside();
    const { kernel: machine } = sandbox;
    const ask = (permission: number, target = 1, kind = 2): unknown =>
      machine?.call(machine.symbols.get('security_call') ?? 0n, 1, target, kind, permission);
    expect(ask(0x0200_0000)).toEqual({ kind: 'return', value: 0xffff_fff3n });
    expect(ask(0x0400_0000)).toEqual({ kind: 'return', value: 0n });
    expect(ask(0x0000_4000, 2, 6)).toEqual({ kind: 'return', value: 0n });
    expect(ask(0x0008_0000, 2, 6)).toEqual({ kind: 'return', value: 0xffff_fff3n });
    writeDevice(sandbox, 'rule');
    expect(ask(0x0200_0000)).toEqual({ kind: 'return', value: 0n });
  });

  it('is asked by every policy but none, and with others all must agree', async () => {
    const free = await beside([], { policy: 'none' });
    expect(protect(free, page(free))).toBe('ok');
    const both = await beside([], { policy: 'selinux:execmem=deny' });
    expect(writeDevice(both, 'rule')).toBe('4');
    expect(protect(both, page(both))).toBe('EACCES');
    expect(both.policy).toBe('selinux:execmem=deny');
  });

  it('governs an i386 process too', async () => {
    const sandbox = await beside([], { arch: 'i386' });
    const at = sandbox.syscall('mmap2', 0, 4096, 3, 0x22, -1, 0).value;
    expect(protect(sandbox, at)).toBe('EACCES');
  });
});

describe('a kernel whose data is broken', () => {
  const circle = (machine: Sandbox, at: bigint): void => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, at, true);
    machine.poke(at, bytes);
  };

  it.each([
    [
      'a head that leads to nothing',
      (machine: Sandbox): string => {
        const heads = machine.symbols.get('security_hook_heads') ?? 0n;
        machine.poke(heads + 8n, Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 0));
        return '0000000000000018';
      },
    ],
    [
      'a list in a circle',
      (machine: Sandbox): string => {
        const heads = (machine.symbols.get('security_hook_heads') ?? 0n) + 8n;
        const node = new DataView(machine.peek(heads, 8).buffer).getBigUint64(0, true);
        machine.poke(node + 8n, new Uint8Array(8));
        circle(machine, node);
        return node.toString(16);
      },
    ],
    [
      'a database at an address that is not canonical',
      (machine: Sandbox): string => {
        const state = machine.symbols.get('selinux_state') ?? 0n;
        machine.poke(state + 8n, new Uint8Array(8).fill(0x41));
        return '4141414141414141';
      },
    ],
  ] as const)('kills the task that asks: %s', async (_what, breakIt) => {
    const { elf: program } = await assembleProgram(
      `.intel_syntax noprefix\n.globl _start\n_start:
       mov edi, 0x400000
       mov esi, 4096
       mov edx, 7
       mov eax, 10
       syscall
       hlt`,
      { arch: 'x86-64' },
    );
    const sandbox = await beside([], { program });
    const where = breakIt(sandbox.kernel!);
    expect(sandbox.run()).toMatchObject({ kind: 'signal', signal: 'SIGKILL' });
    expect(sandbox.kernelLog).toContain(`BUG: unable to handle page fault for address: ${where}`);
  });
});

describe('the device', () => {
  it('takes 4096 bytes at a time, and says what the kernel says', async () => {
    const sandbox = await beside([], {}, await kernel(small('')));
    expect(writeDevice(sandbox, 'x', 5000)).toBe('4096');
    const stubborn = await beside([], {}, await kernel(small('', 'mov rax, -16\nret')));
    expect(writeDevice(stubborn, 'x')).toBe('EBUSY');
    const generous = await beside([], {}, await kernel(small('', 'mov rax, 1 << 40\nret')));
    expect(writeDevice(generous, 'x')).toBe('1');
  });

  it('answers with a length, an errno or nothing at all', async () => {
    const odd = await beside([], {}, await kernel(small('', 'mov rax, -5000\nret')));
    expect(writeDevice(odd, 'x')).toBe('0');
    const none = await kernel(small('').replace('device_write:', 'another_name:'));
    expect(writeDevice(await beside([], {}, none), 'x')).toBe('EINVAL');
  });

  it('is EFAULT while the kernel may not write to its buffer', async () => {
    const sealed = 'lea rdi, [rip + device_buffer]\nand rdi, -4096\nmov esi, 2\ncall set_memory_ro';
    const sandbox = await beside([], {}, await kernel(small(`frame\n${sealed}\nunframe`)));
    expect(writeDevice(sandbox, 'x')).toBe('EFAULT');
  });

  it('calls on a stack that is aligned, and leaves the registers of the waiting kernel', async () => {
    const device = 'lea rax, [rsp + 8]\nand eax, 15\nsub rax, 16\nret';
    const sandbox = await beside([], {}, await kernel(small('', device)));
    const waiting = (): unknown => [sandbox.kernel?.regs.rsp, sandbox.kernel?.regs.rip];
    const before = waiting();
    // -16: EBUSY.
    expect(writeDevice(sandbox, 'x')).toBe('EBUSY');
    expect(waiting()).toEqual(before);
  });

  it('starts with few blocks for the program, which pays for what it has the kernel do', async () => {
    const { elf: program } = await assembleProgram(
      `.intel_syntax noprefix
       .include "lib/x86-64-calls.inc"
       .data
       device: .asciz "/dev/kernel"
       .text
       .globl _start
       _start:
       must open, OFFSET device, O_WRONLY
       mov rbp, rax
       xor ebx, ebx
       1: sys write, rbp, OFFSET device, 1
       inc rbx
       jmp 1b`,
      { arch: 'x86-64', include },
    );
    const slow = await kernel(small('', 'mov ecx, 20000\n7: dec ecx\njnz 7b\nmov eax, 1\nret'));
    const sandbox = await beside([], { program, limits: { blocks: 200_000 } }, slow);
    expect(sandbox.run()).toMatchObject({ kind: 'limit' });
    expect(sandbox.regs.rbx).toBeGreaterThan(5n);
    expect(sandbox.regs.rbx).toBeLessThan(15n);
  });

  it.each([
    ['a panic', 'lea rdi, [rip + selinux_name]\njmp panic', 'oops'],
    ['an endless loop', 'jmp .', 'limit'],
    ['an exit', 'mov al, 7\nout 0xf4, al', 'exit'],
  ])('is EIO for good after %s, and the program does not run on', async (_what, code, kind) => {
    const sandbox = await beside(['panic=-1'], {}, await kernel(small('', code)));
    expect(writeDevice(sandbox, 'x')).toBe('EIO');
    expect(writeDevice(sandbox, 'x')).toBe('EIO');
    expect(sandbox.call(0x1000n).kind).toBe(kind);
  });

  it('ends the program before it begins when the kernel does not come to its hlt', async () => {
    const { elf: program } = await assembleProgram('_start: hlt', { arch: 'x86-64' });
    const sandbox = await beside([], { program }, await kernel(small('mov al, 3\nout 0xf4, al')));
    expect(sandbox.run()).toEqual({ kind: 'exit', code: 3 });
    expect(sandbox.resume({ blocks: 5 })).toEqual({ kind: 'exit', code: 3 });
  });
});

describe('both together', () => {
  it('go back to a snapshot, the log too', async () => {
    const sandbox = await beside();
    const at = page(sandbox);
    const before = sandbox.snapshot();
    const lines = sandbox.kernelLog.length;
    expect(writeDevice(sandbox, 'rule')).toBe('4');
    expect(writeDevice(sandbox, 'unlink')).toBe('EIO');
    expect(protect(sandbox, at)).toBe('ok');
    sandbox.restore(before);
    expect(sandbox.kernelLog).toHaveLength(lines);
    expect(protect(sandbox, at)).toBe('EACCES');
    expect(writeDevice(sandbox, 'rule')).toBe('4');
    sandbox.discard(before);
  });

  it('go on from a snapshot though the kernel has ended since', async () => {
    const sandbox = await beside([], {}, await kernel(small('', 'mov al, 7\nout 0xf4, al')));
    const before = sandbox.snapshot();
    expect(writeDevice(sandbox, 'x')).toBe('EIO');
    expect(sandbox.call(0x1000n).kind).toBe('exit');
    sandbox.restore(before);
    expect(sandbox.call(0x1000n).kind).toBe('signal');
    sandbox.discard(before);
  });

  it('become bytes, with what the host did to the kernel in its place', async () => {
    const sandbox = await beside();
    const at = page(sandbox);
    const { kernel: machine } = sandbox;
    protect(sandbox, at);
    machine?.poke(machine.symbols.get('selinux_state') ?? 0n, Uint8Array.of(0));
    protect(sandbox, at);
    const again = await Sandbox.fromBytes(sandbox.toBytes());
    open.push(again);
    expect(again.kernelLog).toEqual(sandbox.kernelLog);
    expect(again.kernel?.procMaps()).toBe(machine?.procMaps());
  });

  it('run the same in pieces', async () => {
    const { elf: program } = await assembleProgram(
      `.intel_syntax noprefix
       .include "lib/x86-64-calls.inc"
       .data
       device: .asciz "/dev/kernel"
       rule: .ascii "rule"
       .text
       .globl _start
       _start:
       must mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
       mov rbx, rax
       put_code rbx, 1001
       must open, OFFSET device, O_WRONLY
       mov rbp, rax
       sys write, rbp, OFFSET rule, 4
       must mprotect, rbx, 4096, PROT_READ | PROT_EXEC
       call rbx
       show
       finish 0`,
      { arch: 'x86-64', include },
    );
    const whole = await beside([], { program });
    const pieces = await beside([], { program });
    const end = whole.run();
    let piece = pieces.resume({ instructions: 7 });
    while (piece.kind === 'pause') piece = pieces.resume({ instructions: 7 });
    expect(piece).toEqual(end);
    expect(end).toEqual({ kind: 'exit', code: 0 });
    const events = ({ trace }: Sandbox): unknown =>
      trace.map(({ seq, type, pid, pc }) => ({ seq, type, pid, pc }));
    expect(events(pieces)).toEqual(events(whole));
    expect(pieces.kernel?.procMaps()).toBe(whole.kernel?.procMaps());
  });

  it('belong together: the kernel has no state of its own to save, and is closed with the program', async () => {
    const sandbox = await beside();
    const { kernel: machine } = sandbox;
    const message = /a kernel beside a program is saved and restored with it/;
    expect(() => machine?.snapshot()).toThrow(message);
    expect(() => machine?.toBytes()).toThrow(message);
    machine?.close();
    expect(protect(sandbox, page(sandbox))).toBe('EACCES');
    sandbox.close();
    expect(() => machine?.maps()).toThrow('this sandbox is closed');
  });

  it('open at once where the engine is loaded', async () => {
    await Sandbox.load();
    const sandbox = Sandbox.createLoaded({ kernel: { program: elf } });
    open.push(sandbox);
    expect(protect(sandbox, page(sandbox))).toBe('EACCES');
  });
});

describe('wrong options', () => {
  it.each([
    [{ kernel: 5 }, 'kernel is 5: expected an object such as { program: bytes }'],
    [{ kernel: {} }, 'kernel.program is undefined: expected the ELF image of a kernel'],
    [{ kernel: { program: 'x' } }, "kernel.program is 'x': expected the ELF image of a kernel"],
    [{ kernel: { program: null } }, 'kernel.program is null: expected the ELF image of a kernel'],
    [{ kernel: { programm: new Uint8Array() } }, 'program'],
    [{ kernel: { program: new Uint8Array(3) } }, '/program'],
  ])('%o', async (options, message) => {
    await expect(Sandbox.create(options as unknown as SandboxOptions)).rejects.toThrow(message);
  });

  it('a kernel beside what is no program of linux, or without hooks', async () => {
    await expect(beside([], { os: 'windows' })).rejects.toThrow(
      "kernel is for a program of os 'linux' to run beside, and this sandbox runs os 'windows'",
    );
    const bare = await kernel(
      '.intel_syntax noprefix\n.include "lib/kernel.inc"\n.text\nkernel_init: ret\nkernel_main: ret',
    );
    await expect(beside([], {}, bare)).rejects.toThrow(
      "has no symbol 'security_hook_heads': it has no hooks to ask",
    );
  });
});
