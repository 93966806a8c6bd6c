/** Whatever a kernel does: a defined end of its machine, and nothing of the host's. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.js';
import { BareKernel, NO_PRELUDE } from './bare.js';

const TIMES = Number(process.env.MAYEXEC_CAMPAIGN ?? 1);
const ENDS = ['halt', 'triple-fault', 'exit', 'limit', 'oops'];

/** Instructions that only privilege level 0 may execute, and what else is about the machine. */
const PRIVILEGED = [
  ...[
    'f4',
    'fa',
    'fb',
    'cf',
    '48cf',
    'cb',
    '48cb',
    '0f05',
    '0f07',
    '480f07',
    '0f34',
    '0f35',
    '0f08',
    '0f09',
  ],
  ...[
    '0f30',
    '0f32',
    '0f33',
    '0f31',
    '0f06',
    '0f01f8',
    '0f01c1',
    '0f01d0',
    '0f01d8',
    '0f01d9',
    '0f01da',
  ],
  ...[
    '0f01db',
    '0f01dc',
    '0f01dd',
    '0f01de',
    '0f01df',
    '0f01c8',
    '0f01c9',
    '0f01ca',
    '0f01cb',
    '0faa',
  ],
  ...[
    '0f20c0',
    '0f20d0',
    '0f20d8',
    '0f20e0',
    '440f20c0',
    '0f22c0',
    '0f22d0',
    '0f22d8',
    '0f22e0',
    '440f22c0',
  ],
  ...[
    '0f21c0',
    '0f21f8',
    '0f23c0',
    '0f23f8',
    '0f23f0',
    '0f0100',
    '0f0108',
    '0f0110',
    '0f0118',
    '0f0120',
  ],
  ...[
    '0f0130',
    '0f0138',
    '0f0000',
    '0f0008',
    '0f0010',
    '0f0018',
    '0f0020',
    '0f0028',
    '0f00d0',
    '0f00d8',
  ],
  ...[
    '6c',
    '6d',
    '6e',
    '6f',
    'f36e',
    'f36c',
    'f3486f',
    'e460',
    'e7e9',
    'ec',
    'ed',
    'ee',
    'ef',
    '66ef',
  ],
  ...[
    'cc',
    'cd80',
    'cd03',
    'ce',
    'f1',
    '9c',
    '9d',
    '8ed0',
    '8ed8',
    '8ec0',
    '8ee0',
    '8ee8',
    '0fa1',
    '0fa9',
  ],
  ...[
    'ff28',
    '48ff28',
    'ff18',
    'ea',
    '0fb210',
    '0fb410',
    '0fb510',
    '8e10',
    '0fa2',
    '0fc708',
    '0fc730',
  ],
].map((digits) => Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));

const REGISTERS = ['rax', 'rcx', 'rdx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8'];
/** Values that mean something to such instructions: MSRs, tables, addresses, flags. */
const VALUES = [
  ...[
    0n,
    1n,
    8n,
    0x10n,
    0x18n,
    0x43n,
    0xe9n,
    0x40n,
    0x174n,
    0xc000_0080n,
    0xc000_0101n,
    0x1bn,
    0x8b0n,
  ],
  ...[0x10_0000n, 0xffff_8880_0000_7000n, 0xffff_8880_0010_0000n, 0xffff_ffff_8100_0000n],
  ...[
    0x8000_0000_0000n,
    0xffff_ffff_ffff_fff8n,
    0x8005_0033n,
    0x3006a0n,
    0xffff_ffffn,
    0xffff_c900_0000_0ffcn,
  ],
];

describe('random code at privilege level 0', () => {
  it(`ends in one of the ways that there are: ${60 * TIMES} pieces`, async () => {
    using kernel = await BareKernel.create('code: .zero 256', { limits: { blocks: 60_000 } });
    const { sandbox } = kernel;
    const start = sandbox.snapshot();
    const random = new Random(7);
    const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
    const ends = new Set<string>();
    for (let n = 0; n < 60 * TIMES; n++) {
      const pieces: number[] = [];
      while (pieces.length < 120) {
        const bytes =
          random.below(3) === 0
            ? Uint8Array.from({ length: 1 + random.below(6) }, () => random.below(256))
            : pick(PRIVILEGED);
        pieces.push(...bytes);
      }
      sandbox.poke(kernel.symbol('code'), Uint8Array.from(pieces));
      sandbox.poke(
        0xffff_8880_0000_7000n,
        Uint8Array.from({ length: 64 }, () => random.below(256)),
      );
      for (const name of REGISTERS) {
        if (random.below(2) === 0) sandbox.regs[name] = pick(VALUES);
      }
      const outcome = sandbox.run();
      expect(ENDS, `piece ${n}`).toContain(outcome.kind);
      ends.add(outcome.kind);
      if (n % 10 === 0) sandbox.procMaps();
      sandbox.restore(start);
    }
    expect(ends).toContain('triple-fault');
    // It is as it was: the same kernel runs to its end.
    sandbox.poke(kernel.symbol('code'), Uint8Array.of(0xf4));
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
  });
});

describe('page tables that lead nowhere', () => {
  it('a table that maps itself is listed as far as it is looked at', async () => {
    using kernel = await BareKernel.create(
      `mov rax, cr3
       mov rdi, 0xffff888000000000
       add rdi, rax
       or rax, 3
       add rdi, 8 * 300
       mov ecx, 100
       rep stosq
       hlt`,
    );
    const { sandbox } = kernel;
    expect(sandbox.run()).toMatchObject({ kind: 'halt' });
    expect(sandbox.procMaps()).toContain('(more page tables than are listed)');
    expect(sandbox.maps().length).toBeGreaterThan(2);
    // The recursive address of the top table's own entry.
    const index = 300n;
    const own = [39n, 30n, 21n, 12n].reduce((sum, shift) => sum | (index << shift), index << 3n);
    const bytes = sandbox.load(own | 0xffff_0000_0000_0000n, 2);
    expect(bytes).toEqual(Uint8Array.of(0x23, 0));
  });

  it.each([
    [
      'CR3 beyond RAM',
      'mov eax, 0x7ffff000; mov cr3, rax; mov rax, cr4; btr rax, 7; mov cr4, rax; nop; hlt',
    ],
    [
      'CR3 at zeros',
      'mov eax, 0x1000000; add rax, 0x800000; mov cr3, rax; mov rax, cr4; btr rax, 7; mov cr4, rax; nop',
    ],
    [
      'an IDT at nothing',
      'lidt [rip + nowhere]; ud2; nowhere: .word 4095; .quad 0xffffc90000000000',
    ],
    ['an IDT that is short', 'lidt [rip + short]; ud2; short: .word 15; .quad idt'],
    ['a stack that is not canonical', 'mov rsp, 0x8000000000000000; push rax'],
    ['a GDT that is gone', 'lgdt [rip + none]; ud2; none: .word 0; .quad 0'],
  ])('%s: the machine resets', async (_name, source) => {
    using kernel = await BareKernel.create(source);
    expect(kernel.sandbox.run()).toMatchObject({ kind: 'triple-fault' });
  });

  it('ends when the memory of the sandbox is used up, and can be looked at then', async () => {
    using kernel = await BareKernel.create(
      `mov rdi, 0xffff888002000000
       1: mov [rdi], rdi
       add rdi, 4096
       jmp 1b`,
      { limits: { memory: 1 << 20 } },
      NO_PRELUDE,
    );
    expect(kernel.sandbox.run()).toEqual({ kind: 'limit', limit: 'memory' });
    expect(kernel.sandbox.peek(0xffff_8880_0200_0000n, 1)).toEqual(Uint8Array.of(0));
  });

  it('a kernel that does not fit is refused in a sentence', async () => {
    const big = BareKernel.create('hlt\n.data\n.rept 40000\n.quad 1\n.endr', {
      limits: { memory: 64 << 10 },
    });
    await expect(big).rejects.toThrow(
      "cannot execute '/program': it does not fit into the memory of the sandbox (limits.memory)",
    );
  });
});
