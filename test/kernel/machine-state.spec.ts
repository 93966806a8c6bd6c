/** The parts that a machine's state is made of: time, randomness, output, structures. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Struct } from '../../src/base/struct.js';
import { decodeText, encodeText } from '../../src/base/text.js';
import { VirtualClock } from '../../src/kernel/clock.js';
import { Entropy } from '../../src/kernel/entropy.js';
import { KernelLog } from '../../src/kernel/log.js';
import { OutputSink } from '../../src/kernel/output.js';
import { saveAll } from '../../src/kernel/snapshot.js';
import { int, uint } from '../../src/kernel/syscall.js';

describe('the virtual clock', () => {
  it('moves only when something moves it, and moves with every system call', () => {
    const clock = new VirtualClock();
    const before = clock.monotonic;
    expect(clock.monotonic).toEqual(before);
    clock.tick();
    expect(clock.nanoseconds).toBeGreaterThan(0n);
    clock.advance(2_500_000_000n);
    expect(clock.monotonic.seconds).toBe(2n);
    expect(clock.realtime.seconds - clock.monotonic.seconds).toBe(1_767_225_600n);
  });
});

describe('entropy', () => {
  it('is the same for the same seed, differs by seed and by request, and goes back', () => {
    const one = new Entropy(1);
    const first = one.bytes(16);
    expect(new Entropy(1).bytes(16)).toEqual(first);
    expect(new Entropy(2).bytes(16)).not.toEqual(first);
    const saved = one.save();
    const second = one.bytes(16);
    expect(second).not.toEqual(first);
    saved.restore();
    expect(one.bytes(16)).toEqual(second);
  });

  it('gives any length', () => {
    for (const length of [0, 1, 3, 4, 5, 1000]) {
      expect(new Entropy(3).bytes(length)).toHaveLength(length);
    }
  });
});

describe('an output sink', () => {
  it('keeps what was written, passes copies on, and goes back', () => {
    const seen: Uint8Array[] = [];
    const sink = new OutputSink((bytes) => seen.push(bytes));
    const line = Uint8Array.of(1, 2, 3);
    for (let i = 0; i < 200; i++) sink.write(line);
    line.fill(9);
    expect(sink.length).toBe(600);
    expect(sink.bytes.slice(597)).toEqual(Uint8Array.of(1, 2, 3));
    expect(seen).toHaveLength(200);
    expect(seen[0]).toEqual(Uint8Array.of(1, 2, 3));
    sink.truncate(2);
    expect(sink.bytes).toEqual(Uint8Array.of(1, 2));
  });

  it('keeps the first 16 MiB of a guest that writes for ever, and passes all of it on', () => {
    let passed = 0;
    const sink = new OutputSink((bytes) => {
      passed += bytes.length;
    });
    sink.write(Uint8Array.of(7));
    const block = new Uint8Array(12 << 20).fill(1);
    for (let i = 0; i < 3; i++) sink.write(block);
    const all = 1 + (36 << 20);
    expect([passed, sink.length, sink.bytes.length]).toEqual([all, all, 16 << 20]);
    expect([sink.dropped, sink.bytes[0]]).toEqual([all - (16 << 20), 7]);
    sink.truncate(10);
    expect([sink.dropped, sink.bytes.length]).toEqual([0, 10]);
  });
});

describe('the kernel log', () => {
  it('is a ring of 256 KiB: older lines make room, and are counted', () => {
    const log = new KernelLog();
    log.print('first');
    const before = log.save();
    for (let i = 0; i < 1000; i++) log.print(`${i} ${'x'.repeat(1000)}`);
    expect(log.lines.join('').length).toBeLessThanOrEqual(1 << 18);
    expect(log.lines.length).toBeGreaterThan(100);
    expect(log.lines.at(-1)).toMatch(/^999 x/);
    expect(log.dropped + log.lines.length).toBe(1001);
    before.restore();
    expect([log.lines, log.dropped]).toEqual([['first'], 0]);
  });
});

describe('a snapshot of several parts', () => {
  it('restores in order and drops each', () => {
    const seen: string[] = [];
    const part = (name: string) => ({
      save: () => ({
        restore: () => {
          seen.push(`restore ${name}`);
        },
        drop: () => {
          seen.push(`drop ${name}`);
        },
      }),
    });
    const all = saveAll([part('a'), part('b')]);
    all.restore();
    all.drop();
    expect(seen).toEqual(['restore a', 'restore b', 'drop a', 'drop b']);
  });
});

describe('a structure', () => {
  it('holds fields of every width at their offsets, little-endian', () => {
    const struct = new Struct(24).setU8(0, 1).setU16(2, 0x0302).setU32(4, -1).setU64(8, -2n);
    expect([...struct.bytes.slice(0, 8)]).toEqual([1, 0, 2, 3, 255, 255, 255, 255]);
    expect([struct.u8(0), struct.u16(2), struct.u32(4), struct.i32(4)]).toEqual([
      1, 0x0302, 0xffffffff, -1,
    ]);
    expect([struct.u64(8), struct.i64(8)]).toEqual([(1n << 64n) - 2n, -2n]);
  });

  it('reads words of both sizes back, unsigned and signed', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), (value) => {
        const struct = new Struct(16);
        expect(struct.setWord(0, 8, value).word(0, 8)).toBe(BigInt.asUintN(64, value));
        expect(struct.setWord(0, 4, value).word(0, 4)).toBe(BigInt.asUintN(32, value));
        expect(struct.signedWord(0, 4)).toBe(BigInt.asIntN(32, value));
      }),
    );
  });
});

describe('arguments declared int', () => {
  it('are the low 32 bits of the register', () => {
    expect([int(0xffffffffn), int(1n << 32n), int((1n << 64n) - 1n)]).toEqual([-1, 0, -1]);
    expect([uint(0xffffffffn), uint((7n << 32n) | 5n)]).toEqual([0xffffffff, 5]);
  });
});

describe('text', () => {
  it('is UTF-8 where it can be, and loses no byte where it cannot', () => {
    expect(decodeText(encodeText('Grüße'))).toBe('Grüße');
    expect(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\uFEFFa');
    expect(decodeText(Uint8Array.of(0xff, 0x61))).toBe('\u00ffa');
  });
});
