/**
 * Mm: the state of one address space (struct mm_struct) and the few primitives that change it. The
 * operations (mmap.ts, munmap.ts, mprotect.ts ...) are functions over it. VMAs and the page table are
 * the only truth; the engine's TLB is told of every change and keeps nothing of its own.
 */

import type { Addr, Arch } from '../../../base/address.js';
import { KERNEL_BYTES } from '../../../base/charges.js';
import { type Failure, fail } from '../../../base/result.js';
import { type Cause, causeOfVerdict, type Ruling } from '../../../base/verdict.js';
import type { Frames } from '../../../memory/frames.js';
import { addHistory, type VmaHistory } from '../../../memory/history.js';
import type { MemoryObject, ObjectWatcher } from '../../../memory/object.js';
import { ENTRY_GUARD, ENTRY_NONE, entryFrame, PageTable } from '../../../memory/page-table.js';
import type { PageWatch } from '../../../memory/watch.js';
import { remarkAfter } from './calls/remark.js';
import { SpaceFacts } from './facts.js';
import type { MmFacts, MmPolicies, TaskFacts } from './hooks.js';
import { DEFAULT_LIMITS, defaultTuning, type MmLimits, type MmTuning } from './limits.js';
import type { Layout } from './placement/layout.js';
import { type HighWater, highWater } from './resident.js';
import { initialRights, type ThreadRights } from './thread-rights.js';
import { changed, hasSharedPages, type MappedVma, makeVma } from './vmas/mapped-vma.js';
import { VM_ACCESS, VM_EXEC, VM_MAYBE_GUARD, type VmFlags } from './vmas/vma.js';
import type { ObjectObserver } from './vmas/vma-accounts.js';
import { VmaList } from './vmas/vma-list.js';

/** A change of the map, as it goes into the trace but for whose and when it was. */
export interface MmEvent {
  readonly op: 'insert' | 'remove' | 'change';
  readonly before: MappedVma | undefined;
  readonly after: MappedVma | undefined;
  /** What changed it: a system call's name, 'exec', 'stack growth'. */
  readonly cause: string;
  /** The rule that took rights from it on the way. */
  readonly takenBy?: Cause;
}

export interface MmOptions {
  readonly arch: Arch;
  readonly frames: Frames;
  readonly layout: Layout;
  /** False: whatever is accessible is executable. */
  readonly nx: boolean;
  readonly policies: MmPolicies;
  readonly report: (event: MmEvent) => void;
  /** Forgets translations of `count` pages from `page`, or all. */
  readonly flushTlb: (page?: number, count?: number) => void;
  readonly stackPointer: () => Addr;
  /** Tells policies who asks, for their log lines. */
  readonly task?: () => TaskFacts;
  /** For the `pc` of faults that the host's own loads and stores raise. */
  readonly programCounter?: () => Addr;
  /** Told of stores, fetches and changes of rights. */
  readonly watch?: PageWatch | undefined;
  readonly limits?: Partial<MmLimits>;
  readonly tuning?: Partial<MmTuning>;
}

/** More pages than this are flushed as a whole. */
const FLUSH_ALL_ABOVE = 512;

export class Mm implements ObjectWatcher, ObjectObserver {
  readonly arch: Arch;
  readonly frames: Frames;
  readonly layout: Layout;
  readonly nx: boolean;
  readonly policies: MmPolicies;
  readonly flushTlb: (page?: number, count?: number) => void;
  readonly options: MmOptions;
  readonly watch: PageWatch | undefined;
  /** RLIMIT_*; may be changed at any time (setrlimit). */
  readonly limits: MmLimits;
  readonly tuning: MmTuning;
  readonly list: VmaList;
  pages: PageTable;

  personality = 0;
  restrictedWx = false;
  mdwe = 0;
  /** VM_* that every new mapping gets (mlockall(MCL_FUTURE)). */
  defFlags: VmFlags = 0;
  startBrk: Addr = 0n;
  brkEnd: Addr = 0n;
  startStack: Addr = 0n;
  startCode: Addr = 0n;
  endCode: Addr = 0n;
  startData: Addr = 0n;
  endData: Addr = 0n;
  argStart: Addr = 0n;
  argEnd: Addr = 0n;
  envStart: Addr = 0n;
  envEnd: Addr = 0n;
  /** Peaks as they were when pages last went. */
  highWater: HighWater = { mapped: 0, resident: 0 };
  /** Protection keys in use, one bit each; key 0 always is where the CPU has them. */
  pkeyMap: number;
  executeOnlyPkey = -1;
  /** What goes into events and history as the cause of a change; the kernel sets it before each call. */
  cause = '';
  /** A policy's verdict 'kill' during the last call; the kernel ends the task instead of returning. */
  killed: (Ruling & { kind: 'kill' }) | undefined;
  /** What a policy said to the last call without refusing it: rights that it took, or else a note. */
  remark: Cause | undefined;
  /** The machine's page of zeros, once this space has needed it. */
  zeroFrame: number | undefined;
  readonly facts: MmFacts;
  /** Of the thread that runs in this space. */
  #thread: ThreadRights;

  constructor(options: MmOptions) {
    this.options = options;
    this.arch = options.arch;
    this.frames = options.frames;
    this.layout = options.layout;
    this.nx = options.nx;
    this.policies = options.policies;
    this.watch = options.watch;
    this.flushTlb = options.flushTlb;
    this.limits = { ...DEFAULT_LIMITS, stack: options.layout.stackLimit, ...options.limits };
    this.tuning = { ...defaultTuning(), ...options.tuning };
    this.pkeyMap = this.tuning.pku ? 1 : 0;
    this.#thread = initialRights(this.tuning.pku);
    this.list = new VmaList(this, this.frames);
    this.pages = new PageTable(this.frames);
    this.facts = new SpaceFacts(this, () => options.task?.());
  }

  /** Another thread runs in it. Whoever gives it the CPU has the engine forget its translations. */
  useThread(rights: ThreadRights): void {
    this.#thread = rights;
  }

  get jitWriteProtect(): boolean {
    return this.#thread.jitWriteProtect;
  }

  get pkru(): number {
    return this.#thread.pkru;
  }

  set pkru(value: number) {
    if (value === this.#thread.pkru) return;
    this.watch?.rightsChanged(this, 0, Number.POSITIVE_INFINITY);
    this.#thread.pkru = value >>> 0;
    this.flushTlb();
  }

  /** Number of the first page above user space. */
  get taskPages(): number {
    return Number(this.layout.taskSize >> 12n);
  }

  /** Where page numbers wrap: 2^64 or 2^32 bytes. */
  get wordPages(): number {
    return this.layout.kernelBits === 64 ? 2 ** 52 : 2 ** 20;
  }

  /** vm.max_map_count, or as many mappings as there is memory for. */
  get maxMapCount(): number {
    const room = this.list.length + Math.floor(this.frames.free / KERNEL_BYTES.vma);
    return Math.min(this.tuning.maxMapCount, room);
  }

  /** Exclusive: the first page from which no instruction is fetched, where a segment limit says so. */
  get fetchLimit(): number | undefined {
    if (this.nx || this.policies.effects?.fetchLimit === undefined) return undefined;
    return this.list.items.findLast(({ flags }) => flags & VM_EXEC)?.endPage ?? 0;
  }

  /** The per-thread switch of MAP_JIT memory. */
  protectJit(on: boolean): void {
    this.#thread.jitWriteProtect = on;
    this.watch?.rightsChanged(this, 0, Number.POSITIVE_INFINITY);
    this.flushTlb();
  }

  report(event: MmEvent): void {
    const { before, after } = event;
    const vma = after ?? before;
    if (vma !== undefined && !sameRights(before, after)) {
      this.watch?.rightsChanged(this, vma.startPage, vma.endPage);
    }
    this.options.report(event);
  }

  flushPages(start: number, end: number): void {
    // A limit that falls takes the right to fetch from pages that did not change.
    const limited = this.policies.effects?.fetchLimit !== undefined;
    if (limited || end - start > FLUSH_ALL_ABOVE) this.flushTlb();
    else if (end > start) this.flushTlb(start, end - start);
  }

  /** zap_page_range: private pages of [start, end) go; shared ones stay with their object. */
  zapPages(start: number, end: number, keepGuards = false): void {
    this.highWater = highWater(this);
    this.pages.forEach(start, end, (page, entry) => {
      this.frames.meter.charge('page');
      if (keepGuards && entry === ENTRY_GUARD) return;
      const frame = entryFrame(entry);
      this.pages.set(page, ENTRY_NONE);
      if (frame >= 0) this.frames.release(frame);
    });
    this.flushPages(start, end);
  }

  objectMapped(object: MemoryObject): void {
    object.watchers?.add(this);
  }

  objectUnmapped(object: MemoryObject): void {
    object.watchers?.delete(this);
  }

  /** truncate and the like, from an object that some VMA maps. */
  pagesChanged(object: MemoryObject, first: number, end: number, gone: boolean): void {
    const vmas = this.list.vmasOf(object);
    this.frames.meter.charge('vma', vmas.size);
    const flushAll = vmas.size > FLUSH_ALL_ABOVE;
    if (flushAll) this.flushTlb();
    for (const vma of vmas) {
      const start = Math.max(vma.startPage, vma.startPage + first - vma.pageOffset);
      const stop = Math.min(vma.endPage, vma.startPage + end - vma.pageOffset);
      if (start >= stop) continue;
      // even_cows: private copies behind the new end go as well.
      if (gone && !hasSharedPages(vma)) this.zapPages(start, stop, true);
      else if (!flushAll) this.flushPages(start, stop);
    }
  }

  /** The first write to a private mapping gives it an anon_vma, shared with a neighbour where that can merge later. */
  prepareAnon(vma: MappedVma): MappedVma {
    if (vma.anon !== undefined) return vma;
    const anon = reusableAnon(this.list, vma) ?? { forked: false };
    const prepared = changed(vma, { anon });
    this.list.replace(vma, prepared);
    return prepared;
  }

  /** A history entry for [start, end) by the current cause. */
  historyEntry(
    range: { startPage: number; endPage: number },
    before: VmFlags | undefined,
    after: VmFlags,
    ruling?: Ruling,
  ): VmaHistory {
    const { startPage, endPage } = range;
    const entry = { cause: this.cause, startPage, endPage, before, after };
    if (ruling?.kind !== 'narrow') return entry;
    const { rule, reason, taken } = ruling;
    return { ...entry, rule, reason, ...(taken === undefined ? {} : { taken }) };
  }

  /** A new VMA with its history, not yet in the list. */
  newVma(
    init: Pick<MappedVma, 'startPage' | 'endPage' | 'flags' | 'pageOffset'> & Partial<MappedVma>,
    ruling?: Ruling,
  ): MappedVma {
    const entry = this.historyEntry(init, undefined, init.flags, ruling);
    return makeVma({
      object: undefined,
      description: undefined,
      name: '',
      pkey: 0,
      sealed: false,
      anon: undefined,
      ...init,
      history: addHistory([], entry),
    });
  }

  emit(
    op: MmEvent['op'],
    before: MappedVma | undefined,
    after: MappedVma | undefined,
    ruling?: Ruling,
  ): void {
    const takenBy = ruling?.kind === 'narrow' ? causeOfVerdict(ruling) : undefined;
    const taken = takenBy === undefined ? {} : { takenBy };
    this.report({ op, before, after, cause: this.cause, ...taken });
  }

  /** The failure that a ruling means, if it refuses. A kill is left for the kernel to see. */
  refusal(ruling: Ruling): Failure | undefined {
    if (ruling.kind === 'deny') return fail(ruling.errno, causeOfVerdict(ruling));
    if (ruling.kind === 'kill') {
      this.killed = ruling;
      return fail('EPERM', causeOfVerdict(ruling));
    }
    this.hear(ruling);
    return undefined;
  }

  /** Keeps what a ruling that refuses nothing says. */
  hear(ruling: Ruling): void {
    this.remark = remarkAfter(this.remark, ruling);
  }
}

function sameRights(before: MappedVma | undefined, after: MappedVma | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return ((before.flags ^ after.flags) & VM_ACCESS) === 0 && before.pkey === after.pkey;
}

/** find_mergeable_anon_vma: the neighbour's, when the two differ in nothing but rights. The upper is asked first. */
function reusableAnon(list: VmaList, vma: MappedVma): MappedVma['anon'] {
  const index = list.indexFrom(vma.startPage);
  const above = list.at(index + 1);
  if (above !== undefined && anonCompatible(vma, above) && above.anon?.forked === false) {
    return above.anon;
  }
  const below = list.at(index - 1);
  if (below !== undefined && anonCompatible(below, vma) && below.anon?.forked === false) {
    return below.anon;
  }
  return undefined;
}

function anonCompatible(low: MappedVma, high: MappedVma): boolean {
  return (
    low.endPage === high.startPage &&
    low.object === high.object &&
    low.description === high.description &&
    ((low.flags ^ high.flags) & ~(VM_ACCESS | VM_MAYBE_GUARD)) === 0 &&
    low.pkey === high.pkey &&
    low.sealed === high.sealed &&
    high.pageOffset === low.pageOffset + (high.startPage - low.startPage)
  );
}
