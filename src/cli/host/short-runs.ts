/**
 * A command is a short run: V8 would spend more on optimising the engine, the assembler and the disassembler, in threads
 * of its own, than all of them run. Here they are optimised later, and what reads instructions never. Only for the
 * versions of V8 whose flags these are: another one would complain.
 */
import { setFlagsFromString } from 'node:v8';
import { useTiering } from '../../index.js';

/** Of Node 20, where it was measured. */
const MEASURED = /^11\./;
/** Some five hundred times the usual one: bytes of code that are run before a function is optimised. */
const BUDGET = 1_000_000_000;
/** The one function that may be optimised; -1 for all, and no module has so many as the other. */
const NONE = 2 ** 31 - 2;

export function prepareForShortRuns(): void {
  if (!MEASURED.test(process.versions.v8)) return;
  setFlagsFromString(`--wasm-tiering-budget=${BUDGET}`);
  useTiering({
    hold: () => setFlagsFromString(`--wasm-tier-up-filter=${NONE}`),
    release: () => setFlagsFromString('--wasm-tier-up-filter=-1'),
  });
}
