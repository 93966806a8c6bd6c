/** The descriptors of a sequence: which numbers are open, how, and the operations that open them. */
import type { Choices } from './choices.js';
import { type Arg, inScratch, type Op, value } from './operation.js';
import { PIECES, type StringName, stringAt } from './script.js';

type Kind = 'memfd' | 'data' | 'work' | 'zero' | 'write-only' | 'directory' | 'null' | 'memory';

/** O_WRONLY | O_CREAT | O_TRUNC */
const WRITE_ONLY = 0o1101;
const O_RDWR = 2;
/** O_RDWR | O_CREAT | O_TRUNC */
const FRESH = 0o1102;
const O_DIRECTORY = 0o200000;

export class Descriptors {
  readonly #choices: Choices;
  readonly open: { readonly fd: number; readonly kind: Kind; readonly pages: number }[] = [];

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /** Opens up to four files; the numbers are known, since the lowest free one is always taken. */
  opening(): Op[] {
    const choices = this.#choices;
    const kinds: Kind[] = [
      ...many('memfd', 8),
      ...many('data', 4),
      ...many('work', 5),
      ...many('zero', 3),
      ...many('memory', 2),
      'write-only',
      'directory',
      'null',
    ];
    const count = choices.pick([0, 1, 2, 3, 4]);
    return Array.from({ length: count }).flatMap(() => this.#openOne(choices.pick(kinds)));
  }

  #openOne(kind: Kind): Op[] {
    const choices = this.#choices;
    const fd = 3 + this.open.length;
    const pages = kind === 'memfd' || kind === 'work' ? choices.random.below(9) : 5;
    this.open.push({ fd, kind, pages });
    switch (kind) {
      case 'memfd':
        return [this.#memfd(), ...this.#fill(fd, pages)];
      case 'work':
        return [openFile('temporary', FRESH), ...this.#fill(fd, pages)];
      case 'data':
        return [openFile('data', 0)];
      case 'write-only':
        return [openFile('temporary', WRITE_ONLY)];
      case 'zero':
        return [openFile('zero', choices.pick([0, O_RDWR]))];
      case 'null':
        return [openFile('null', O_RDWR)];
      case 'memory':
        return [openFile('memory', O_RDWR)];
      case 'directory':
        return [openFile('directory', O_DIRECTORY)];
    }
  }

  #memfd(): Op {
    const flags = this.#choices.pick([0x10, 0x12, 0x12, 0x12, 0x08, 0x0a]);
    return {
      kind: 'call',
      name: 'memfd_create',
      args: [stringAt(this.#choices.pick(['shared', 'other'])), value(flags)],
    };
  }

  #fill(fd: number, pages: number): Op[] {
    const length = BigInt(pages) * 4096n - (this.#choices.one(3) && pages > 0 ? 100n : 0n);
    const ops: Op[] = [{ kind: 'call', name: 'ftruncate', args: [value(fd), value(length)] }];
    for (let page = 0; page < pages; page += 2) ops.push(this.pwrite(fd, page * 4096, page));
    return ops;
  }

  /** Eight bytes at `place`; i386 passes the offset in two words. */
  pwrite(fd: number, place: number, piece: number): Op {
    return {
      kind: 'call',
      name: 'pwrite64',
      args: [value(fd), inScratch(PIECES + 8 * (piece % 64)), value(8), value(place), value(0)],
    };
  }

  /** /proc/self/mem, or nothing open. */
  memory(): Arg {
    return value(this.open.find(({ kind }) => kind === 'memory')?.fd ?? 9);
  }

  /** Seals of a file that is no memfd depend on its file system. */
  memfd(): Arg {
    const memfds = this.open.filter(({ kind }) => kind === 'memfd');
    return value(memfds.length === 0 ? 9 : this.#choices.pick(memfds).fd);
  }

  /** Mostly an open one. */
  fd(): Arg {
    const choices = this.#choices;
    if (this.open.length === 0 || choices.odd()) return value(choices.pick([-1, 3, 9, 0x7fffffff]));
    return value(choices.pick(this.open).fd);
  }
}

function many(kind: Kind, count: number): Kind[] {
  return Array.from({ length: count }, () => kind);
}

function openFile(name: StringName, flags: number): Op {
  return { kind: 'call', name: 'open', args: [stringAt(name), value(flags), value(0o644)] };
}
