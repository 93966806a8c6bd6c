/** A user of the built library, as a module for a page or a worker. */
import type * as Library from '../../src/index.js';

export interface Where {
  /** Of the library, seen from this module. */
  readonly url: string;
  readonly engine?: Library.EngineChoice;
}

const RETURN_1001 = Uint8Array.of(0xb8, 0xe9, 0x03, 0, 0, 0xc3);
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;

const PROGRAM = `
.global _start
_start:
  mov eax, 1
  mov edi, 1
  lea rsi, [rip + text]
  mov edx, 6
  syscall
  mov eax, 60
  xor edi, edi
  syscall
text: .ascii "hello\\n"
`;

/** Calls code in a page before and after it becomes executable. */
export async function callCode({ url, engine }: Where): Promise<unknown> {
  const { Sandbox } = await load(url);
  using sandbox = await Sandbox.create({ policy: 'nx', engine });
  const mapped = sandbox.syscall('mmap', 0, 4096, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  sandbox.store(mapped.value, RETURN_1001);
  const refused = sandbox.call(mapped.value);
  sandbox.syscall('mprotect', mapped.value, 4096, PROT_READ_EXEC);
  const outcome = sandbox.call(mapped.value);
  const { name, form, why } = sandbox.engine;
  return { engine: `${name} ${form}`, why, refused, outcome };
}

/** Assembles a program, runs it, reads code back, and makes a mistake. */
export async function runProgram({ url }: Where): Promise<unknown> {
  const { Sandbox, assemble, assembleProgram, disassemble } = await load(url);
  const { elf } = await assembleProgram(PROGRAM, { arch: 'x86-64' });
  using sandbox = await Sandbox.create({ program: elf });
  sandbox.run();
  const printed = new TextDecoder().decode(sandbox.stdout);
  const listing = await disassemble(RETURN_1001, { arch: 'x86-64' });
  const complaint = await assemble('movv eax, 1', { arch: 'x86-64' }).then(() => '', String);
  return { printed, listing: listing.map(({ text }) => text), complaint };
}

async function load(url: string): Promise<typeof Library> {
  return (await import(new URL(url, import.meta.url).href)) as typeof Library;
}
