/** Chooses how the engine's files are read: the host's own way, else Node's or a web page's. */
import type { EngineAssets } from './asset-files.js';

let configured: EngineAssets | undefined;

/** For a host with files in other places: call it before the first engine is opened. */
export function useEngineAssets(assets: EngineAssets): void {
  configured = assets;
}

export async function engineAssets(): Promise<EngineAssets> {
  configured ??=
    typeof process === 'object' && typeof process.versions?.node === 'string'
      ? (await import('./assets-node.js')).nodeAssets()
      : (await import('./assets-web.js')).webAssets();
  return configured;
}
