import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.js';
import { kernelProfile } from '../../../src/engine/cpu-profile.js';
import type { Engine } from '../../../src/engine/engine.js';
import { openEngine } from '../../../src/engine/open.js';
import { GuestMmu } from '../../../src/os/kernel/paging/mmu.js';
import { PhysicalRam } from '../../../src/os/kernel/paging/physical.js';
import { GuestTlb } from '../../../src/os/kernel/paging/tlb.js';
import {
  type ModelAccess,
  type ModelMemory,
  type ModelState,
  modelAccess,
} from './paging-model.js';

const CASES = Number(process.env.MAYEXEC_PAGING ?? 20_000);
const TABLES = 12;
const RAM_PAGES = 64;
const CR0 = 0x8005_0033n;

let engine: Engine;
let ram: PhysicalRam;
let mmu: GuestMmu;

beforeAll(async () => {
  const cpu = kernelProfile({ nx: true, supervisorChecks: true });
  ({ engine } = await openEngine('auto', { arch: 'x86-64', memory: 1 << 20, cpu }));
  ram = new PhysicalRam(engine.memory, RAM_PAGES);
  mmu = new GuestMmu(engine, ram);
});

afterAll(() => engine.close());

/** Tables of the model's own, which begin as those of the machine. */
class Copy implements ModelMemory {
  readonly #words = new Map<bigint, bigint>();

  read(address: bigint): bigint {
    return this.#words.get(address) ?? readEntry(address);
  }

  write(address: bigint, entry: bigint): void {
    this.#words.set(address, entry);
  }

  get changed(): ReadonlyMap<bigint, bigint> {
    return this.#words;
  }
}

function readEntry(address: bigint): bigint {
  const low = BigInt(ram.word(Number(address)));
  return (BigInt(ram.word(Number(address) + 4)) << 32n) | low;
}

function writeEntry(address: number, entry: bigint): void {
  ram.setWord(address, Number(entry & 0xffff_ffffn));
  ram.setWord(address + 4, Number(entry >> 32n));
}

function setMode(state: ModelState): void {
  engine.writeRegister('cr0', state.wp ? CR0 : CR0 & ~(1n << 16n));
  engine.writeRegister(
    'cr4',
    0x620n |
      (state.pge ? 0x80n : 0n) |
      (state.smep ? 1n << 20n : 0n) |
      (state.smap ? 1n << 21n : 0n),
  );
  engine.writeRegister('efer', state.nxe ? 0xd00n : 0x500n);
  engine.writeRegister('cr3', state.cr3);
  mmu.modeChanged();
}

class Cases {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  below(limit: number): number {
    return this.#random.below(limit);
  }

  state(): ModelState {
    const cr3 = BigInt(this.below(TABLES)) * 4096n + BigInt(this.below(2)) * 0x18n;
    return {
      wp: this.chance(60),
      pge: this.chance(50),
      smep: this.chance(60),
      smap: this.chance(60),
      nxe: this.chance(80),
      cr3,
    };
  }

  access(): ModelAccess {
    const kind = (['read', 'write', 'exec'] as const)[this.below(3)]!;
    return { kind, user: this.chance(40), ac: this.chance(30) };
  }

  linear(): bigint {
    let address = 0n;
    for (let level = 0; level < 4; level++)
      address = (address << 9n) | BigInt(this.below(4) * 127 + this.below(3));
    address = (address << 12n) | BigInt(this.below(4096));
    return BigInt.asUintN(64, BigInt.asIntN(48, address));
  }

  /** Most lead to one of the tables; the rest is anything. */
  entry(level: number, nxe: boolean): bigint {
    if (this.chance(3)) return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
    let entry = 0n;
    const set = (percent: number, index: number): void => {
      if (this.chance(percent)) entry |= 1n << BigInt(index);
    };
    set(96, 0);
    set(75, 1);
    set(65, 2);
    for (const ignored of [3, 4, 5, 6, 8, 9, 10, 11, 52, 58, 62]) set(25, ignored);
    set(nxe ? 15 : 2, 63);
    const isLarge = level > 0 && this.chance(level === 3 ? 2 : 20);
    if (isLarge || (level === 0 && this.chance(30))) entry |= 1n << 7n;
    if (this.chance(2)) entry |= 1n << BigInt(40 + this.below(12));
    if (isLarge) {
      const low = BigInt(level === 1 ? 21 : 30);
      entry |= (BigInt(this.below(2 ** 10)) << low) & ((1n << 40n) - 1n);
      if (this.chance(20)) entry |= 1n << 12n;
      if (this.chance(5)) entry |= 1n << BigInt(13 + this.below(8));
    } else if (level > 0) entry |= BigInt(this.below(TABLES)) << 12n;
    else entry |= BigInt(this.below(this.chance(80) ? RAM_PAGES : 2 ** 28)) << 12n;
    return entry;
  }

  /** Gives the path of an address new entries, as far as it goes. */
  fill(linear: bigint, state: ModelState): void {
    let table = Number(state.cr3 & ~0xfffn);
    for (let level = 3; level >= 0; level--) {
      const index = Number((linear >> BigInt(12 + 9 * level)) & 0x1ffn);
      const entry = this.entry(level, state.nxe);
      writeEntry(table + 8 * index, entry);
      const next = Number((entry >> 12n) & 0xfff_ffffn);
      if ((entry & 1n) === 0n || next >= TABLES) return;
      table = next * 4096;
    }
  }
}

function machineAccess(linear: bigint, { kind, user, ac }: ModelAccess) {
  const page = Number(linear >> 12n);
  const resolved = mmu.resolve(page, kind, { user, alignmentCheck: ac });
  return resolved.kind === 'fault'
    ? { errorCode: resolved.errorCode }
    : { physical: BigInt(resolved.frame) * 4096n + (linear & 0xfffn) };
}

describe('the page walk', () => {
  it(`answers ${CASES} random page tables and accesses as the manual's model does`, () => {
    const cases = new Cases(13);
    const seen = { allowed: 0, refused: 0, reserved: 0, notPresent: 0, large: 0 };
    for (let n = 0; n < CASES; n++) {
      const state = cases.state();
      const linear = cases.linear();
      const access = cases.access();
      cases.fill(linear, state);
      setMode(state);
      mmu.invalidateAll();
      const model = new Copy();
      const expected = modelAccess(model, state, linear, access);
      const answer = machineAccess(linear, access);
      const tables = [...model.changed].map(([at, entry]) => [at, entry, readEntry(at)] as const);
      const wrongEntry = tables.find(([, entry, machine]) => entry !== machine);
      if (
        JSON.stringify(answer, text) !== JSON.stringify(expected, text) ||
        wrongEntry !== undefined
      )
        expect({ n, state, linear, access, answer, wrongEntry }).toEqual({ expected });
      if ('physical' in expected) seen.allowed++;
      else if (expected.errorCode & 8) seen.reserved++;
      else if (expected.errorCode & 1) seen.refused++;
      else seen.notPresent++;
      if (tables.length > 0 && tables.length < 4) seen.large++;
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(CASES / 50);
  });
});

describe('the TLB', () => {
  it('gives what a walk found until it is invalidated, and then what the tables say', () => {
    const cases = new Cases(31);
    let stale = 0;
    for (let n = 0; n < CASES / 10; n++) {
      const state = cases.state();
      const linear = cases.linear();
      const access = cases.access();
      cases.fill(linear, state);
      setMode(state);
      mmu.invalidateAll();
      const first = machineAccess(linear, access);
      cases.fill(linear, state);
      const now = modelAccess(new Copy(), state, linear, access);
      const again = machineAccess(linear, access);
      // What was refused is walked anew, what was allowed is not.
      if ('physical' in first) expect(again).toEqual(first);
      else expect(again).toEqual(now);
      if (JSON.stringify(first, text) !== JSON.stringify(now, text) && 'physical' in first) stale++;
      mmu.invalidatePage(Number(linear >> 12n));
      expect(machineAccess(linear, access)).toEqual(now);
    }
    expect(stale).toBeGreaterThan(CASES / 200);
  });

  it('keeps global pages over a load of CR3, and forgets no more than was asked', () => {
    const state = { wp: true, pge: true, smep: true, smap: true, nxe: true, cr3: 0n };
    setMode(state);
    mmu.invalidateAll();
    const [global, plain] = [0x1000n, 0x2000n];
    for (const level of [0, 1, 2]) writeEntry(4096 * level, BigInt(4096 * (level + 1)) + 7n);
    writeEntry(3 * 4096 + 8, 0x20_103n);
    writeEntry(3 * 4096 + 16, 0x21_003n);
    const read = { kind: 'read', user: false, ac: false } as const;
    const frames = () => [global, plain].map((at) => machineAccess(at, read));
    expect(frames()).toEqual([{ physical: 0x20_000n }, { physical: 0x21_000n }]);
    writeEntry(3 * 4096 + 8, 0x30_103n);
    writeEntry(3 * 4096 + 16, 0x31_003n);
    expect(frames()).toEqual([{ physical: 0x20_000n }, { physical: 0x21_000n }]);
    mmu.invalidateNonGlobal();
    expect(frames()).toEqual([{ physical: 0x20_000n }, { physical: 0x31_000n }]);
    mmu.invalidatePage(2);
    expect(frames()[0]).toEqual({ physical: 0x20_000n });
    mmu.invalidatePage(1);
    expect(frames()[0]).toEqual({ physical: 0x30_000n });
  });

  it('lets more rights take effect at once, and sets the dirty bit at the first store', () => {
    const entry = 3 * 4096 + 8;
    writeEntry(entry, 0x20_001n);
    mmu.invalidateAll();
    const access = (kind: 'read' | 'write') =>
      machineAccess(0x1000n, { kind, user: false, ac: false });
    expect(access('read')).toEqual({ physical: 0x20_000n });
    expect(access('write')).toEqual({ errorCode: 3 });
    writeEntry(entry, 0x20_003n);
    expect(access('write')).toEqual({ physical: 0x20_000n });
    expect(readEntry(BigInt(entry)) & 0x60n).toBe(0x60n);
    // Read-only again, without a flush: the old right is still in force.
    writeEntry(entry, 0x20_001n);
    expect(access('write')).toEqual({ physical: 0x20_000n });
  });

  it('has room for 1,536 translations of a size; the oldest makes room, and it tells which', () => {
    const tlb = new GuestTlb();
    const entry = {
      span: 1,
      write: true,
      user: false,
      noExecute: false,
      global: false,
      dirty: false,
    };
    const gone = Array.from({ length: 1540 }, (_, page) =>
      tlb.insert(page, { ...entry, frame: page }),
    );
    expect(gone.filter((each) => each !== undefined)).toEqual(
      [0, 1, 2, 3].map((page) => ({ page, span: 1 })),
    );
    expect([tlb.lookup(3), tlb.lookup(4)?.frame, tlb.lookup(1539)?.frame]).toEqual([
      undefined,
      4,
      1539,
    ]);
    expect(tlb.insert(512 * 9, { ...entry, span: 512, frame: 0 })).toBe(undefined);
    expect(tlb.lookup(512 * 9 + 511)?.span).toBe(512);
    expect([tlb.drop(512 * 9 + 7), tlb.drop(512 * 9 + 7), tlb.drop(1539)]).toEqual([512, 0, 1]);
  });
});

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
