/** A linked image in a sandbox, its functions called by name. */

import type { ObjectFile } from '../../src/formats/object-file.js';
import { readObject } from '../../src/formats/read-object.js';
import { link } from '../../src/object/link.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';

const PROT = { 'r-x': 5, 'r--': 1, 'rw-': 3, rwx: 7 } as const;
const MAP_PRIVATE_ANONYMOUS_FIXED = 0x32;
const BASE = 0x2000_0000n;

/** `host_add` of the sources: the arguments' sum, by System V and by cdecl. */
const HOST_ADD = {
  'x86-64': Uint8Array.of(0x8d, 0x04, 0x37, 0xc3),
  i386: Uint8Array.of(0x8b, 0x44, 0x24, 4, 3, 0x44, 0x24, 8, 0xc3),
};

export interface Loaded extends Disposable {
  readonly symbols: ReadonlyMap<string, bigint>;
  /** The result as a C int. */
  call(name: string, ...args: number[]): number;
}

export function objects(...files: readonly (readonly [name: string, bytes: Uint8Array])[]) {
  return files.map(([name, bytes]) => readObject(name, bytes));
}

export async function load(files: readonly ObjectFile[]): Promise<Loaded> {
  const { arch } = files[0]!;
  const host = BASE - 0x1000n;
  const image = link(files, { base: BASE, externals: { host_add: host, _host_add: host } });
  const sandbox = await Sandbox.create({ arch });
  const place = (at: bigint, bytes: Uint8Array, prot: number): void => {
    sandbox.syscall('mmap', at, bytes.length, 3, MAP_PRIVATE_ANONYMOUS_FIXED, -1, 0);
    sandbox.poke(at, bytes);
    sandbox.syscall('mprotect', at, bytes.length, prot);
  };
  const stub = new Uint8Array(4096);
  stub.set(HOST_ADD[arch]);
  place(host, stub, PROT['r-x']);
  for (const { start, bytes, rights } of image.segments) place(start, bytes, PROT[rights]);
  return {
    symbols: image.symbols,
    call(name, ...args) {
      const outcome = sandbox.call(image.symbols.get(name)!, ...args);
      if (outcome.kind !== 'return')
        throw new Error(
          `${name}: ${JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
        );
      return Number(BigInt.asIntN(32, outcome.value));
    },
    [Symbol.dispose]: () => sandbox.close(),
  };
}
