/**
 * The MMU of the machine: answers the engine's TLB misses from the guest's own page tables, through a TLB that keeps
 * what it was not told to forget. The engine's entries are a part of that TLB's.
 */
import { PAGE_SIZE } from '../../../base/address.js';
import type { Access } from '../../../base/outcome.js';
import {
  type Engine,
  FAULT_NO_MEMORY,
  FAULT_PROTECTION,
  FAULT_UNMAPPED,
  HW_EXEC,
  HW_READ,
  HW_WRITE,
} from '../../../engine/engine.js';
import { EFER_NXE, type PagingMode, PTE_PRESENT, PTE_PSE, pagingMode, SPAN } from './entry.js';
import type { PhysicalRam } from './physical.js';
import { GuestTlb } from './tlb.js';
import {
  type AccessRights,
  allows,
  type LinearTranslation,
  markUsed,
  pageFaultCode,
  walk,
} from './walk.js';

/** Where an access goes, or the error code of its page fault. */
export type ResolvedAccess =
  | { readonly kind: 'page'; readonly frame: number; readonly entry: LinearTranslation }
  | { readonly kind: 'fault'; readonly errorCode: number };

/** What `translate` refused last. */
export interface RefusedAccess {
  readonly page: number;
  readonly rights: AccessRights;
}

const SUPERVISOR: AccessRights = { user: false, alignmentCheck: false };

export class GuestMmu {
  readonly ram: PhysicalRam;
  readonly tlb = new GuestTlb();
  readonly #engine: Engine;
  #mode: PagingMode;
  /** For the error code of the fault that ends the run. */
  refused: RefusedAccess | undefined;

  constructor(engine: Engine, ram: PhysicalRam) {
    this.#engine = engine;
    this.ram = ram;
    this.#mode = pagingMode((name) => engine.readRegister(name));
    engine.setTranslate((page, access, user = false, alignmentCheck = false) =>
      this.#translate(page, access, { user, alignmentCheck }),
    );
  }

  get mode(): PagingMode {
    return this.#mode;
  }

  /** After a control register was written: rights are judged anew, translations stay. */
  modeChanged(): void {
    this.#mode = pagingMode((name) => this.#engine.readRegister(name));
    this.#engine.flushTlb();
  }

  /** `invlpg`. */
  invalidatePage(page: number): void {
    this.#flushEngine(page, this.tlb.invalidatePage(page));
  }

  invalidateNonGlobal(): void {
    this.tlb.invalidateNonGlobal();
    this.#engine.flushTlb();
  }

  invalidateAll(): void {
    this.tlb.invalidateAll();
    this.#engine.flushTlb();
  }

  /** As the CPU does: through the TLB, and with the accessed and dirty bits that come of it. */
  resolve(page: number, access: Access, rights: AccessRights = SUPERVISOR): ResolvedAccess {
    const known = this.tlb.lookup(page);
    if (known !== undefined) {
      const clean = access === 'write' && !known.dirty;
      if (!clean && allows(known, access, rights, this.#mode)) return this.#page(page, known);
      this.#flushEngine(page, this.tlb.drop(page));
    }
    const found = walk(this.ram, this.#mode, page);
    const { leaf } = found;
    if (leaf === undefined || !allows(leaf, access, rights, this.#mode))
      return { kind: 'fault', errorCode: pageFaultCode(found, access, rights, this.#mode) };
    markUsed(this.ram, found, access);
    const entry = access === 'write' ? { ...leaf, dirty: true } : leaf;
    const gone = this.tlb.insert(page, entry);
    if (gone !== undefined) this.#flushEngine(gone.page, gone.span);
    return this.#page(page, entry);
  }

  /** The page frame that the page tables name, whatever its rights and the TLB say; undefined where nothing is mapped. */
  frameAt(page: number): number | undefined {
    const { leaf } = walk(this.ram, this.#mode, page);
    return leaf === undefined ? undefined : leaf.frame + (page % leaf.span);
  }

  /** Entries of the page tables on the way to a page, raw: they end at the first that is not present or maps a large page. */
  entries(page: number): { readonly name: string; readonly entry: bigint }[] {
    const found: { name: string; entry: bigint }[] = [];
    let table = this.#mode.cr3;
    for (const [index, name] of ['PGD', 'PUD', 'PMD', 'PTE'].entries()) {
      const at = table + 8 * (Math.floor(page / SPAN[3 - index]!) % 512);
      const low = this.ram.word(at);
      const entry = (BigInt(this.ram.word(at + 4)) << 32n) | BigInt(low);
      found.push({ name, entry });
      // With four levels the fourth is the top again.
      if (index === 0) found.push({ name: 'P4D', entry });
      if ((low & PTE_PRESENT) === 0 || (index > 0 && (low & PTE_PSE) !== 0)) break;
      table = Number(entry & 0xff_ffff_f000n);
    }
    return found;
  }

  /** Bytes of guest memory whatever their rights, undefined where not all of them are mapped. */
  peek(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const whole = this.#eachPage(address, length, (frame, within, at, count) => {
      bytes.set(this.ram.read(frame * PAGE_SIZE + within, count), at);
    });
    return whole ? bytes : undefined;
  }

  /** False where not all of them are mapped; then some may be stored. */
  poke(address: bigint, bytes: Uint8Array): boolean {
    return this.#eachPage(address, bytes.length, (frame, within, at, count) => {
      this.ram.write(frame * PAGE_SIZE + within, bytes.subarray(at, at + count));
    });
  }

  #eachPage(
    address: bigint,
    length: number,
    visit: (frame: number, within: number, at: number, count: number) => void,
  ): boolean {
    for (let at = 0; at < length; ) {
      const place = BigInt.asUintN(64, address + BigInt(at));
      const within = Number(place & 0xfffn);
      const count = Math.min(length - at, PAGE_SIZE - within);
      const frame = isCanonical(place) ? this.frameAt(Number(place >> 12n)) : undefined;
      if (frame === undefined) return false;
      visit(frame, within, at, count);
      at += count;
    }
    return true;
  }

  #page(page: number, entry: LinearTranslation): ResolvedAccess {
    return { kind: 'page', frame: entry.frame + (page % entry.span), entry };
  }

  #translate(page: number, access: Access, rights: AccessRights): number {
    // `wrmsr` tells nobody.
    const noExecute = (this.#engine.readRegister('efer') & EFER_NXE) !== 0n;
    if (noExecute !== this.#mode.noExecute) this.modeChanged();
    const resolved = this.resolve(page, access, rights);
    if (resolved.kind === 'fault') {
      this.refused = { page, rights };
      return resolved.errorCode & 1 ? FAULT_PROTECTION : FAULT_UNMAPPED;
    }
    const { frame, entry } = resolved;
    const backing = this.ram.frameOf(frame);
    if (backing === undefined) return FAULT_NO_MEMORY;
    const may = (kind: Access): boolean => allows(entry, kind, rights, this.#mode);
    return (
      backing * 8 +
      ((may('read') ? HW_READ : 0) |
        // The next store has to set the dirty bit first.
        (entry.dirty && may('write') ? HW_WRITE : 0) |
        (may('exec') ? HW_EXEC : 0))
    );
  }

  #flushEngine(page: number, span: number): void {
    if (span === 1) this.#engine.flushTlb(page, 1);
    else if (span > 1) this.#engine.flushTlb();
  }
}

/** Bits 47 to 63 are all alike. */
export function isCanonical(address: bigint): boolean {
  const top = BigInt.asUintN(64, address) >> 47n;
  return top === 0n || top === 0x1_ffffn;
}
