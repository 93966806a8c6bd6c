/**
 * WineSections: the files behind the sections of a process under Wine. The server opens them and hands the
 * descriptor over; a section of the page file is a file of the server's without a name.
 */
import type { Addr } from '../../base/address.js';
import type { LinuxProcess } from '../../os/linux/process/linux-process.js';
import type { GuestFileData } from '../file-data.js';
import { PagedFile } from '../paged-file.js';
import type { SectionInit } from '../space.js';
import type { WineHost } from './host.js';
import { dataPath } from './layout.js';

interface OpenedFile {
  readonly descriptor: bigint;
  readonly pages: PagedFile;
}

export class WineSections {
  readonly #linux: LinuxProcess;
  readonly #host: WineHost;
  #unnamed = 0;
  /** Of every section, by its descriptor. */
  #pages = new Map<bigint, PagedFile>();
  /** All sections of one file have the same descriptor. */
  #files = new Map<GuestFileData, OpenedFile>();

  constructor(linux: LinuxProcess, host: WineHost) {
    this.#linux = linux;
    this.#host = host;
  }

  /** Undefined: the kernel refuses. */
  descriptorFor({ file, size }: SectionInit): Addr | undefined {
    return file === undefined ? this.#anonymous(size) : this.#opened(file);
  }

  pagesOf(descriptor: bigint): PagedFile | undefined {
    return this.#pages.get(descriptor);
  }

  save(): () => void {
    const [unnamed, files] = [this.#unnamed, new Map(this.#files)];
    const pages = new Map(this.#pages);
    return () => {
      this.#unnamed = unnamed;
      this.#files = new Map(files);
      this.#pages = new Map(pages);
    };
  }

  /** The files have their bytes back. */
  close(): void {
    for (const [file, { pages }] of this.#files) file.leave(pages);
    this.#files.clear();
  }

  #pagesAt(path: string): PagedFile {
    return new PagedFile(this.#linux.fileContent(path), () => this.#linux.registers.flushTlb());
  }

  #anonymous(size: number): bigint | undefined {
    const path = `/tmp/.wine-0/anonmap.${String(++this.#unnamed).padStart(6, '0')}`;
    this.#linux.writeFile(path, { content: new Uint8Array(), mode: 0o600 });
    const file = this.#host.open(path, true);
    if (!file.ok) return undefined;
    this.#pages.set(file.value, this.#pagesAt(path));
    this.#host.unlink(path);
    return this.#host.call('ftruncate', file.value, BigInt(size)).ok ? file.value : undefined;
  }

  #opened(file: GuestFileData): bigint | undefined {
    const known = this.#files.get(file);
    if (known !== undefined) return known.descriptor;
    const path = dataPath(file.path);
    this.#linux.writeFile(path, { content: file.bytes.slice(), mode: 0o644 });
    const opened = this.#host.open(path, true);
    if (!opened.ok) return undefined;
    const pages = this.#pagesAt(path);
    this.#pages.set(opened.value, pages);
    this.#files.set(file, { descriptor: opened.value, pages });
    file.mapIn(pages);
    return opened.value;
  }
}
