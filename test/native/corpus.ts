/**
 * What a real kernel said, kept with the sequences themselves, so that a change of the generator does
 * not make it useless: one compressed JSON file per architecture.
 */
import * as fs from 'node:fs';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Arch } from '../../src/base/address.js';
import { directed } from './directed/all.js';
import { generate, MODES } from './generate.js';
import type { Sequence } from './operation.js';
import type { SequenceReport } from './report.js';
import type { NativeHost } from './run-native.js';

const SEED = 618;
const PER_MODE = 40;

export interface Recorded {
  readonly name: string;
  readonly ops: Sequence;
  readonly report: SequenceReport;
}

export interface Corpus {
  /** As `uname -r` says. */
  readonly kernel: string;
  readonly sequences: readonly Recorded[];
}

function place(arch: Arch): URL {
  return new URL(`corpus/${arch}.json.br`, import.meta.url);
}

/** Every bigint is an address, offset or word: written as text with a leading '#'. */
export function readCorpus(arch: Arch): Corpus {
  const text = brotliDecompressSync(fs.readFileSync(place(arch))).toString('utf8');
  return JSON.parse(text, (_, value) =>
    typeof value === 'string' && value.startsWith('#') ? BigInt(value.slice(1)) : value,
  );
}

export function writeCorpus(arch: Arch, corpus: Corpus): number {
  const text = JSON.stringify(corpus, (_, value) =>
    typeof value === 'bigint' ? `#${value}` : value,
  );
  const bytes = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    },
  });
  fs.mkdirSync(new URL('corpus/', import.meta.url), { recursive: true });
  fs.writeFileSync(place(arch), bytes);
  return bytes.length;
}

/** Asks the kernel of this machine. */
export function recordCorpus(arch: Arch, host: NativeHost): Corpus {
  const wanted = [
    ...directed(arch),
    ...MODES.flatMap((mode) =>
      generate(arch, mode, SEED, 0, PER_MODE).map(({ id, ops }) => ({
        name: `${mode} ${id}`,
        ops,
      })),
    ),
  ];
  const reports = host.run(wanted.map(({ ops }, id) => ({ id, ops })));
  const sequences = wanted.map(({ name, ops }, index) => {
    const report = reports[index];
    if (report === undefined) throw new Error(`the kernel reported nothing on ${name}`);
    return { name, ops, report };
  });
  return { kernel: host.kernel, sequences };
}
