/**
 * PageWatcher: finds pages that are executed after a store without a change of rights in between.
 *
 * Of each frame it knows whether it may be stored to or fetched from without being asked again. The first
 * store after a fetch, and the first fetch after a store, stop the run: so both are seen with the exact
 * instruction, through whatever mapping they come, and nothing else is slowed down. After a finding the
 * frame is left alone until the rights of one of its mappings change.
 */
import { type Addr, PAGE_SIZE_N } from '../../base/address.js';
import type { Access } from '../../base/outcome.js';
import { FAULT_WATCHED, HW_EXEC, HW_WRITE } from '../../engine/engine.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { PageWatch, WatchedSpace } from '../../memory/watch.js';
import { type Beginning, callPc, hex, type NewFinding } from './finding.js';

/** A change of rights of pages [start, end). */
interface Change {
  readonly space: WatchedSpace;
  readonly start: number;
  readonly end: number;
}

interface Store {
  readonly space: WatchedSpace;
  readonly page: number;
  readonly begun: Beginning;
  /** Number of changes before it. */
  readonly at: number;
  /** What was found when somebody last asked: each change is looked at once, however often pages are missed. */
  asked?: Asked;
}

/** No change among so many concerned this page, or the one stored through. `epoch`: since the last restore. */
interface Asked {
  readonly space: WatchedSpace;
  readonly page: number;
  readonly changes: number;
  readonly epoch: number;
}

interface FrameState {
  /** What is granted without asking. */
  readonly open: 'store' | 'fetch' | 'both';
  readonly store: Store | undefined;
}

/** Older changes are forgotten; a store before them counts as followed by one. */
const MOST_CHANGES = 20_000;
/** A guest that repeats its mistake on page after page is known well enough. */
const MOST_FINDINGS = 1000;

export class PageWatcher implements PageWatch {
  #frames = new Map<number, FrameState>();
  #changes: Change[] = [];
  #epoch = 0;
  /** How many changes were forgotten. */
  #forgotten = 0;
  #findings: readonly NewFinding[] = [];

  get findings(): readonly NewFinding[] {
    return this.#findings;
  }

  grant(space: WatchedSpace, page: number, access: Access, answer: number): number {
    const frame = Math.floor(answer / 8);
    const state = this.#frames.get(frame);
    if (access === 'read') return answer & ~closedBits(state);
    const wanted = access === 'write' ? 'store' : 'fetch';
    if (state === undefined && wanted === 'fetch') {
      this.#frames.set(frame, { open: 'fetch', store: undefined });
      return answer & ~HW_WRITE;
    }
    if (state === undefined || (state.open !== wanted && state.open !== 'both')) {
      return FAULT_WATCHED;
    }
    // What is known of the store, or of the finding, is out of date.
    const stale = state.open !== 'fetch' && this.#changedSince(state.store, space, page);
    return stale ? FAULT_WATCHED : answer & ~closedBits(state);
  }

  reached(
    space: WatchedSpace,
    access: Access,
    address: Addr,
    answer: number,
    by: { pid: number; pc: Addr },
  ): void {
    const page = Number(address >> 12n);
    if (answer < 0) return;
    const frame = Math.floor(answer / 8);
    if (access === 'write') this.#stored(frame, space, page, { by: 'store', pc: by.pc });
    else this.#fetched(frame, space, page, by);
    space.flushTlb();
  }

  wrote(space: WatchedSpace, page: number, frame: number, by: string, pc: Addr | undefined): void {
    // What the loader writes is part of the program.
    if (by === 'exec') return;
    this.#stored(frame, space, page, {
      by,
      pc: pc === undefined || by === 'store' ? pc : callPc(pc),
    });
    space.flushTlb();
  }

  frameFreed(frame: number): void {
    this.#frames.delete(frame);
  }

  rightsChanged(space: WatchedSpace, start: number, end: number): void {
    this.#change({ space, start, end });
  }

  save(): Saved {
    const frames = new Map(this.#frames);
    const changes = this.#changes.slice();
    const forgotten = this.#forgotten;
    const findings = this.#findings;
    return saved(() => {
      this.#epoch++;
      this.#frames = new Map(frames);
      this.#changes = changes.slice();
      this.#forgotten = forgotten;
      this.#findings = findings;
    });
  }

  #stored(frame: number, space: WatchedSpace, page: number, begun: Beginning): void {
    const at = this.#forgotten + this.#changes.length;
    this.#frames.set(frame, { open: 'store', store: { space, page, begun, at } });
  }

  #fetched(frame: number, space: WatchedSpace, page: number, by: { pid: number; pc: Addr }): void {
    const store = this.#frames.get(frame)?.store;
    if (store === undefined || this.#changedSince(store, space, page)) {
      this.#frames.set(frame, { open: 'fetch', store: undefined });
      return;
    }
    this.#frames.set(frame, { open: 'both', store });
    if (this.#findings.length < MOST_FINDINGS) {
      this.#findings = [...this.#findings, findingOf(store, page, by)];
    }
  }

  /** Have the rights of the mapping stored through, or of this one, changed? */
  #changedSince(store: Store | undefined, space: WatchedSpace, page: number): boolean {
    if (store === undefined) return false;
    if (store.at < this.#forgotten) return true;
    const { asked } = store;
    const same = asked?.space === space && asked.page === page && asked.epoch === this.#epoch;
    const from = same ? Math.max(store.at, asked.changes) : store.at;
    for (let index = Math.max(0, from - this.#forgotten); index < this.#changes.length; index++) {
      const change = this.#changes[index]!;
      if (covers(change, space, page) || covers(change, store.space, store.page)) return true;
    }
    const changes = this.#forgotten + this.#changes.length;
    store.asked = { space, page, changes, epoch: this.#epoch };
    return false;
  }

  #change(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length < MOST_CHANGES) return;
    this.#forgotten += this.#changes.length;
    this.#changes = [];
  }
}

function covers(change: Change, space: WatchedSpace, page: number): boolean {
  return change.space === space && page >= change.start && page < change.end;
}

function closedBits(state: FrameState | undefined): number {
  switch (state?.open) {
    case 'both':
      return 0;
    case 'store':
      return HW_EXEC;
    case 'fetch':
      return HW_WRITE;
    default:
      return HW_EXEC | HW_WRITE;
  }
}

function findingOf(
  { page: storedPage, begun }: Store,
  page: number,
  { pid, pc }: { pid: number; pc: Addr },
): NewFinding {
  const start = BigInt(page) * PAGE_SIZE_N;
  const through = storedPage === page ? '' : ` through ${hex(BigInt(storedPage) * PAGE_SIZE_N)}`;
  const what = begun.by === 'store' ? 'a store' : begun.by;
  const where = begun.pc === undefined ? '' : ` at ${hex(begun.pc)}`;
  return {
    kind: 'executed-after-write',
    pid,
    start,
    end: start + PAGE_SIZE_N,
    pc,
    begun,
    sentence: `executed at ${hex(pc)} after ${what}${through}${where}, with no change of rights in between`,
  };
}
