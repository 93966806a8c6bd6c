/** One file, run by this machine's CPU and by the sandbox's. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

import {
  decodeRecords,
  encodeCases,
  type InstructionCase,
  type InstructionRecord,
  PLACES,
} from './record.js';

export async function instructionsElf(): Promise<Uint8Array> {
  const file = 'instructions-x86-64.s';
  const source = fs.readFileSync(new URL(`../guest/${file}`, import.meta.url), 'utf8');
  const made = await assembleProgram(source, {
    arch: 'x86-64',
    file,
    constants: PLACES,
    semicolon: 'comment',
  });
  return made.elf;
}

export function runNatively(
  elf: Uint8Array,
  cases: readonly InstructionCase[],
): InstructionRecord[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mayexec-native-'));
  try {
    const file = path.join(folder, 'guest');
    fs.writeFileSync(file, elf, { mode: 0o755 });
    const options = { input: encodeCases(cases), maxBuffer: 1 << 30 };
    const { error, status, signal, stdout } = spawnSync(file, [], options);
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`the native guest ended with ${signal ?? status}`);
    return decodeRecords(stdout);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

export async function runInSandbox(
  elf: Uint8Array,
  cases: readonly InstructionCase[],
  cpu?: string,
): Promise<InstructionRecord[]> {
  using sandbox = await Sandbox.create({
    arch: 'x86-64',
    cpu,
    program: { bytes: elf, argv: ['guest'] },
    stdin: encodeCases(cases),
    limits: { blocks: 1e9 },
  });
  const outcome = sandbox.run();
  if (outcome.kind !== 'exit' || outcome.code !== 0)
    throw new Error(
      `the guest ended with ${JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
    );
  return decodeRecords(sandbox.stdout);
}
