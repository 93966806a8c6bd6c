/** Whatever a guest does, the host sees an outcome or an errno, never an exception, and the state stays sound. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SYSCALLS_I386 } from '../../../src/abi/linux/syscalls-i386.js';
import { SYSCALLS_X86_64 } from '../../../src/abi/linux/syscalls-x86-64.js';
import type { Arch } from '../../../src/base/address.js';
import { MayexecError } from '../../../src/base/errors.js';
import type { Outcome } from '../../../src/base/outcome.js';
import { HANDLERS } from '../../../src/os/linux/entry/syscall-table.js';
import { PF_RWX, PT_GNU_STACK, program } from './elf-file.js';
import { type Machine, openIdle, openMachine } from './machine.js';

const ARCHES = ['x86-64', 'i386'] as const;
const KINDS: readonly Outcome['kind'][] = ['return', 'exit', 'signal', 'limit'];
const NONE = (1n << 64n) - 1n;
/** More of everything random: MAYEXEC_CAMPAIGN=20. */
const CAMPAIGN = Number(process.env.MAYEXEC_CAMPAIGN ?? 1);

/** Waits that nothing ends, and calls that end the process: each has tests of its own. */
const ENDING = ['exit', 'exit_group', 'pause', 'rt_sigsuspend'];

/** Addresses near what is mapped, sizes near what is usual, and anything at all. */
function argument(machine: Machine, page: bigint): fc.Arbitrary<bigint> {
  const { mm } = machine.process;
  const near = [page, page + 4090n, page + 8192n, mm.startStack, mm.brkEnd, mm.layout.taskSize, 0n];
  const small = fc.bigInt({ min: -9n, max: 70n });
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...near) },
    { weight: 4, arbitrary: small },
    { weight: 2, arbitrary: fc.nat({ max: 63 }).map((bits) => 1n << BigInt(bits)) },
    { weight: 1, arbitrary: fc.nat({ max: 63 }).map((bits) => (1n << BigInt(bits)) - 1n) },
    { weight: 2, arbitrary: fc.constantFrom(4096n, 8192n, 0x22n, 0x32n, 0xffffff9cn, NONE) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: NONE }) },
  );
}

/** Half of it zeros, so that structures and strings in it make some sense. */
function scribble(machine: Machine, page: bigint, bytes: Uint8Array): void {
  const { mm } = machine.process;
  if (mm.find(page) !== undefined) mm.poke(page, bytes);
}

describe.each(ARCHES)('on %s', (arch: Arch) => {
  const calls = (arch === 'x86-64' ? SYSCALLS_X86_64 : SYSCALLS_I386)
    .map(({ name }) => name)
    .filter((name) => HANDLERS[name] !== undefined && !ENDING.includes(name));

  it('sequences of system calls with any arguments give values and errnos', async () => {
    using machine = await openIdle(arch, { files: { '/tmp/a': Uint8Array.of(1, 2, 3) } });
    const { process } = machine;
    const call = arch === 'i386' ? 'mmap2' : 'mmap';
    const page = process.syscall(call, [0n, 8192n, 3n, 0x22n, NONE, 0n]).value;
    const start = process.snapshot();
    const arg = argument(machine, page);
    const step = fc.tuple(
      fc.constantFrom(...calls),
      fc.array(arg, { minLength: 6, maxLength: 6 }),
      fc.uint8Array({ minLength: 1, maxLength: 48 }),
      fc.constantFrom('', '/tmp/a\0', '/proc/self/mem\0', '/dev/zero\0', '..\0'),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        process.restore(start);
        for (const [name, args, bytes, path] of steps) {
          scribble(machine, page, path === '' ? bytes : new TextEncoder().encode(path));
          const { value, errno } = process.syscall(name, args);
          expect(errno === undefined || value === -1n, name).toBe(true);
          process.mm.checkInvariants();
        }
      }),
      { numRuns: 400 * CAMPAIGN },
    );
  });

  it('numbers that mean nothing are ENOSYS', async () => {
    using machine = await openIdle(arch);
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 0x7fffffff }), (number) => {
        expect(machine.process.syscall(number, []).errno).toBe('ENOSYS');
        expect(machine.process.syscall(-number, []).errno).toBe('ENOSYS');
      }),
      { numRuns: 50 * CAMPAIGN },
    );
  });

  it('random bytes as code end somehow', async () => {
    using machine = await openIdle(arch, { blocks: 200 });
    const { process } = machine;
    const call = arch === 'i386' ? 'mmap2' : 'mmap';
    const page = process.syscall(call, [0n, 8192n, 7n, 0x22n, NONE, 0n]).value;
    const start = process.snapshot();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), (bytes) => {
        process.restore(start);
        process.mm.poke(page, bytes);
        expect(KINDS).toContain(process.call(page, [page, page]).kind);
        process.mm.checkInvariants();
      }),
      { numRuns: 300 * CAMPAIGN },
    );
  });

  it('a handler for everything, on top of random code, ends somehow', async () => {
    using machine = await openIdle(arch, { blocks: 200 });
    const { process } = machine;
    const call = arch === 'i386' ? 'mmap2' : 'mmap';
    const page = process.syscall(call, [0n, 8192n, 7n, 0x22n, NONE, 0n]).value;
    const action = page + 4096n;
    const word = arch === 'i386' ? 4 : 8;
    const start = process.snapshot();
    const flags = fc.constantFrom(0x04000004n, 0x44000004n, 0x0c000000n, 0x04000000n, 0n);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), flags, (bytes, bits) => {
        process.restore(start);
        process.mm.poke(page, bytes);
        const struct = new DataView(new ArrayBuffer(32));
        const put = (at: number, value: bigint): void =>
          word === 8
            ? struct.setBigUint64(at, value, true)
            : struct.setUint32(at, Number(value), true);
        put(0, page + BigInt(bytes.length >> 1));
        put(word, bits);
        put(2 * word, page);
        process.mm.poke(action, new Uint8Array(struct.buffer));
        for (const signal of [4n, 5n, 7n, 8n, 11n]) {
          process.syscall('rt_sigaction', [signal, action, 0n, 8n]);
        }
        expect(KINDS).toContain(process.call(page, [page, page]).kind);
        process.mm.checkInvariants();
      }),
      { numRuns: 200 * CAMPAIGN },
    );
  });

  it('damaged programs are refused or end somehow', async () => {
    const good = program(arch, Uint8Array.of(0x90, 0xc3), [
      { type: PT_GNU_STACK, flags: PF_RWX },
      { address: 0x600000n, flags: 6, bytes: Uint8Array.of(1), memorySize: 0x2000n },
    ]);
    const damage = fc.array(fc.tuple(fc.nat({ max: 240 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    const samples = fc.sample(damage, { numRuns: 60 * CAMPAIGN, seed: 11 });
    for (const changes of samples) {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      using machine = await openMachine(arch, { blocks: 100 });
      try {
        machine.process.exec('/tmp/x', bytes, ['x'], []);
      } catch (error) {
        expect(error).toBeInstanceOf(MayexecError);
        continue;
      }
      expect(KINDS).toContain(machine.process.run().kind);
      machine.process.mm.checkInvariants();
    }
  });
});
