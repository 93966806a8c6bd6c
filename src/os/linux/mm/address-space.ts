/**
 * AddressSpace: one process's memory as the kernel and the host use it. State and primitives are in
 * mm.ts; each operation has a file of its own. Everything that a guest can do wrong is a Result.
 */
import { type Addr, type AddrRange, pageOf } from '../../../base/address.js';
import type { Access, Fault } from '../../../base/outcome.js';
import type { Result } from '../../../base/result.js';
import type { Cause } from '../../../base/verdict.js';
import type { FaultCause, Translate } from '../../../engine/engine.js';
import { historyOf, type VmaHistory, whoTookRight } from '../../../memory/history.js';
import type { MemoryObject } from '../../../memory/object.js';
import { ENTRY_GUARD } from '../../../memory/page-table.js';
import * as access from './access.js';
import { brk, brkRegion } from './calls/brk.js';
import { mincore, mseal, msync, remapFilePages } from './calls/inspect.js';
import { madvise } from './calls/madvise.js';
import { mlock, mlockall, munlock, munlockall } from './calls/mlock.js';
import { mmap } from './calls/mmap.js';
import { mprotect } from './calls/mprotect.js';
import { mremap } from './calls/mremap.js';
import { munmap } from './calls/munmap.js';
import { MAP_REMAPDUP, remapDuplicate } from './calls/remap-duplicate.js';
import type { MmapArgs } from './calls/request.js';
import {
  copyInto,
  dropSnapshot,
  type MmSnapshot,
  restoreSnapshot,
  takeSnapshot,
} from './duplicate.js';
import { explainAccess, growStack, translate } from './fault.js';
import { Mm, type MmOptions } from './mm.js';
import { pkeyAlloc, pkeyFree } from './pkeys.js';
import { insertSpecial, mapStack } from './placement/setup.js';
import { type HighWater, highWater, residentPages } from './resident.js';
import { checkInvariants } from './vmas/invariants.js';
import { mapsLine, mapsText, nameOf, smapsFlags } from './vmas/maps.js';
import { VM_ACCESS, VM_EXEC, VM_READ, VM_WRITE, type Vma, type VmFlags } from './vmas/vma.js';

export type { VmaHistory } from '../../../memory/history.js';
export type { MappedFile, MmapArgs } from './calls/request.js';
export type { MmSnapshot } from './duplicate.js';
export type { MmEvent, MmOptions } from './mm.js';

const RIGHTS: Readonly<Record<Access, VmFlags>> = { read: VM_READ, write: VM_WRITE, exec: VM_EXEC };

export class AddressSpace extends Mm {
  /** For Engine.setTranslate. */
  readonly translate: Translate;

  constructor(options: MmOptions) {
    super(options);
    const { watch } = this;
    this.translate =
      watch === undefined
        ? (page, wanted) => translate(this, page, wanted)
        : (page, wanted) => {
            const answer = translate(this, page, wanted);
            return answer < 0 ? answer : watch.grant(this, page, wanted, answer);
          };
  }

  mmap(args: MmapArgs): Result<Addr> {
    return mmap(this, args);
  }

  munmap(addr: Addr, length: bigint): Result<0> {
    return munmap(this, addr, length);
  }

  /** `prot` is the whole register; `pkey` undefined for plain mprotect and pkey_mprotect with -1. */
  mprotect(addr: Addr, length: bigint, prot: bigint, pkey?: number): Result<0> {
    return mprotect(this, addr, length, prot, pkey);
  }

  /** The new end of the heap, or the present one on failure. */
  brk(addr: Addr): Addr {
    return brk(this, addr);
  }

  mremap(
    addr: Addr,
    oldLength: bigint,
    newLength: bigint,
    flags: bigint,
    newAddr: Addr,
  ): Result<Addr> {
    if (this.policies.effects?.remapDuplicate && flags === MAP_REMAPDUP) {
      return remapDuplicate(this, addr, oldLength, newLength, newAddr);
    }
    return mremap(this, addr, oldLength, newLength, flags, newAddr);
  }

  madvise(addr: Addr, length: bigint, advice: number): Result<0> {
    return madvise(this, addr, length, advice);
  }

  msync(addr: Addr, length: bigint, flags: number): Result<0> {
    return msync(this, addr, length, flags);
  }

  /** One byte per page. */
  mincore(addr: Addr, length: bigint): Result<Uint8Array> {
    return mincore(this, addr, length);
  }

  /** mlock2 with its flags. */
  mlock(addr: Addr, length: bigint, flags = 0): Result<0> {
    return mlock(this, addr, length, flags);
  }

  munlock(addr: Addr, length: bigint): Result<0> {
    return munlock(this, addr, length);
  }

  mlockall(flags: number): Result<0> {
    return mlockall(this, flags);
  }

  munlockall(): Result<0> {
    return munlockall(this);
  }

  mseal(addr: Addr, length: bigint, flags: bigint): Result<0> {
    return mseal(this, addr, length, flags);
  }

  remapFilePages(
    addr: Addr,
    length: bigint,
    prot: bigint,
    pageOffset: bigint,
    flags: bigint,
  ): Result<0> {
    return remapFilePages(this, addr, length, prot, pageOffset, flags);
  }

  /** The most that was ever mapped, and in memory, up to now. */
  get peaks(): HighWater {
    return highWater(this);
  }

  residentPages(vma: Vma): { readonly own: number; readonly shared: number } {
    return residentPages(this, vma);
  }

  pkeyAlloc(flags: bigint, rights: bigint): Result<number> {
    return pkeyAlloc(this, flags, rights);
  }

  pkeyFree(key: number): Result<0> {
    return pkeyFree(this, key);
  }

  /** Where the heap begins; it is empty. */
  setBrk(start: Addr): void {
    this.startBrk = start;
    this.brkEnd = start;
  }

  /** vm_brk_flags, for the loader's bss. */
  brkRegion(start: Addr, length: bigint, exec: boolean): Result<0> {
    return brkRegion(this, start, length, exec);
  }

  /** The stack VMA, ending at the layout's stackTop; `bytes` is what the arguments take of it. */
  mapStack(bytes: bigint, exec: 'enable' | 'disable' | 'default'): Vma {
    return mapStack(this, bytes, exec);
  }

  /** Pages of the kernel's own (vdso), outside every policy. */
  insertSpecial(range: AddrRange, flags: VmFlags, name: string, bytes?: Uint8Array): Vma {
    return insertSpecial(this, range, flags, name, bytes);
  }

  copyIn(addr: Addr, length: number): Result<Uint8Array> {
    return access.copyIn(this, addr, length);
  }

  copyOut(addr: Addr, bytes: Uint8Array): Result<0> {
    return access.copyOut(this, addr, bytes);
  }

  /** The bytes up to the first that cannot be read; as long as asked for when all can. */
  copyInPartial(addr: Addr, length: number): Uint8Array {
    return access.copyInPartial(this, addr, length);
  }

  /** How many bytes went in. */
  copyOutPartial(addr: Addr, bytes: Uint8Array): number {
    return access.copyOutPartial(this, addr, bytes);
  }

  /** Is there a marker of MADV_GUARD_INSTALL? */
  isGuard(addr: Addr): boolean {
    return this.pages.get(pageOf(addr)) === ENTRY_GUARD;
  }

  /** As copyIn, without any effect: for traces. */
  look(addr: Addr, length: number): Result<Uint8Array> {
    return access.look(this, addr, length);
  }

  /** As look, but what is not in memory yet is not read either. */
  copyPresent(addr: Addr, length: number): Result<Uint8Array> {
    return access.copyPresent(this, addr, length);
  }

  load(addr: Addr, length: number): Uint8Array | Fault {
    return access.load(this, addr, length);
  }

  store(addr: Addr, bytes: Uint8Array): Fault | null {
    return access.store(this, addr, bytes);
  }

  peek(addr: Addr, length: number): Uint8Array {
    return access.peek(this, addr, length);
  }

  forcedRead(addr: Addr, length: number): Uint8Array {
    return access.forcedRead(this, addr, length);
  }

  poke(addr: Addr, bytes: Uint8Array): void {
    access.poke(this, addr, bytes);
  }

  get vmas(): readonly Vma[] {
    return this.list.items;
  }

  find(addr: Addr): Vma | undefined {
    return this.list.find(pageOf(addr));
  }

  /** The VMA at an address, after a stack above it has grown down to it if it may. */
  findOrGrow(addr: Addr): Vma | undefined {
    return this.find(addr) ?? growStack(this, pageOf(addr));
  }

  mapsText(): string {
    return mapsText(this);
  }

  /** One line of maps, without its newline. */
  mapsLine(vma: Vma): string {
    return mapsLine(this, vma);
  }

  /** As maps prints it: the path, '[heap]', '[stack]', '[vdso]' or ''. */
  nameOf(vma: Vma): string {
    return nameOf(this, vma);
  }

  smapsFlags(vma: Vma): string[] {
    return smapsFlags(vma);
  }

  /** What made the page at `addr` and changed its rights, oldest first; empty where nothing is mapped. */
  history(addr: Addr): readonly VmaHistory[] {
    const page = pageOf(addr);
    return historyOf(this.list.find(page)?.history ?? [], page);
  }

  /** The rule by which an access lacks its right, when one took it from the page. */
  whoTook(addr: Addr, wanted: Access): Cause | undefined {
    const page = pageOf(addr);
    const { history = [], flags = 0 } = this.list.find(page) ?? {};
    const right = RIGHTS[wanted];
    return flags & right ? undefined : whoTookRight(history, page, right, VM_ACCESS);
  }

  /** Why an access would fault, without touching anything; undefined when it would not. */
  explainFault(addr: Addr, wanted: Access): FaultCause | undefined {
    return explainAccess(this, pageOf(addr), wanted);
  }

  /** The child of a fork, with what differs for it (its own TLB flush, its own reports). */
  fork(changes: Partial<MmOptions> = {}): AddressSpace {
    const child = new AddressSpace({ ...this.options, tuning: this.tuning, ...changes });
    copyInto(this, child);
    return child;
  }

  /** `objects`: what the snapshot keeps beyond the objects that are mapped. */
  snapshot(objects?: Iterable<MemoryObject>): MmSnapshot {
    return takeSnapshot(this, objects);
  }

  restore(snapshot: MmSnapshot): void {
    restoreSnapshot(this, snapshot);
  }

  /** Gives back the frames that only the snapshot holds. */
  dropSnapshot(snapshot: MmSnapshot): void {
    dropSnapshot(this, snapshot);
  }

  /** Throws an InvariantError when the state contradicts itself. For tests. */
  checkInvariants(): void {
    checkInvariants(this);
  }

  /** Gives every frame back; the space is empty afterwards. */
  close(): void {
    this.zapPages(0, this.wordPages);
    this.list.splice(0, this.list.length);
    if (this.zeroFrame !== undefined) this.frames.release(this.zeroFrame);
    this.zeroFrame = undefined;
  }
}
