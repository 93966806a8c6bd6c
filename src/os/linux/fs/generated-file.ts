/** Files whose bytes are made when they are read: those of /proc. Compare fs/seq_file.c. */
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';
import type { KernelPool } from '../../../memory/page-table.js';
import { type AccessMode, Inode, type Mount } from './inode.js';

/** What a generated file holds: made at once, and at least so many bytes. */
export interface Generator {
  readonly render: () => Uint8Array;
  readonly least?: (() => number) | undefined;
}

/**
 * A file whose bytes are made when it is read (proc). Reading from the start makes them anew; they are kept, and
 * count, as long as it is open.
 */
export class GeneratedFile extends Inode {
  readonly #generator: Generator;
  readonly #pool: KernelPool;
  #text: Uint8Array = new Uint8Array();

  constructor(
    mount: Mount,
    number: number,
    mode: number,
    { generator, pool }: { readonly generator: Generator; readonly pool: KernelPool },
  ) {
    super(mount, number, mode);
    this.#generator = generator;
    this.#pool = pool;
  }

  /** ENOMEM where seq_read() finds no buffer. */
  override read(offset: number, length: number): Result<Uint8Array> {
    if (offset === 0) {
      this.#keep(new Uint8Array());
      if (!this.#pool.hasRoom(this.#generator.least?.() ?? 0)) return fail('ENOMEM');
      const text = this.#generator.render();
      this.#pool.meter.chargeBytes(text.length);
      if (!this.#pool.hasRoom(text.length)) return fail('ENOMEM');
      this.#keep(text);
    }
    return ok(this.#text.slice(offset, offset + length));
  }

  override closed(mode: AccessMode): boolean {
    if (this.openFiles === 0) this.#keep(new Uint8Array());
    return super.closed(mode);
  }

  override release(): void {
    this.#keep(new Uint8Array());
  }

  protected override saveContent(): Saved {
    const text = this.#text;
    return saved(() => {
      this.#text = text;
    });
  }

  #keep(text: Uint8Array): void {
    this.#pool.reserved += text.length - this.#text.length;
    this.#text = text;
  }
}
