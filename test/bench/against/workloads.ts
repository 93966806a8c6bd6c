/**
 * What two versions of the library are compared on. Each workload is made from the library that it is given, and uses
 * what both versions have; one run takes some ten milliseconds.
 */
import type * as Library from '../../../src/index.js';
import { CODE, LOOPS, type Loop } from '../loops.js';

export type LibraryModule = typeof Library;

/** Does the work once. */
export type Work = () => void | Promise<void>;

export interface Workload {
  readonly name: string;
  prepare(library: LibraryModule): Promise<Work>;
}

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const PROT_ALL = 7;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PAGES = 16;
const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);

export const WORKLOADS: readonly Workload[] = [
  ...LOOPS.map((loop): Workload => ({ name: `loop: ${loop.name}`, prepare: prepareLoop(loop) })),
  { name: 'mmap + write + mprotect + call + munmap', prepare: prepareCycle },
  { name: 'getpid, 2,000 times by the guest', prepare: prepareCalls },
  { name: 'write to a page, restore the snapshot', prepare: prepareRestore },
  { name: 'create and close', prepare: prepareCreate },
  { name: 'kit: a case of the same code', prepare: prepareCase },
  { name: 'assemble and disassemble 160 lines', prepare: prepareToolchain },
];

function prepareLoop(loop: Loop): Workload['prepare'] {
  return async (library) => {
    const sandbox = await library.Sandbox.create({ policy: 'nx' });
    const code = map(sandbox, 1);
    const data = map(sandbox, 1);
    const setup = loop.setup === '' ? '' : `${loop.setup};`;
    // Short enough for many rounds, long enough for the loop to be all that counts.
    const source = `${setup} mov ecx, ${loop.turns / 4}; l: ${loop.body}; dec ecx; jnz l; ret`;
    const { bytes } = await library.assemble(source.replaceAll(';', '\n'), {
      arch: 'x86-64',
      address: CODE,
    });
    sandbox.poke(code, bytes);
    return () => returned(sandbox.call(code, data));
  };
}

async function prepareCycle(library: LibraryModule): Promise<Work> {
  const sandbox = await library.Sandbox.create({ policy: 'nx' });
  return () => {
    for (let i = 0; i < 200; i++) {
      const page = BigInt.asUintN(
        64,
        sandbox.syscall('mmap', 0, 4096, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0).value,
      );
      sandbox.store(page, RETURN_1001);
      sandbox.syscall('mprotect', page, 4096, PROT_READ_EXEC);
      returned(sandbox.call(page));
      sandbox.syscall('munmap', page, 4096);
    }
  };
}

async function prepareCalls(library: LibraryModule): Promise<Work> {
  const sandbox = await library.Sandbox.create({ policy: 'nx' });
  const code = map(sandbox, 1);
  const source = 'push rbx\nmov ebx, 2000\nl: mov eax, 39\nsyscall\ndec ebx\njnz l\npop rbx\nret';
  const { bytes } = await library.assemble(source, { arch: 'x86-64', address: CODE });
  sandbox.poke(code, bytes);
  const snapshot = sandbox.snapshot();
  return () => {
    returned(sandbox.call(code));
    // The trace must not grow from round to round.
    sandbox.restore(snapshot);
  };
}

async function prepareRestore(library: LibraryModule): Promise<Work> {
  const sandbox = await library.Sandbox.create();
  const page = map(sandbox, PAGES);
  sandbox.store(page, new Uint8Array(PAGES * 4096).fill(1));
  const snapshot = sandbox.snapshot();
  return () => {
    for (let i = 0; i < 600; i++) {
      sandbox.store(page, Uint8Array.of(2));
      sandbox.restore(snapshot);
    }
  };
}

async function prepareCreate(library: LibraryModule): Promise<Work> {
  return async () => {
    for (let i = 0; i < 40; i++) (await library.Sandbox.create()).close();
  };
}

async function prepareCase(library: LibraryModule): Promise<Work> {
  return async () => {
    for (let i = 0; i < 100; i++) await library.call('lea rax, [rdi + rsi]; ret', [i, 2]);
  };
}

async function prepareToolchain(library: LibraryModule): Promise<Work> {
  const lines = (i: number): string =>
    `l${i}: mov rax, [rdi + rcx * 8 + 16]\nadd rax, 5\njnz l${i}\nmovups xmm0, [rsi]\n`;
  const text = Array.from({ length: 40 }, (_, i) => lines(i)).join('');
  return async () => {
    const { bytes } = await library.assemble(text, { arch: 'x86-64', address: CODE });
    await library.disassemble(bytes, { arch: 'x86-64', address: CODE });
  };
}

function map(sandbox: Library.Sandbox, pages: number): bigint {
  return sandbox.syscall('mmap', 0, pages * 4096, PROT_ALL, MAP_PRIVATE_ANONYMOUS, -1, 0).value;
}

function returned({ kind }: Library.Outcome): void {
  if (kind !== 'return') throw new Error(`the guest ended with ${kind}`);
}
