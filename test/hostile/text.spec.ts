/**
 * One list of hostile shapes, fed to every parser, in a process with a small heap. The time limit is for a parser that
 * does not come back.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const LIBRARY = pathToFileURL(fileURLToPath(new URL('../../dist/index.js', import.meta.url))).href;
const WATCHDOG_MS = 300_000;

describe('hostile text and files', () => {
  it(
    'are refused in short lines by every parser, soon and in little memory',
    () => {
      const { status, signal, stdout, stderr } = spawnSync(
        process.execPath,
        ['--max-old-space-size=400', `${HERE}feed-parsers.mjs`, LIBRARY],
        { encoding: 'utf8', timeout: WATCHDOG_MS, maxBuffer: 1 << 24 },
      );
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
      const { fed, failures } = JSON.parse(stdout);
      expect(failures).toEqual([]);
      expect(fed).toBeGreaterThan(2000);
    },
    WATCHDOG_MS + 10_000,
  );
});
