/** A sandbox as bytes: carried to another process of Node, finished there, and refused where it cannot be. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pack, unpack } from '../../src/base/pack.js';
import { VERSION } from '../../src/base/version.js';
import { definePolicy } from '../../src/policy/define.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

/** Writes to a pipe and to a file, asks for randomness, forks, and ends with what it summed. */
const PROGRAM = `.macro call nr, a0=0, a1=0, a2=0, a3=0
    mov rdi, \\a0
    mov rsi, \\a1
    mov rdx, \\a2
    mov r10, \\a3
    mov eax, \\nr
    syscall
.endm
    .text
    .globl _start
_start:
    call SYS_getrandom, offset cell, 16, 0
    call SYS_write, 1, offset cell, 16
    call SYS_pipe2, offset cell + 32, 0
    call SYS_fork
    test eax, eax
    jz child
    mov eax, dword ptr [cell + 32]
    call SYS_read, rax, offset cell + 48, 8
    call SYS_wait4, -1, 0, 0, 0
    mov ecx, 40
    xor ebx, ebx
again:
    add bl, byte ptr [cell + 48]
    dec ecx
    jnz again
    call SYS_write, 1, offset cell + 48, 8
    call SYS_exit_group, rbx
child:
    mov eax, dword ptr [cell + 36]
    call SYS_write, rax, offset cell, 8
    call SYS_exit_group, 0
    .data
cell: .fill 64, 1, 0
`;

async function paused(): Promise<Sandbox> {
  const { elf } = await assembleProgram(PROGRAM, { arch: 'x86-64' });
  const sb = await Sandbox.create({ program: elf, policy: 'mdwe', seed: 7 });
  sb.resume({ instructions: 45 });
  sb.poke(sb.symbols.get('cell')!, Uint8Array.of(9, 9, 9));
  sb.regs.r15 = 5n;
  return sb;
}

function finish(sb: Sandbox): unknown {
  const outcome = sb.run();
  const trace = sb.trace.map((event) => {
    const { seq, pid, pc, type } = event;
    const name = event.type === 'syscall' ? [event.name, event.shown, event.value] : [];
    return [seq, pid, pc, type, ...name];
  });
  return JSON.parse(
    JSON.stringify({ outcome, trace, stdout: [...sb.stdout], r15: sb.regs.r15 }, (_key, each) =>
      typeof each === 'bigint' ? `${each}n` : each,
    ),
  );
}

describe('a sandbox as bytes', () => {
  it('goes on in another process as it does here, from a pause in the middle', async () => {
    using sb = await paused();
    const bytes = sb.toBytes();
    const script = `
      import { Sandbox } from ${JSON.stringify(LIBRARY)};
      const chunks = [];
      for await (const chunk of process.stdin) chunks.push(chunk);
      const sb = await Sandbox.fromBytes(new Uint8Array(Buffer.concat(chunks)));
      const finish = ${finish.toString()};
      process.stdout.write(JSON.stringify(finish(sb)));
      sb.close();`;
    const there = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      input: bytes,
      encoding: 'utf8',
    });
    expect(there.stderr).toBe('');
    expect(JSON.parse(there.stdout)).toEqual(finish(sb));
    // The program is most of it.
    expect(bytes.length).toBeLessThan(30_000);
  });

  it('can be that of a snapshot that the sandbox has left, on whatever way', async () => {
    using sb = await paused();
    const early = sb.snapshot();
    sb.resume({ instructions: 10 });
    const late = sb.snapshot();
    sb.restore(early);
    sb.poke(sb.symbols.get('cell')!, Uint8Array.of(1));
    const pc = async (bytes: Uint8Array): Promise<bigint> => {
      using other = await Sandbox.fromBytes(bytes);
      return other.regs.rip!;
    };
    const [now, later] = [await pc(sb.toBytes(early)), await pc(sb.toBytes(late))];
    expect(now).toBe(sb.regs.rip);
    sb.restore(late);
    expect(later).toBe(sb.regs.rip);
    expect(later).not.toBe(now);
  });

  it('tells only what is written from then on, and can be written again', async () => {
    using sb = await paused();
    const seen: number[] = [];
    using other = await Sandbox.fromBytes(sb.toBytes(), {
      onOutput: (_fd, bytes) => seen.push(...bytes),
    });
    expect(seen).toEqual([]);
    expect(other.toBytes()).toEqual(sb.toBytes());
    const before = other.stdout.length;
    other.run();
    expect(seen).toEqual([...other.stdout.slice(before)]);
  });

  it('is refused with a sentence where it is cut off, damaged, of another version or another engine', async () => {
    using sb = await paused();
    const bytes = sb.toBytes();
    const read = (given: Uint8Array): Promise<unknown> => Sandbox.fromBytes(given);
    await expect(read(bytes.slice(0, 4))).rejects.toThrow('these bytes are no snapshot of mayexec');
    await expect(read(new Uint8Array(90))).rejects.toThrow('these bytes are no snapshot');
    await expect(read(bytes.slice(0, 26))).rejects.toThrow('this snapshot of mayexec is cut off');
    await expect(read(bytes.slice(0, -1))).rejects.toThrow('this snapshot of mayexec is cut off');
    const damaged = bytes.slice();
    damaged[bytes.length - 9]! ^= 4;
    await expect(read(damaged)).rejects.toThrow('damaged: its checksum is wrong');
    await expect(read([] as unknown as Uint8Array)).rejects.toThrow('expected the bytes');
    const name = `mayexec snapshot ${VERSION}`;
    const whole = unpack(name, 'snapshot', bytes) as Record<string, unknown>;
    const changed = (part: object): Uint8Array => pack(name, { ...whole, ...part });
    const line = new TextEncoder().encode('mayexec snapshot 9.9.9\nwith another form');
    await expect(read(line)).rejects.toThrow(
      `this snapshot was written by mayexec 9.9.9, and this is ${VERSION}: only the same version reads it`,
    );
    await expect(read(changed({ engine: 'unicorn2' }))).rejects.toThrow(
      "this snapshot was written on the engine 'unicorn2', and this is 'unicorn1'",
    );
    await expect(read(changed({ digest: 1 }))).rejects.toThrow('another state comes of it');
    await expect(read(changed({ calls: [['close']] }))).rejects.toThrow('a part of it is missing');
    await expect(read(changed({ options: { polcy: 'nx' } }))).rejects.toThrow('unknown option');
  });

  it('cannot hold functions and policies of the host, and says so', async () => {
    const own = definePolicy({ name: 'own', mmapRegion: () => undefined });
    using withPolicy = await Sandbox.create({ policy: own });
    expect(() => withPolicy.toBytes()).toThrow(
      "this sandbox cannot be written as bytes: 'options.policy.",
    );
    using withIntercept = await Sandbox.create({ intercept: () => undefined });
    expect(() => withIntercept.toBytes()).toThrow(
      "'options.intercept' is a function, which bytes cannot hold",
    );
  });

  it('stops being kept, and not the sandbox, when too much is done to it', async () => {
    using sb = await Sandbox.create();
    const early = sb.snapshot();
    for (let i = 0; i <= 200_000; i++) sb.regs.rax = BigInt(i);
    expect(() => sb.toBytes()).toThrow('more was done to it than 200000 calls or 64 MiB');
    sb.restore(early);
    expect(sb.toBytes().length).toBeGreaterThan(0);
  });

  it('names the version that package.json names', () => {
    const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect((JSON.parse(file) as { version: string }).version).toBe(VERSION);
  });
});
