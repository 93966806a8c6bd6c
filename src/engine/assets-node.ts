/** Engine files in Node: beside the bundle in dist/, or in the build's cache when run from the sources. */
import type { AssetName, EngineAssets } from './asset-files.js';

/** Relative to this file, bundled (dist/index.js) and not (src/engine/assets-node.ts). */
const PLACES = ['./engine/', '../../.cache/engine/'];

export function nodeAssets(): EngineAssets {
  return {
    async bytes(name) {
      // Imported where they are used: a page's bundle may hold this file, but never runs it.
      const { readFile } = await import('node:fs/promises');
      const { buffer, byteOffset, length } = await readFile(await find(name));
      return new Uint8Array(buffer, byteOffset, length);
    },
    async factory(name) {
      const url = await find(name);
      return ((await import(url.href)) as { default: unknown }).default;
    },
  };
}

async function find(name: AssetName): Promise<URL> {
  const { access } = await import('node:fs/promises');
  for (const place of PLACES) {
    const url = new URL(place + name, import.meta.url);
    if (await access(url).then(isThere, isMissing)) return url;
  }
  throw new Error(`${name} is not built: run npm start or npm run build`);
}

const isThere = () => true;
const isMissing = () => false;
