/** The files beside the guest, in its working directory: the same natively and in the sandbox. */
import { mark } from './script.js';

const PAGES = 6;

/** Five pages and a half, each of them marked at its start; the rest zeros, as all that is executed. */
function dataFile(): Uint8Array {
  const bytes = new Uint8Array(PAGES * 4096 - 2048);
  const view = new DataView(bytes.buffer);
  for (let page = 0; page < PAGES; page++)
    view.setBigUint64(page * 4096, mark(250_000 + page), true);
  return bytes;
}

export const DATA_FILE = dataFile();

/** As the sandbox takes them, in its working directory; run-native.ts writes the same. `work.bin` is emptied by whoever opens it. */
export const FILES = {
  '/home/user/data.bin': { content: DATA_FILE, mode: 0o666 },
  '/home/user/work.bin': { content: new Uint8Array(), mode: 0o666 },
} as const;
