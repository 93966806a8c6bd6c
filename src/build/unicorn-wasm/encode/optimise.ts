/** The last step: binaryen over the finished module. */
import { createRequire } from 'node:module';
import type binaryenModule from 'binaryen';

/**
 * `fast` only lets locals share places, which is what the engine's first run profits from: a
 * baseline compiler's time grows with the number of locals. `O2` makes the module smaller, but
 * takes longer, and the result runs the interpreter's loop more slowly.
 */
export type Optimisation = 'none' | 'fast' | 'O2';

type Binaryen = typeof binaryenModule;
type Pass = (binaryen: Binaryen, module: ReturnType<Binaryen['readBinary']>) => void;

const PASSES: Readonly<Record<Exclude<Optimisation, 'none'>, Pass>> = {
  fast: (_binaryen, module) => module.runPasses(['coalesce-locals', 'vacuum']),
  O2: (binaryen, module) => {
    binaryen.setOptimizeLevel(2);
    binaryen.setShrinkLevel(0);
    module.optimize();
  },
};

/** Loads binaryen only when it is asked for something: it is large. */
export async function optimiseModule(
  bytes: Uint8Array,
  optimise: Optimisation,
): Promise<Uint8Array> {
  if (optimise === 'none') return bytes;
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.readBinary(bytes);
  const { Features } = binaryen;
  module.setFeatures(
    Features.MutableGlobals |
      Features.BulkMemory |
      Features.BulkMemoryOpt |
      Features.NontrappingFPToInt,
  );
  PASSES[optimise](binaryen, module);
  const optimised = module.emitBinary();
  module.dispose();
  return optimised;
}

/** Which binaryen would run, for a cache's key; it is not loaded for that. */
export function optimiserVersion(optimise: Optimisation): string {
  if (optimise === 'none') return 'none';
  const manifest = createRequire(import.meta.url)('binaryen/package.json') as { version: string };
  return manifest.version;
}
