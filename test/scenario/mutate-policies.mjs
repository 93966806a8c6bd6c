/** Bundles mutate-policies.ts (which says what it does) and runs it: Node alone cannot read TypeScript. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const outfile = fileURLToPath(new URL('../../.cache/bundled/mutate-policies.mjs', import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL('mutate-policies.ts', import.meta.url))],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
});
await import(outfile);
