/** An object file of either format. */
import { MayexecError } from '../base/errors.js';
import { visible } from '../base/text.js';
import { isCoff, readCoffObject } from './coff/object.js';
import { readElfObject } from './elf/object.js';
import { isElf } from './elf/structures.js';
import type { ObjectFile } from './object-file.js';

/**
 * Reads an ELF `.o` or a COFF `.obj`. `name` is for messages.
 * @throws MayexecError: neither, cut off, for another machine, or using what cannot be linked in memory.
 */
export function readObject(name: string, bytes: Uint8Array): ObjectFile {
  if (isElf(bytes)) return readElfObject(name, bytes);
  if (isCoff(bytes)) return readCoffObject(name, bytes);
  throw new MayexecError(
    `${visible(name)}: ${whatInstead(bytes)}: expected an ELF object (.o) or a COFF object (.obj)`,
  );
}

function whatInstead(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'is empty';
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 8));
  if (start === '!<arch>\n') return 'is an archive (.a, .lib): extract its members first';
  if (start.startsWith('MZ')) return 'is a Windows program or DLL';
  if (start.startsWith('\0\0\xff\xff')) return 'is a member of an import library';
  if (start.startsWith('\xcf\xfa\xed\xfe') || start.startsWith('\xce\xfa\xed\xfe')) {
    return 'is a Mach-O file';
  }
  return 'is no object file';
}
