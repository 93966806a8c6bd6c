import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.js';
import { Sandbox, type SandboxSnapshot } from '../../src/sandbox/sandbox.js';
import { assemble } from '../../src/toolchain/assemble.js';

const PAGES = 12;
const PAGE = 4096;
const RW = 3;
const RWX = 7;
const PRIVATE = 0x22;
const SHARED = 0x21;
const FIXED = 0x10;

/** rax = the sum of the words of `rsi` pages from rdi; where rdx is not 0 it is added to the first word first. */
const SUM = `
    add [rdi], rdx
    xor eax, eax
    shl rsi, 9
again:
    add rax, [rdi]
    add rdi, 8
    dec rsi
    jnz again
    ret`;

/**
 * A restore puts back only what has changed since, and the CPU keeps what it knows of all else: whatever a guest and its
 * host do in between, they find all as it was.
 */
describe.each(['anonymous', 'shared'] as const)('restoring a snapshot, %s memory', (kind) => {
  let sandbox: Sandbox;
  let code = 0n;
  let data = 0n;

  beforeAll(async () => {
    sandbox = await Sandbox.create({ policy: 'none' });
    code = sandbox.syscall('mmap', 0, PAGE, RWX, PRIVATE, -1, 0).value;
    const { bytes } = await assemble(SUM, { arch: 'x86-64', address: code });
    sandbox.poke(code, bytes);
    const flags = kind === 'shared' ? SHARED : PRIVATE;
    data = sandbox.syscall('mmap', 0, PAGES * PAGE, RW, flags, -1, 0).value;
    for (let page = 0; page < PAGES; page += 2) sandbox.store(at(page), filled(page + 1));
  });
  afterAll(() => sandbox.close());

  const at = (page: number): bigint => data + BigInt(page * PAGE);
  const filled = (byte: number): Uint8Array => new Uint8Array(PAGE).fill(byte);

  const sum = (page: number, add = 0): string => {
    const outcome = sandbox.call(code, at(page), 1, add);
    return outcome.kind === 'return' ? `${outcome.value}` : outcome.kind;
  };

  const OPERATIONS: readonly ((random: Random) => void)[] = [
    (random) => void sum(random.below(PAGES), random.below(1000)),
    (random) => void sum(random.below(PAGES)),
    (random) => void sandbox.store(at(random.below(PAGES)), filled(random.below(256))),
    (random) => void sandbox.syscall('munmap', at(random.below(PAGES)), PAGE),
    (random) => void sandbox.syscall('mprotect', at(random.below(PAGES)), PAGE, random.below(8)),
    (random) => void sandbox.syscall('madvise', at(random.below(PAGES)), 2 * PAGE, 4),
    (random) =>
      void sandbox.syscall('mmap', at(random.below(PAGES)), PAGE, RWX, PRIVATE | FIXED, -1, 0),
    (random) => sandbox.writeFile(`/tmp/${random.below(3)}`, filled(1)),
    (random) => void sandbox.syscall('brk', 0x1000_0000 + random.below(1 << 20)),
    () => void sandbox.poke(code, filled(0xc3).subarray(0, 1)),
    () => sandbox.discard(sandbox.snapshot()),
  ];

  /** Before any page is read. */
  const resident = (): string => {
    const { errno } = sandbox.syscall('mincore', data, PAGES * PAGE, code + 2048n);
    return errno ?? sandbox.peek(code + 2048n, PAGES).join('');
  };

  const state = (): unknown => ({
    maps: sandbox.procMaps(),
    resident: resident(),
    sums: Array.from({ length: PAGES }, (_, page) => sum(page)),
    trace: sandbox.trace.length,
  });

  const change = (random: Random): void => {
    for (let left = 1 + random.below(6); left > 0; left--) {
      OPERATIONS[random.below(OPERATIONS.length)]!(random);
    }
  };

  it('leaves nothing of what was done since', () => {
    const snapshot = sandbox.snapshot();
    const before = state();
    sandbox.restore(snapshot);
    const other = (random: Random): SandboxSnapshot => {
      change(random);
      return sandbox.snapshot();
    };
    for (let seed = 1; seed <= 150; seed++) {
      const random = new Random(seed);
      change(random);
      const second = seed % 5 === 0 ? other(random) : undefined;
      if (second !== undefined) {
        const between = state();
        sandbox.restore(second);
        change(random);
        sandbox.restore(second);
        expect(state(), `seed ${seed}, the second snapshot`).toEqual(between);
      }
      sandbox.restore(snapshot);
      expect(state(), `seed ${seed}`).toEqual(before);
      sandbox.restore(snapshot);
      if (second !== undefined) sandbox.discard(second);
    }
  });
});
