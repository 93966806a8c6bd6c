/**
 * Replays what judge.c ran on a real kernel, and tells it in the same words: the result of a call and
 * every mapping of the window after it. A sequence is a list of calls, a call `name a b c` (hex).
 */

import { MAP_ANONYMOUS } from '../../../../../src/abi/linux/mman.js';
import type { Addr } from '../../../../../src/base/address.js';
import type { Result } from '../../../../../src/base/result.js';
import { devZero, PagedObject } from '../../../../../src/memory/objects.js';
import type { AddressSpace, MappedFile } from '../../../../../src/os/linux/mm/address-space.js';
import { VM_EXEC, VM_WRITE, type Vma } from '../../../../../src/os/linux/mm/vmas/vma.js';
import { allow, deny } from '../../../../../src/policy/policy.js';
import { makeSpace, openFile, policiesOf, type TestSpace } from '../fake-memory.js';

const BASE = 0x1000_0000n;
const WINDOW = 0x40_0000n;
const SIGNALS = {
  SEGV_MAPERR: '11/1',
  SEGV_ACCERR: '11/2',
  SEGV_PKUERR: '11/4',
  BUS_ADRERR: '7/2',
  SI_KERNEL: '11/128',
};

/** MDWE as the kernel has it, without the policy layer. */
const mdwePolicies = policiesOf({
  mmapRegion: ({ flags }, { mdwe }) =>
    mdwe & 1 && flags & VM_EXEC && flags & VM_WRITE ? deny('EACCES', 'mdwe/x', '') : allow,
  mprotectRights: (vma, { flags }, { mdwe }) =>
    mdwe & 1 && flags & VM_EXEC && (flags & VM_WRITE || !(vma.flags & VM_EXEC))
      ? deny('EACCES', 'mdwe/x', '')
      : allow,
});

export class Replay {
  readonly space: TestSpace;
  readonly #spaces: AddressSpace[];
  readonly #files: readonly (MappedFile | undefined)[];
  readonly #memfd: PagedObject;
  #mm: AddressSpace;

  constructor() {
    this.space = makeSpace({ policies: mdwePolicies, maxFrames: 1 << 16 });
    this.#mm = this.space.mm;
    this.#spaces = [this.#mm];
    this.#memfd = new PagedObject(this.space.frames, {
      kind: 'memfd',
      path: '/memfd:m (deleted)',
      inode: 1,
      size: 8 * 4096,
    });
    for (let i = 0; i < 8; i++) this.#memfd.write(i * 4096, Uint8Array.of(0x40 + i));
    this.#files = [
      undefined,
      openFile(this.#memfd),
      openFile(this.#memfd),
      openFile(this.#memfd, { writable: false }),
      openFile(devZero()),
      openFile(this.#memfd, { readable: false }),
    ];
    this.#mm.setBrk(0x2000_0000n);
    this.#mm.mapStack(4096n, 'disable');
  }

  /** Runs one call and gives its result and the mappings after it. */
  step(call: string): { result: string; maps: string } {
    const [name = '', ...words] = call.split(' ');
    const args = words.map((word) => BigInt(`0x${word}`));
    const result = this.#run(name, args);
    for (const mm of this.#spaces) mm.checkInvariants();
    return { result, maps: this.#maps() };
  }

  /** Ends the processes. */
  close(): void {
    for (const mm of this.#spaces) mm.close();
    this.#memfd.release();
  }

  #run(name: string, args: readonly bigint[]): string {
    const [a = 0n, b = 0n] = args;
    if (name === 'read') return this.#access('read', a, 0);
    if (name === 'write') return this.#access('write', a, Number(b & 0xffn));
    if (name === 'mincore') return this.#mincore(a, b);
    if (name === 'brk') {
      const before = this.#mm.brk(0n);
      return String(BigInt.asIntN(64, this.#mm.brk(before + a) - before));
    }
    const result = this.#call(name, args);
    if (!result.ok) return `-${result.errno}`;
    const value = BigInt(result.value);
    if (value >= BASE - WINDOW && value < BASE + WINDOW) return `@${(value - BASE) / 4096n}`;
    return value > 0x4_0000_0000n ? '@else' : String(value);
  }

  #call(name: string, args: readonly bigint[]): Result<Addr | number> {
    const mm = this.#mm;
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = args;
    switch (name) {
      case 'mmap':
        return mm.mmap({
          addr: a,
          length: b,
          prot: Number(c),
          flags: Number(d) | (e ? 0 : MAP_ANONYMOUS),
          file: this.#files[Number(e)],
          pageOffset: f >> 12n,
        });
      case 'munmap':
        return mm.munmap(a, b);
      case 'mprotect':
        return mm.mprotect(a, b, c);
      case 'mremap':
        return mm.mremap(a, b, c, d, e);
      case 'madvise':
        return mm.madvise(a, b, Number(c));
      case 'msync':
        return mm.msync(a, b, Number(c));
      case 'mlock':
        return mm.mlock(a, b);
      case 'mlock2':
        return mm.mlock(a, b, Number(c));
      case 'munlock':
        return mm.munlock(a, b);
      case 'munlockall':
        return mm.munlockall();
      case 'mseal':
        return mm.mseal(a, b, c);
      case 'rfp':
        return mm.remapFilePages(a, b, c, d, e);
      default:
        return this.#set(name, a);
    }
  }

  #set(name: string, value: bigint): Result<number> {
    switch (name) {
      case 'trunc':
        return this.#memfd.truncate(Number(value));
      case 'pers':
        this.#mm.personality = Number(value);
        break;
      case 'mdwe':
        this.#mm.mdwe = Number(value);
        break;
      case 'fork':
        this.#mm = this.#mm.fork();
        this.#spaces.push(this.#mm);
        break;
      default:
        throw new Error(`unknown call ${name}`);
    }
    return { ok: true, value: 0 };
  }

  #access(access: 'read' | 'write', addr: Addr, byte: number): string {
    const result =
      access === 'read'
        ? this.#mm.load(addr, 1)
        : (this.#mm.store(addr, Uint8Array.of(byte)) ?? new Uint8Array());
    if (result instanceof Uint8Array) {
      return access === 'read' ? `byte=${result[0]!.toString(16).padStart(2, '0')} 0` : '0';
    }
    const offset = BigInt.asUintN(64, result.address - BASE).toString(16);
    return `fault=${SIGNALS[result.code]}@${offset} 0`;
  }

  #mincore(addr: Addr, length: bigint): string {
    const result = this.#mm.mincore(addr, length);
    return result.ok ? `mincore=${result.value.join('')} 0` : `-${result.errno}`;
  }

  #maps(): string {
    return this.#mm.vmas
      .filter((vma) => vma.start >= BASE - WINDOW && vma.end <= BASE + WINDOW)
      .map((vma) => ` | ${this.#vmaText(vma)}`)
      .join('');
  }

  #vmaText(vma: Vma): string {
    const [, perms] = this.#mm.mapsLine(vma).split(' ');
    const offset = vma.object === undefined ? '0' : vma.pageOffset.toString(16);
    const start = (vma.start - BASE) / 4096n;
    const flags = this.#mm.smapsFlags(vma).join(' ');
    return `${start}+${(vma.end - vma.start) / 4096n} ${perms} ${offset} ${kindOf(vma)} [${flags}]`;
  }
}

function kindOf(vma: Vma): string {
  if (vma.object === undefined) return '-';
  return vma.object.kind === 'shmem' ? 'shm' : vma.object.kind;
}
