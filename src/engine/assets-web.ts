/** Engine files on a page or in a worker: static files in `engine/` beside the bundle. */
import type { EngineAssets } from './asset-files.js';

/** Vite takes a URL with import.meta.url written in it for a file; what lies here is a folder. */
const HERE = import.meta.url;

export function webAssets(base: string | URL = new URL('./engine/', HERE)): EngineAssets {
  return {
    async bytes(name) {
      const url = new URL(name, base);
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url} could not be fetched: status ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async factory(name) {
      const { href } = new URL(name, base);
      return ((await import(/* @vite-ignore */ href)) as { default: unknown }).default;
    },
  };
}
