/** Runs the guest as an ordinary process of this machine, where it is Linux that can run it. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Arch } from '../../src/base/address.js';
import { kernel, lacking } from '../host/host.js';
import { FILES } from './files.js';
import { guestElf } from './guest-elf.js';
import { decodeReport, type SequenceReport } from './report.js';
import { encodeScript, type NumberedSequence } from './script.js';

/** Sequences per process start: enough that starting costs nothing, few enough for the pipe's buffers. */
const BATCH = 500;

export interface NativeHost {
  readonly kernel: string;
  run(sequences: readonly NumberedSequence[]): SequenceReport[];
  close(): void;
}

/** The reason why nothing can be judged natively here, or the host. */
export async function openNative(arch: Arch): Promise<NativeHost | string> {
  const reason = lacking(arch, 'no-protection-keys', 'four-level-paging', 'overcommit-guess');
  if (reason !== undefined) return reason;
  const folder = fs.mkdtempSync(path.join(workPlace(), 'mayexec-native-'));
  const program = path.join(folder, 'guest');
  fs.writeFileSync(program, await guestElf(arch), { mode: 0o755 });
  for (const [name, { content }] of Object.entries(FILES)) {
    fs.writeFileSync(path.join(folder, path.basename(name)), content);
  }
  const close = (): void => fs.rmSync(folder, { recursive: true, force: true });
  const run = (sequences: readonly NumberedSequence[]): SequenceReport[] => {
    const reports: SequenceReport[] = [];
    for (let first = 0; first < sequences.length; first += BATCH) {
      reports.push(...runBatch(arch, program, folder, sequences.slice(first, first + BATCH)));
    }
    return reports;
  };
  return { kernel, run, close };
}

/** A tmpfs on which programs may run, as the sandbox's file system is one; else wherever there is room. */
export function workPlace(): string {
  const mounts = fs.readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const usable = mounts.some((line) => {
    const [, at, type, options = ''] = line.split(' ');
    return at === '/dev/shm' && type === 'tmpfs' && !options.split(',').includes('noexec');
  });
  return usable ? '/dev/shm' : os.tmpdir();
}

function runBatch(
  arch: Arch,
  program: string,
  cwd: string,
  sequences: readonly NumberedSequence[],
): SequenceReport[] {
  const input = encodeScript(arch, sequences, { fork: true });
  const { stdout, status, signal, error } = spawnSync(program, [], {
    cwd,
    env: {},
    input,
    maxBuffer: 1 << 30,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`the native guest ended with ${signal ?? `status ${status}`}`);
  return decodeReport(arch, sequences, stdout);
}
