/** The contract's Library section, sentence by sentence, against the built package. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Library from '../../src/index.js';

// The built bundle, not the sources: what a user imports. Typed by the sources it was made of.
const bundle = new URL('../../dist/index.js', import.meta.url).href;
const { Sandbox, assemble, definePolicy, disassemble, listPolicies, MayexecError } = (await import(
  bundle
)) as typeof Library;

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);

describe('Sandbox.create', () => {
  it('takes every option of the contract', async () => {
    using sb = await Sandbox.create({
      arch: 'x86-64',
      os: 'linux',
      policy: 'nx',
      layout: undefined,
      seed: 1,
      engine: 'auto',
      limits: { memory: 64 << 20, blocks: 10_000_000 },
    });
    expect(sb.maps().length).toBeGreaterThan(0);
  });

  it.each(['x86-64', 'i386'] as const)('runs code on %s', async (arch) => {
    using sb = await Sandbox.create({ arch });
    const page = map(sb, PROT_READ | PROT_WRITE);
    expect(sb.store(page, RETURN_1001)).toBeNull();
    expect(sb.syscall('mprotect', page, 4096, PROT_READ | PROT_EXEC)).toEqual({ value: 0n });
    expect(sb.call(page)).toEqual({ kind: 'return', value: 1001n });
  });

  it('takes a Policy object and a list, all of which must agree', async () => {
    const noExec = definePolicy({
      name: 'no-exec',
      mmapRegion: ({ flags }) =>
        flags & PROT_EXEC ? { errno: 'EPERM', reason: 'nothing may be executable' } : undefined,
    });
    using sb = await Sandbox.create({ policy: ['nx', noExec] });
    expect(sb.syscall('mmap', 0, 4096, PROT_EXEC, MAP_PRIVATE_ANONYMOUS, -1, 0)).toEqual({
      value: -1n,
      errno: 'EPERM',
    });
  });

  it('gives the same run for the same seed and another layout for another', async () => {
    const maps = async (seed: number): Promise<string> => {
      using sb = await Sandbox.create({ seed });
      return sb.procMaps();
    };
    expect(await maps(7)).toBe(await maps(7));
    expect(await maps(7)).not.toBe(await maps(8));
  });

  it.each([
    [{ policy: 'slinux' }, /slinux.*selinux/s],
    [{ arch: 'x86_64' }, /x86_64.*x86-64/s],
    [{ os: 'lunix' }, /lunix.*linux/s],
    [{ engine: 'unicorn' }, /unicorn.*unicorn1/s],
    [{ polcy: 'nx' }, /polcy.*policy/s],
    [{ seed: -1 }, /seed.*-1/s],
    [{ limits: { memory: 'much' } }, /memory.*much/s],
    [{ layout: 'nowhere' }, /nowhere/],
    [{ cpu: 'x86-64-v33' }, /x86-64-v33.*x86-64-v3/s],
    [{ cpu: 'x86-64,+bmi3' }, /bmi3.*bmi1/s],
    [{ cpu: 3 }, /cpu is 3/],
    [{ cpu: 'x86-64', os: 'kernel' }, /a processor of its own/],
  ])('refuses %j with the value and the nearest right one', async (options, message) => {
    const create = Sandbox.create(options as unknown as Library.SandboxOptions);
    await expect(create).rejects.toBeInstanceOf(MayexecError);
    await expect(create).rejects.toThrow(message);
  });
});

describe('a sandbox', () => {
  let sb: Library.Sandbox;
  beforeAll(async () => {
    sb = await Sandbox.create({ policy: 'nx' });
  });
  afterAll(() => sb.close());

  it('makes system calls by name and by number', () => {
    const pid = sb.syscall('getpid');
    expect(pid.value).toBeGreaterThan(0n);
    expect(sb.syscall(39)).toEqual(pid);
    expect(sb.syscall('mprotect', 0x1001, 4096, 0)).toEqual({ value: -1n, errno: 'EINVAL' });
    expect(() => sb.syscall('mproject')).toThrow(/mproject.*mprotect/s);
  });

  it('stores and loads as the guest would', () => {
    const page = map(sb, PROT_READ);
    expect(sb.load(page, 4)).toEqual(Uint8Array.of(0, 0, 0, 0));
    expect(sb.store(page, Uint8Array.of(1))).toMatchObject({
      address: page,
      access: 'write',
      code: 'SEGV_ACCERR',
    });
    expect(sb.load(0x10, 1)).toMatchObject({ address: 0x10n, access: 'read', code: 'SEGV_MAPERR' });
  });

  it('pokes and peeks past the rights, and throws where nothing is mapped', () => {
    const page = map(sb, 0);
    sb.poke(page, RETURN_1001);
    expect(sb.peek(page, 6)).toEqual(RETURN_1001);
    expect(() => sb.poke(0x10, RETURN_1001)).toThrow(MayexecError);
    expect(() => sb.peek(0x10, 1)).toThrow(/0x10/);
  });

  it('reports an NX fault as a signal with the buffer as address and PC', () => {
    const page = map(sb, PROT_READ | PROT_WRITE);
    sb.poke(page, RETURN_1001);
    expect(sb.call(page)).toEqual({
      kind: 'signal',
      signal: 'SIGSEGV',
      code: 'SEGV_ACCERR',
      address: page,
      access: 'exec',
      pc: page,
    });
  });

  it('passes integer arguments in the convention of the platform', () => {
    const page = map(sb, PROT_READ | PROT_EXEC);
    sb.poke(page, Uint8Array.of(0x48, 0x8d, 0x04, 0x37, 0xc3)); // lea rax, [rdi+rsi]; ret
    expect(sb.call(page, 40, 2n)).toEqual({ kind: 'return', value: 42n });
  });

  it('shows maps with the fields of the contract, and the same as text', () => {
    const page = map(sb, PROT_READ | PROT_WRITE);
    const entry = sb.maps().find(({ start, end }) => start <= page && page < end);
    expect(entry).toMatchObject({
      perms: 'rw-p',
      offset: 0n,
      name: '',
      vmFlags: ['rd', 'wr', 'mr', 'mw', 'me', 'ac'],
    });
    expect(sb.procMaps()).toContain(`${entry?.start.toString(16)}-${entry?.end.toString(16)} rw-p`);
  });

  it('reads and writes registers by name', () => {
    sb.regs.rax = 0x1122334455667788n;
    expect(sb.regs.rax).toBe(0x1122334455667788n);
    expect(sb.regs.eax).toBe(0x55667788n);
    expect(() => sb.regs.raz).toThrow(/raz.*rax/s);
  });

  it('keeps a typed trace', () => {
    sb.syscall('mprotect', 0x1001, 4096, 0);
    expect(sb.trace.filter(({ type }) => type === 'syscall').at(-1)).toMatchObject({
      name: 'mprotect',
      args: [0x1001n, 4096n, 0n],
      errno: 'EINVAL',
    });
  });

  it('goes back to a snapshot: registers, memory, mappings', () => {
    const page = map(sb, PROT_READ | PROT_WRITE);
    sb.store(page, Uint8Array.of(1, 2, 3));
    sb.regs.rbx = 5n;
    const snapshot = sb.snapshot();
    const maps = sb.procMaps();
    for (const value of [9, 10]) {
      sb.store(page, Uint8Array.of(value));
      sb.syscall('munmap', page, 4096);
      sb.regs.rbx = 6n;
      sb.restore(snapshot);
      expect(sb.load(page, 3)).toEqual(Uint8Array.of(1, 2, 3));
      expect(sb.regs.rbx).toBe(5n);
      expect(sb.procMaps()).toBe(maps);
    }
  });
});

describe('outcomes', () => {
  it('ends an endless loop at the block limit', async () => {
    using sb = await Sandbox.create({ limits: { blocks: 1000 } });
    const page = map(sb, PROT_READ | PROT_EXEC);
    sb.poke(page, Uint8Array.of(0xeb, 0xfe));
    expect(sb.call(page)).toEqual({ kind: 'limit', limit: 'blocks' });
  });

  it('ends a guest that touches more memory than it may have', async () => {
    using sb = await Sandbox.create({ limits: { memory: 1 << 20 } });
    const area = sb.syscall('mmap', 0, 16 << 20, 3, MAP_PRIVATE_ANONYMOUS, -1, 0).value;
    const page = map(sb, PROT_READ | PROT_EXEC);
    sb.poke(page, Uint8Array.of(0x88, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0, 0xeb, 0xf5));
    expect(sb.call(page, area)).toEqual({ kind: 'limit', limit: 'memory' });
  });

  it('costs nothing to reserve 1 GiB', async () => {
    using sb = await Sandbox.create({ limits: { memory: 1 << 20 } });
    expect(sb.syscall('mmap', 0, 1 << 30, 0, MAP_PRIVATE_ANONYMOUS | 0x4000, -1, 0).errno).toBe(
      undefined,
    );
  });

  it('refuses to be used after close, and allows a second close', async () => {
    const sb = await Sandbox.create();
    sb.close();
    sb.close();
    expect(() => sb.procMaps()).toThrow(/closed/);
  });
});

describe('policies', () => {
  it('lists every policy of the contract', () => {
    const names = listPolicies().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['none', 'nx', 'wx', 'restricted-wx']));
  });

  it.each([
    ['none', undefined, 'return'],
    ['nx', undefined, 'signal'],
    ['wx', 'EACCES', 'signal'],
    ['restricted-wx', 'EACCES', 'signal'],
  ])('%s: RWX gives %s, and calling a written RW page ends as %s', async (policy, errno, kind) => {
    using sb = await Sandbox.create({ policy });
    expect(sb.syscall('mmap', 0, 4096, 7, MAP_PRIVATE_ANONYMOUS, -1, 0).errno).toBe(errno);
    const page = map(sb, PROT_READ | PROT_WRITE);
    sb.store(page, RETURN_1001);
    expect(sb.call(page).kind).toBe(kind);
  });
});

describe('the assembler and the disassembler', () => {
  it('assembles Intel syntax and disassembles it again', async () => {
    const { bytes } = await assemble('mov eax, 1001\nret', { arch: 'x86-64' });
    expect(bytes).toEqual(RETURN_1001);
    const text = (await disassemble(bytes, { arch: 'x86-64' })).map((line) => line.text);
    expect(text).toEqual(['mov eax, 0x3e9', 'ret']);
  });
});

function map(sb: Library.Sandbox, prot: number): bigint {
  const { value, errno } = sb.syscall('mmap', 0, 4096, prot, MAP_PRIVATE_ANONYMOUS, -1, 0);
  expect(errno).toBe(undefined);
  return value;
}
