/** WineSpace: the address space of a process under Wine: a Linux process, made to look like Windows. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../abi/linux/mman.js';
import { MEM_COMMIT, PAGE_READONLY, PAGE_READWRITE } from '../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import {
  type Addr,
  type AddrRange,
  type Arch,
  PAGE_SIZE,
  PAGE_SIZE_N,
} from '../../base/address.js';
import type { Access } from '../../base/outcome.js';
import type { Translate } from '../../engine/engine.js';
import { DLL_NX_COMPAT, type PeImage } from '../../formats/pe/image.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { VmaHistory } from '../../memory/history.js';
import type { ListedMapping } from '../../memory/mapping.js';
import type { LinuxProcess } from '../../os/linux/process/linux-process.js';
import { allocate, insert } from '../../os/windows/memory/allocate.js';
import { WINE_RULES } from '../../os/windows/memory/rules.js';
import type { Section } from '../../os/windows/memory/section.js';
import { type PageRange, Vad, VadList } from '../../os/windows/memory/vad.js';
import { mapView } from '../../os/windows/memory/view.js';
import type { VirtualMemory } from '../../os/windows/memory/virtual-memory.js';
import {
  depIsOn,
  MEM_EXECUTE_OPTION_DISABLE,
  MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION,
  MEM_EXECUTE_OPTION_ENABLE,
  MEM_EXECUTE_OPTION_PERMANENT,
  type Mitigations,
} from '../dep/mitigations.js';
import type { FilePages } from '../file-data.js';
import { LoadFailure } from '../loader/load-failure.js';
import { HEAP_CREATE_ENABLE_EXECUTE } from '../process/heap.js';
import type { SectionInit, Space, SpaceLayout, StartPart } from '../space.js';
import { WineHost } from './host.js';
import {
  DLL_BASES,
  hostPath,
  SHARED_HEAP,
  START_32,
  START_64,
  TOP_32,
  TOP_64,
  type WineLayout,
} from './layout.js';
import { WinePages } from './pages.js';
import {
  MOST_CALLS,
  mapHostCode,
  reserveRanges,
  reserveRest,
  reserveRest2004,
} from './preloader.js';
import { WineSections } from './sections.js';

/** Between the blocks of two threads. */
const TEB_STEP = 0x2_0000n;

const PRELOADER_REFUSED = "wine: the system does not load Wine's preloader at 0x7d400000";

export class WineSpace implements Space, VirtualMemory {
  readonly rules = WINE_RULES;
  readonly host: WineHost;
  readonly pages: WinePages;
  readonly vads = new VadList();
  readonly locked = new Set<number>();
  readonly mitigations: Mitigations;
  readonly nxPolicy = 2;
  readonly commitsWholeStack = true;
  readonly commitLimit = Number.MAX_SAFE_INTEGER;
  readonly floor = 0x10;
  readonly top: number;
  readonly areas: readonly PageRange[];
  readonly layout: SpaceLayout;
  readonly heapFlags: number;
  readonly startOrder: readonly StartPart[];
  readonly highestAddress: Addr;
  committed = 0;
  readonly #arch: Arch;
  readonly #linux: LinuxProcess;
  readonly #sections: WineSections;
  #tebs = 0;

  /** @throws LoadFailure when Wine gives up. */
  constructor(linux: LinuxProcess, layout: WineLayout) {
    if (linux.outcome !== undefined) {
      // SEGMEXEC halves the address space, and the preloader's place is above the half.
      throw new LoadFailure(STATUS.NO_MEMORY, PRELOADER_REFUSED, true, linux.outcome);
    }
    this.#linux = linux;
    this.#arch = linux.arch;
    const wide = linux.arch === 'x86-64';
    this.host = new WineHost(linux);
    this.#sections = new WineSections(linux, this.host);
    this.top = wide ? TOP_64 : TOP_32;
    this.highestAddress = wide ? 0x7fff_fffe_ffffn : 0x7ffe_ffffn;
    this.startOrder = wide ? START_64 : START_32;
    this.heapFlags = layout === 'wine-2004' ? HEAP_CREATE_ENABLE_EXECUTE : 0;
    this.mitigations = {
      executeFlags: 0,
      atlThunks: true,
      safeSeh: false,
      sehop: false,
      dynamicCode: 0,
      threadOptsOut: false,
    };
    const reserved = reserveRanges(this.host, linux.arch, layout === 'wine-2004');
    mapHostCode(this.host, linux.arch);
    if (!wide) this.#reserveTop(layout);
    const hidden = this.#ownMemory(wide, layout);
    const last = { start: wide ? 0x7_ffff_e000 : 0x7f000, end: wide ? 0x7_ffff_fdb0 : 0x7ffe0 };
    this.areas = [{ start: wide ? 0x10 : 0x110, end: 0x68000 }, last];
    this.pages = new WinePages({
      host: this.host,
      vads: this.vads,
      reserved,
      hidden,
      nx: () => depIsOn(this.mitigations),
    });
    this.layout = {
      teb: wide ? 0x67fe_0000n : 0x7ffc_2000n,
      peb: wide ? 0x67ff_0000n : 0x7ffd_1000n,
      dllBase: (name) => DLL_BASES[linux.arch][name] ?? 0x6000_0000n,
      imageBase: () => undefined,
    };
    if (layout === 'wine-2004') this.#heapOf2004();
  }

  get largest(): bigint {
    return this.highestAddress + 1n;
  }

  get pid(): number {
    return this.#linux.pid;
  }

  get vm(): VirtualMemory {
    return this;
  }

  get translate(): Translate {
    return this.#linux.mm.translate;
  }

  begin(image: PeImage | undefined): void {
    const marked = ((image?.dllCharacteristics ?? DLL_NX_COMPAT) & DLL_NX_COMPAT) !== 0;
    const wide = this.#arch === 'x86-64';
    this.mitigations.executeFlags = wide
      ? MEM_EXECUTE_OPTION_DISABLE |
        MEM_EXECUTE_OPTION_DISABLE_THUNK_EMULATION |
        MEM_EXECUTE_OPTION_PERMANENT
      : marked
        ? MEM_EXECUTE_OPTION_DISABLE
        : MEM_EXECUTE_OPTION_ENABLE;
    if (!depIsOn(this.mitigations)) this.rightsChanged();
  }

  judge(): NtStatus {
    return STATUS.SUCCESS;
  }

  /** The kernel below records what it maps. */
  changed(): void {}

  judgeFault(address: Addr, access: Access, pc: Addr): ReturnType<Space['judgeFault']> {
    return this.#linux.judgeFault(address, access, pc);
  }

  mappingAt(address: Addr): ListedMapping | undefined {
    return this.mappings().find(({ start, end }) => address >= start && address < end);
  }

  history(address: Addr): readonly VmaHistory[] {
    return this.#linux.history(address);
  }

  installImage(path: string, bytes: Uint8Array): string {
    const name = hostPath(this.#arch, path);
    this.#linux.writeFile(name, { content: bytes, mode: 0o755 });
    return name;
  }

  createSection(init: SectionInit): Section | undefined {
    const handle = this.#sections.descriptorFor(init);
    if (handle === undefined) return undefined;
    return {
      kind: init.file === undefined ? 'pagefile' : 'file',
      size: init.size,
      protect: init.protect,
      reserves: init.reserves,
      noCache: init.noCache,
      object: undefined,
      name: init.file?.path ?? 'section',
      handle,
      ...(init.file === undefined ? {} : { file: init.file }),
    };
  }

  sectionPages({ handle }: Section): FilePages | undefined {
    return handle === undefined ? undefined : this.#sections.pagesOf(handle);
  }

  rightsChanged(): void {
    this.pages.rightsChanged();
  }

  mend(address: Addr, access: Access): boolean {
    return access === 'write' && this.pages.noteWrite(Number(address >> 12n));
  }

  syscall(number: number, args: readonly bigint[]): bigint {
    const { value, errno } = this.#linux.syscall(number, args);
    if (errno === undefined) return value;
    return -BigInt(this.host.errnoNumber(errno));
  }

  mappings(): readonly ListedMapping[] {
    return this.#linux.mappings().map((mapping) => {
      if (mapping.name !== '') return mapping;
      const vad = this.vads.find(Number(mapping.start >> 12n));
      return vad === undefined || vad.name === '' ? mapping : { ...mapping, name: `[${vad.name}]` };
    });
  }

  mapsText(): string {
    return this.#linux.mapsText();
  }

  mapBlocks(): void {
    const wide = this.#arch === 'x86-64';
    const start = wide ? 0x67e00 : 0x7fde0;
    const vad = new Vad({
      start,
      end: start + 0x200,
      kind: 'private',
      protect: PAGE_READWRITE,
      committed: false,
      fixed: true,
      name: 'TEB and PEB',
    });
    const reserved = insert(this, vad);
    const made = allocate(this, {
      base: BigInt(vad.end - 0x20) * PAGE_SIZE_N,
      size: 0x20000n,
      type: MEM_COMMIT,
      protect: PAGE_READWRITE,
    });
    if (reserved !== STATUS.SUCCESS || !made.ok) {
      throw new LoadFailure(STATUS.NO_MEMORY, 'no room for the TEB', true);
    }
  }

  /** The block of 2 MiB is filled from its end. */
  mapTeb(): Addr | undefined {
    const base = this.layout.teb - BigInt(++this.#tebs) * TEB_STEP;
    const made = allocate(this, {
      base,
      size: TEB_STEP,
      type: MEM_COMMIT,
      protect: PAGE_READWRITE,
    });
    return made.ok ? base : undefined;
  }

  mapFixed(address: Addr, length: number, protect: number, name: string): NtStatus {
    const start = Number(address / PAGE_SIZE_N);
    const end = start + length / PAGE_SIZE;
    const vad = new Vad({
      start,
      end,
      kind: 'private',
      protect,
      committed: true,
      fixed: true,
      name,
    });
    const status = insert(this, vad);
    // KUSER_SHARED_DATA is the server's page, which every process sees.
    if (status === STATUS.SUCCESS && protect === PAGE_READONLY)
      this.#shareServerPage(address, length);
    return status;
  }

  save(): Saved {
    const snapshot = this.#linux.snapshot();
    const vads = this.vads.all.map((vad) => ({ vad, runs: vad.runs }));
    const pages = this.pages.save();
    const sections = this.#sections.save();
    const { committed } = this;
    const tebs = this.#tebs;
    const mitigations = { ...this.mitigations };
    return saved(
      () => {
        this.#linux.restore(snapshot);
        this.vads.replace(vads.map(({ vad }) => vad));
        for (const { vad, runs } of vads) vad.runs = runs;
        pages();
        sections();
        this.committed = committed;
        this.#tebs = tebs;
        Object.assign(this.mitigations, mitigations);
      },
      () => this.#linux.discard(snapshot),
    );
  }

  close(): void {
    this.#sections.close();
    this.#linux.close();
  }

  #shareServerPage(address: Addr, length: number): void {
    const path = '/tmp/.wine-0/server/__wine_user_shared_data';
    this.#linux.writeFile(path, { content: new Uint8Array(length), mode: 0o644 });
    const file = this.host.open(path);
    if (!file.ok) return;
    this.host.mmap(address, BigInt(length), PROT_READ, MAP_SHARED | MAP_FIXED, file.value);
    this.host.close(file.value);
  }

  /** What programs could be handed above 2 GiB is taken. */
  #reserveTop(layout: WineLayout): void {
    const stack = this.host.process.registers.readRegister('esp') & ~0xffffn;
    if (layout === 'wine-8') {
      reserveRest(this.host, 0x8200_0000n, stack);
      reserveRest(this.host, stack + 0x10000n, 0x1_0000_0000n);
      return;
    }
    // The stack is taken for the highest mapping, and for the end of what can be addressed.
    const top = this.#linux.mappings().at(-1)?.end ?? 0n;
    if (top === this.#linux.mm.layout.taskSize) return;
    if (reserveRest2004(this.host, (top + 0xffffn) & ~0xffffn, 0x1_0000_0000n)) return;
    throw new LoadFailure(
      STATUS.NO_MEMORY,
      `wine: the search for free memory above 2 GiB gets nowhere: cut off after ${MOST_CALLS} calls, where it would go on for ever; with seed 0 the stack is at the top of memory, and the search ends`,
      true,
      { kind: 'limit', limit: 'blocks' },
    );
  }

  /** Memory of Wine's own that no program hears of: the array of views; the DOS area; the shared heap of 2004. */
  #ownMemory(wide: boolean, layout: WineLayout): AddrRange[] {
    const views: AddrRange = wide
      ? { start: 0x7fff_ffdb_0000n, end: 0x7fff_ffff_0000n }
      : { start: 0xffcf_0000n, end: 0xffff_0000n };
    const rights = PROT_READ | PROT_WRITE;
    const fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (wide) this.host.mmap(views.start, views.end - views.start, rights, fixed);
    else this.host.mprotect(0x1_0000n, 0x10_0000n, rights);
    if (layout !== 'wine-2004' || wide) return [views];
    this.host.mmap(SHARED_HEAP.start, SHARED_HEAP.end - SHARED_HEAP.start, rights, fixed);
    return [views, SHARED_HEAP];
  }

  /** Tables of code pages and locales: views of files of the server's. */
  mapTable(bytes: number): void {
    const section = this.createSection({
      size: bytes,
      protect: PAGE_READONLY,
      reserves: false,
      noCache: false,
    });
    if (section === undefined) return;
    mapView(
      this,
      { ...section, name: 'locale tables' },
      { base: 0n, offset: 0n, size: 0n, protect: PAGE_READONLY },
    );
  }

  /** The process heap of December 2004: writable and executable memory, committed by mprotect. */
  #heapOf2004(): void {
    const size = 0x11_0000n;
    const taken = this.host.mmap(0n, size + 0x1_0000n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (!taken.ok)
      throw new LoadFailure(STATUS.NO_MEMORY, 'wine: failed to create the process heap', true);
    const base = (taken.value + 0xffffn) & ~0xffffn;
    this.host.munmap(base + size, taken.value + 0x1_0000n - base);
    if (this.host.mprotect(base, 0x1_0000n, PROT_READ | PROT_WRITE | PROT_EXEC).ok) return;
    this.host.munmap(base, size);
    this.host.complain('wine: failed to create the process heap\n');
    throw new LoadFailure(STATUS.NO_MEMORY, 'wine: failed to create the process heap', true, {
      kind: 'exit',
      code: 1,
    });
  }
}
