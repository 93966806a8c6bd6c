/** WindowsSpace: the address space of a process of Windows, and where the system puts things in it. */
import { PAGE_READWRITE } from '../../abi/windows/memory.js';
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { type Addr, type Arch, PAGE_SIZE, PAGE_SIZE_N } from '../../base/address.js';
import type { Access } from '../../base/outcome.js';
import type { Random } from '../../base/random.js';
import type { Engine } from '../../engine/engine.js';
import {
  DLL_DYNAMIC_BASE,
  DLL_HIGH_ENTROPY_VA,
  IMAGE_FILE_LARGE_ADDRESS_AWARE,
  IMAGE_FILE_RELOCS_STRIPPED,
  type PeImage,
} from '../../formats/pe/image.js';
import { type Saved, saved } from '../../kernel/snapshot.js';
import type { Frames } from '../../memory/frames.js';
import { historyOf, type VmaHistory } from '../../memory/history.js';
import { type ListedMapping, RIGHT_READ } from '../../memory/mapping.js';
import { insert } from '../../os/windows/memory/allocate.js';
import { WINDOWS_RULES } from '../../os/windows/memory/rules.js';
import type { Section } from '../../os/windows/memory/section.js';
import { type PageRange, Vad, VadList } from '../../os/windows/memory/vad.js';
import type {
  CodeRequest,
  MemoryChange,
  VirtualMemory,
} from '../../os/windows/memory/virtual-memory.js';
import { WindowsPages } from '../../os/windows/memory/windows-pages.js';
import { noExecCause } from '../../policy/windows/dep.js';
import { depIsOn, type Mitigations } from '../dep/mitigations.js';
import type { FilePages } from '../file-data.js';
import { listMappings, mappingOf } from '../guest/listing.js';
import type { SectionInit, Space, SpaceLayout } from '../space.js';
import { restoreVads, savedVads } from './changes.js';
import { SectionObjects } from './section-objects.js';

/** What Windows is told at boot and by the parent of the process. */
export interface WindowsSettings {
  readonly nxPolicy: number;
  /** ProcessExecuteFlags of a new process of this image. */
  executeFlags(image: PeImage | undefined): number;
  readonly atlThunks: boolean;
  readonly safeSeh: boolean;
  readonly sehop: boolean;
  readonly dynamicCode: number;
  /** Refuses what a policy refuses; 0 lets it pass. */
  judge(mitigations: Mitigations, request: CodeRequest): NtStatus;
  /** Told of each change of an allocation. */
  changed(change: MemoryChange): void;
}

export interface WindowsSpaceInit {
  readonly engine: Engine;
  readonly frames: Frames;
  readonly arch: Arch;
  readonly random: Random | undefined;
  readonly settings: WindowsSettings;
  /** Bytes that processes may commit. */
  readonly commitLimit: number;
}

const FLOOR = 0x10;
const TOP_64 = 0x7_ffff_fff0;
const TOP_32 = 0x7fff0;
const TOP_32_LARGE = 0xbfff0;

export class WindowsSpace implements Space, VirtualMemory {
  readonly rules = WINDOWS_RULES;
  readonly floor = FLOOR;
  readonly pages: WindowsPages;
  readonly vads: VadList;
  readonly locked = new Set<number>();
  readonly mitigations: Mitigations;
  readonly nxPolicy: number;
  readonly commitsWholeStack = false;
  readonly heapFlags = 0;
  readonly startOrder = ['stack', 'heap'] as const;
  readonly commitLimit: number;
  committed = 0;
  top: number;
  areas: readonly PageRange[];
  readonly layout: SpaceLayout;
  readonly #init: WindowsSpaceInit;
  readonly #random: Random | undefined;
  readonly #sections: SectionObjects;

  constructor(init: WindowsSpaceInit) {
    this.#init = init;
    this.#random = init.random;
    const { settings, arch } = init;
    this.vads = new VadList(init.frames.meter);
    this.commitLimit = init.commitLimit;
    this.mitigations = {
      executeFlags: 0,
      atlThunks: settings.atlThunks,
      safeSeh: settings.safeSeh,
      sehop: settings.sehop,
      dynamicCode: settings.dynamicCode,
      threadOptsOut: false,
    };
    this.nxPolicy = settings.nxPolicy;
    this.pages = new WindowsPages(init.engine, init.frames, this.vads, () =>
      depIsOn(this.mitigations),
    );
    this.#sections = new SectionObjects(init.frames, (object, first, end) =>
      this.pages.forgetViews(object, first, end),
    );
    this.top = arch === 'x86-64' ? TOP_64 : TOP_32;
    this.areas = [{ start: FLOOR, end: this.top }];
    this.layout = this.#layout();
  }

  get largest(): bigint {
    return this.highestAddress + 1n;
  }

  get vm(): VirtualMemory {
    return this;
  }

  get highestAddress(): Addr {
    return BigInt(this.top) * PAGE_SIZE_N - 1n;
  }

  get translate(): WindowsPages['translate'] {
    return this.pages.translate;
  }

  begin(image: PeImage | undefined): void {
    this.mitigations.executeFlags = this.#init.settings.executeFlags(image);
    const wide = this.#init.arch === 'x86-64';
    const large = ((image?.characteristics ?? 0) & IMAGE_FILE_LARGE_ADDRESS_AWARE) !== 0;
    if (!wide && large) this.top = TOP_32_LARGE;
    const entropy = ((image?.dllCharacteristics ?? 0) & DLL_HIGH_ENTROPY_VA) !== 0;
    const random = this.#random?.fork('bottom-up');
    // With high entropy the search begins at a random place above 4 GiB, else a few pages above the bottom.
    const start =
      random === undefined
        ? FLOOR
        : wide && entropy
          ? 0x1_0000_000 + (random.next32() >>> 8) * 0x10
          : FLOOR + (random.next32() % 256) * 0x10;
    this.areas = [
      { start, end: this.top },
      { start: FLOOR, end: start },
    ];
  }

  judge(request: CodeRequest): NtStatus {
    return this.#init.settings.judge(this.mitigations, request);
  }

  changed(change: MemoryChange): void {
    this.#init.settings.changed(change);
  }

  /** DEP is what stands between a fetch and a page that can be read. */
  judgeFault(address: Addr, access: Access): ReturnType<Space['judgeFault']> {
    const readable = ((this.mappingAt(address)?.rights ?? 0) & RIGHT_READ) !== 0;
    const dep = access === 'exec' && readable && depIsOn(this.mitigations);
    return { cause: dep ? noExecCause : undefined, killed: undefined };
  }

  mappingAt(address: Addr): ListedMapping | undefined {
    const page = Number(address / PAGE_SIZE_N);
    const vad = page < this.top ? this.vads.find(page) : undefined;
    return vad && mappingOf(vad, vad.runAt(page));
  }

  history(address: Addr): readonly VmaHistory[] {
    const page = Number(address / PAGE_SIZE_N);
    const vad = page < this.top ? this.vads.find(page) : undefined;
    return historyOf(vad?.history ?? [], page);
  }

  createSection(init: SectionInit): Section | undefined {
    const pages = Math.ceil(init.size / PAGE_SIZE);
    if (!init.reserves && (this.committed + pages) * PAGE_SIZE > this.commitLimit) return undefined;
    const object = this.#sections.objectFor(init);
    return {
      kind: init.file === undefined ? 'pagefile' : 'file',
      size: init.size,
      protect: init.protect,
      reserves: init.reserves,
      noCache: init.noCache,
      object,
      ...(init.file === undefined ? {} : { file: init.file }),
      name: init.file?.path ?? 'section',
    };
  }

  sectionPages(section: Section): FilePages | undefined {
    return section.object && this.#sections.pagesOf(section.object);
  }

  installImage(path: string): string {
    return path;
  }

  rightsChanged(): void {
    this.pages.rightsChanged();
  }

  mend(): boolean {
    return false;
  }

  mappings(): readonly ListedMapping[] {
    return listMappings(this.vads.all);
  }

  mapBlocks(): void {
    const { teb, peb } = this.layout;
    this.mapFixed(peb, 0x1000, PAGE_READWRITE, 'PEB');
    this.mapFixed(teb, 0x2000, PAGE_READWRITE, 'TEB');
  }

  mapTeb(): undefined {
    return undefined;
  }

  mapFixed(address: Addr, length: number, protect: number, name: string): NtStatus {
    const start = Number(address / PAGE_SIZE_N);
    const end = start + length / PAGE_SIZE;
    if (!this.vads.isFree(start, end)) return STATUS.CONFLICTING_ADDRESSES;
    return insert(
      this,
      new Vad({ start, end, kind: 'private', protect, committed: true, fixed: true, name }),
    );
  }

  save(): Saved {
    const vads = savedVads(this.vads.all);
    const pages = this.pages.save();
    const sections = this.#sections.save();
    const { committed } = this;
    const mitigations = { ...this.mitigations };
    const locked = [...this.locked];
    return saved(
      () => {
        pages.restore();
        this.vads.replace(vads.map(({ vad }) => vad));
        restoreVads(vads);
        sections.restore();
        this.committed = committed;
        Object.assign(this.mitigations, mitigations);
        this.locked.clear();
        for (const page of locked) this.locked.add(page);
      },
      () => {
        pages.drop();
        sections.drop();
      },
    );
  }

  close(): void {
    this.pages.close();
    this.#sections.close();
  }

  #layout(): SpaceLayout {
    const { arch } = this.#init;
    const wide = arch === 'x86-64';
    const random = this.#random;
    const slide = (name: string, units: number): bigint =>
      random === undefined ? 0n : BigInt(random.fork(name).next32() % units) * 0x10000n;
    const blocks = wide ? 0x7f_0000_0000n + slide('blocks', 4096) : 0x7ffd_0000n;
    const dlls = wide ? 0x7ffa_0000_0000n + slide('dlls', 8192) : 0x7700_0000n + slide('dlls', 256);
    let next = dlls;
    return {
      peb: blocks,
      teb: blocks + 0x2000n,
      dllBase: (_name, size) => {
        const base = next;
        next += BigInt(Math.ceil(size / 0x10000) * 0x10000) + 0x10000n;
        return base;
      },
      imageBase: (image) => {
        const fixed = (image.characteristics & IMAGE_FILE_RELOCS_STRIPPED) !== 0;
        if (random === undefined || fixed || !(image.dllCharacteristics & DLL_DYNAMIC_BASE)) {
          return undefined;
        }
        const at = wide
          ? 0x7ff6_0000_0000n + slide('image', 8192) * 16n
          : 0x0040_0000n + slide('image', 254) * 16n;
        return this.vads.isFree(
          Number(at / PAGE_SIZE_N),
          Number(at / PAGE_SIZE_N) + image.size / PAGE_SIZE,
        )
          ? at
          : undefined;
      },
    };
  }
}
