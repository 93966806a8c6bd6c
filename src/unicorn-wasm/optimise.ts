/** The optional last step: binaryen's optimiser over the finished module. */

/** Loaded only here: it is large, and the unoptimised module does not need it. */
export async function optimiseModule(bytes: Uint8Array): Promise<Uint8Array> {
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.readBinary(bytes);
  const { Features } = binaryen;
  module.setFeatures(
    Features.MutableGlobals |
      Features.BulkMemory |
      Features.BulkMemoryOpt |
      Features.NontrappingFPToInt,
  );
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(0);
  module.optimize();
  const optimised = module.emitBinary();
  module.dispose();
  return optimised;
}
