/**
 * The sandbox against what a real kernel said, recorded: runs on every host.
 * `MAYEXEC_NATIVE=record` asks this machine's kernel again and rewrites the files (README.md).
 */
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/base/address.js';
import { lacking } from '../host/host.js';
import { readCorpus, recordCorpus, writeCorpus } from './corpus.js';
import { Judge } from './judge.js';
import { openNative } from './run-native.js';
import { runSandbox } from './run-sandbox.js';

const ARCHES: readonly Arch[] = ['x86-64', 'i386'];
const LARGEST = 150_000;

if (process.env.MAYEXEC_NATIVE === 'record') {
  describe('recording', () => {
    it.each(ARCHES)('%s', async (arch) => {
      const host = await openNative(arch);
      if (typeof host === 'string') throw new Error(`nothing can be recorded: ${host}`);
      const reason = lacking('zero-page', 'mdwe', 'mseal');
      if (reason !== undefined) throw new Error(`nothing can be recorded: ${reason}`);
      expect(writeCorpus(arch, recordCorpus(arch, host))).toBeLessThan(LARGEST);
      host.close();
    });
  });
}

describe.each(ARCHES)('the recorded kernel, %s', (arch) => {
  it('is the modelled one', () => {
    expect(readCorpus(arch).kernel).toMatch(/^6\.18\./);
  });

  it('did what the sandbox does', async () => {
    const { sequences } = readCorpus(arch);
    const numbered = sequences.map(({ ops }, id) => ({ id, ops }));
    const recorded = sequences.map(({ report }) => report);
    const judge = new Judge(
      arch,
      () => recorded,
      (wanted) => runSandbox(arch, wanted),
      'vmas',
    );
    const { differences } = await judge.compare(numbered);
    const shown = differences.map(
      ({ sequence, signature }) => `${sequences[sequence.id]?.name}: ${signature}`,
    );
    expect(shown).toEqual([]);
  });
});
