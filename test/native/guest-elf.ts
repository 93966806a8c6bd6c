/** The guest as a static ELF, by our own assembler and ELF writer. */
import * as fs from 'node:fs';
import type { Arch } from '../../src/base/address.js';
import { assembleProgram } from '../../src/toolchain/assemble-program.js';
import { guestConstants, PLACES } from './guest.js';

const made = new Map<Arch, Promise<Uint8Array>>();

/** Assembled once for all runs. */
export function guestElf(arch: Arch): Promise<Uint8Array> {
  const elf = made.get(arch) ?? makeElf(arch);
  made.set(arch, elf);
  return elf;
}

async function makeElf(arch: Arch): Promise<Uint8Array> {
  const file = `${arch}.s`;
  const source = fs.readFileSync(new URL(`guest/${file}`, import.meta.url), 'utf8');
  const { elf } = await assembleProgram(source, {
    arch,
    file,
    address: PLACES[arch].code,
    constants: guestConstants(arch),
    semicolon: 'comment',
  });
  return elf;
}
