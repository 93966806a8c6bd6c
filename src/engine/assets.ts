/** Chooses how the engine's files are read: the host's own way, else Node's or a web page's. */
import { aFunction, checkShape, objectOf } from '../base/shape.js';
import type { EngineAssets } from './asset-files.js';

const ASSETS = objectOf({ bytes: aFunction, factory: aFunction }, 'an object of bytes and factory');

let configured: EngineAssets | undefined;

/** For a host with files in other places: call it before the first engine is opened. */
export function useEngineAssets(assets: EngineAssets): void {
  checkShape('useEngineAssets: the assets', assets, ASSETS);
  configured = assets;
}

export async function engineAssets(): Promise<EngineAssets> {
  configured ??=
    typeof process === 'object' && typeof process.versions?.node === 'string'
      ? (await import('./assets-node.js')).nodeAssets()
      : (await import('./assets-web.js')).webAssets();
  return configured;
}
