/** Which WebAssembly the engine asks for: README.md says which browsers have it. */
import { readFile } from 'node:fs/promises';
import binaryen from 'binaryen';
import { expect, it } from 'vitest';

const BUILT = new URL('../../../dist/engine/unicorn1.wasm', import.meta.url);

it('needs bulk memory and saturating conversion besides the first WebAssembly, and nothing else', async () => {
  const module = binaryen.readBinary(new Uint8Array(await readFile(BUILT)));
  const { BulkMemory, BulkMemoryOpt, NontrappingFPToInt } = binaryen.Features;
  module.setFeatures(BulkMemory | BulkMemoryOpt | NontrappingFPToInt);
  expect(module.validate()).toBe(1);
  module.dispose();
});
