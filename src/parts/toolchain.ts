/** Assembler and disassembler. Every name is listed by hand. */

export { importedDlls } from '../formats/pe/imported.js';
export {
  type Assembled,
  type AssembledSection,
  type AssembleOptions,
  assemble,
  type SourceLine,
} from '../toolchain/assemble.js';
export { assemblePe } from '../toolchain/assemble-pe.js';
export {
  type AssembledProgram,
  assembleProgram,
  programOfCode,
} from '../toolchain/assemble-program.js';
export { AssemblyError, type AssemblyProblem } from '../toolchain/assembly-error.js';
export {
  type DisassembleOptions,
  disassemble,
  type Instruction,
} from '../toolchain/disassembly/disassembler.js';
export { formatListing, hexdump, type ListingOptions } from '../toolchain/disassembly/listing.js';
export { locateToolchain } from '../toolchain/modules.js';
