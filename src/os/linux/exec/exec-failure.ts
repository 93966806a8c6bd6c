/** Why a program could not be started, in words. */
import type { Failure } from '../../../base/result.js';
import type { ElfImage } from '../../../formats/elf/image.js';

/** ENOENT and ELIBBAD are about the interpreter: the program itself was there and an ELF file. */
export function execFailure({ errno, cause }: Failure, { interpreter }: ElfImage): string {
  const isOfInterpreter = cause === undefined && (errno === 'ENOENT' || errno === 'ELIBBAD');
  if (interpreter === undefined || !isOfInterpreter) return `execve fails with ${errno}`;
  const what = errno === 'ENOENT' ? "is not among the sandbox's files" : 'is no program for it';
  return `it is linked dynamically, and its interpreter '${interpreter}' ${what} (${errno}); linked with -static it needs none`;
}
