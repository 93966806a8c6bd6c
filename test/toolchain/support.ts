import type { Arch } from '../../src/base/address.js';
import { type Assembled, type AssembleOptions, assemble } from '../../src/toolchain/assemble.js';
import { AssemblyError } from '../../src/toolchain/assembly-error.js';
import { disassemble } from '../../src/toolchain/disassembly/disassembler.js';

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function bytesOf(
  source: string,
  arch: Arch = 'x86-64',
  options: Partial<AssembleOptions> = {},
): Promise<string> {
  return hex((await assemble(source, { arch, ...options })).bytes);
}

/** What Capstone makes of what Keystone made. */
export async function textOf({ bytes, arch, address }: Assembled): Promise<string[]> {
  return (await disassemble(bytes, { arch, address })).map(({ text }) => text);
}

/** The lines of the AssemblyError that a source must raise: `line:column message: text`. */
export async function errorsOf(
  source: string,
  options: Partial<AssembleOptions> = {},
): Promise<string[]> {
  try {
    await assemble(source, { arch: 'x86-64', ...options });
  } catch (error) {
    if (!(error instanceof AssemblyError)) throw error;
    return error.problems.map(
      ({ line, column, message, text }) => `${line}:${column} ${message}: ${text}`,
    );
  }
  throw new Error(`assembles without error: ${source}`);
}
