/** Handlers that damage their signal frame: the way back ends somehow, as on Linux never with a host error. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../../../src/base/address.js';
import { assemble } from '../../../engine/assembler.js';
import { type Machine, openIdle } from '../machine.js';

const SIGTRAP = 5n;
const SA_SIGINFO_RESTORER = 0x0400_0004n;
const NONE = (1n << 64n) - 1n;
/** Frame, with what the FPU's state takes of it. */
const FRAME_BYTES = 1600;

/** rt_sigreturn */
const RETURN: Readonly<Record<Arch, string>> = {
  'x86-64': 'mov eax, 15; syscall',
  i386: 'mov eax, 173; int 0x80',
};

interface Guest {
  readonly machine: Machine;
  readonly page: bigint;
  readonly put: (offset: number, text: string) => void;
}

/** A page of code whose handler for SIGTRAP lies at 0x100 and whose restorer at 0xf00. */
async function open(arch: Arch): Promise<Guest> {
  const machine = await openIdle(arch, { blocks: 50_000 });
  const { process } = machine;
  const mmap = arch === 'i386' ? 'mmap2' : 'mmap';
  const page = process.syscall(mmap, [0n, 12288n, 7n, 0x22n, NONE, 0n]).value;
  const put = (offset: number, text: string): void =>
    process.mm.poke(page + BigInt(offset), assemble(arch, text, Number(page) + offset));
  const word = arch === 'i386' ? 4 : 8;
  const action = new DataView(new ArrayBuffer(32));
  [page + 0x100n, SA_SIGINFO_RESTORER, page + 0xf00n].forEach((value, i) => {
    if (word === 8) action.setBigUint64(8 * i, value, true);
    else action.setUint32(4 * i, Number(value), true);
  });
  process.mm.poke(page + 4096n, new Uint8Array(action.buffer));
  process.syscall('rt_sigaction', [SIGTRAP, page + 4096n, 0n, 8n]);
  put(0, 'int3; mov eax, 42; ret');
  put(0xf00, RETURN[arch]);
  return { machine, page, put };
}

describe.each(['x86-64', 'i386'] as const)('a damaged signal frame on %s', (arch) => {
  const sp = arch === 'i386' ? 'esp' : 'rsp';

  it('does no harm to the host, wherever the damage is', async () => {
    const { machine, page } = await open(arch);
    using _ = machine;
    const { process } = machine;
    const start = process.snapshot();
    const word = fc.oneof(
      fc.constantFrom(0, 1, 8, 0xffff_ffff, 0x8000_0000, Number(page & 0xffff_ffffn)),
      fc.nat({ max: 0xffff_ffff }),
    );
    const damage = fc.array(fc.tuple(fc.nat({ max: FRAME_BYTES / 4 - 1 }), word), {
      minLength: 1,
      maxLength: 6,
    });
    const ends = new Set<string>();
    fc.assert(
      fc.property(damage, (words) => {
        process.restore(start);
        // mov dword ptr [sp + offset], value
        const stores = words.flatMap(([index, value]) => {
          const code = new DataView(new ArrayBuffer(8));
          code.setUint32(0, index * 4, true);
          code.setUint32(4, value, true);
          return [0xc7, 0x84, 0x24, ...new Uint8Array(code.buffer)];
        });
        process.mm.poke(page + 0x100n, Uint8Array.of(...stores, 0xc3));
        const end = process.call(page, []);
        ends.add(end.kind);
        process.mm.checkInvariants();
      }),
      { numRuns: 500 },
    );
    // Much of a frame is of no consequence; the rest ends in a signal.
    expect([...ends]).toEqual(expect.arrayContaining(['return', 'signal']));
    process.restore(start);
    process.mm.poke(page + 0x100n, Uint8Array.of(0xc3));
    expect(process.call(page, [])).toEqual({ kind: 'return', value: 42n });
  });

  it.each([
    ['is not mapped', `mov ${sp}, 0x1000`],
    ['ends in a page that is not mapped', `mov ${sp}, [frame]`],
  ])('is SIGSEGV by the kernel when it %s', async (_name, text) => {
    const { machine, page, put } = await open(arch);
    using _ = machine;
    const last = page + 3n * 4096n - 16n;
    machine.process.syscall('munmap', [page + 3n * 4096n, 4096n]);
    const wild = text.replace('[frame]', `0x${last.toString(16)}`);
    put(0x100, `${wild}; ${RETURN[arch]}`);
    const end = machine.process.call(page, []);
    expect(end).toMatchObject({ kind: 'signal', signal: 'SIGSEGV', code: 'SI_KERNEL' });
  });
});
