/**
 * The probe for Linux as a static ELF executable: text with the interpreter, data with the experiments. The same
 * file runs in the sandbox and on a real Linux machine.
 */

import type { Arch } from '../base/address.js';
import { InvariantError } from '../base/errors.js';
import { checkShape, oneOf } from '../base/shape.js';
import { writeElf } from '../formats/elf/writer.js';
import { assemble } from '../toolchain/assemble.js';
import { encodeExperiments } from './encode.js';
import { experimentsFor, PROBED_SYSTEMS, type ProbedSystem } from './experiments.js';
import { helperProgram } from './helper.js';
import { interpreterConstants, interpreterSource, STATE_LENGTH } from './interpreter.js';
import { FORMAT_NAME, FORMAT_VERSION } from './results.js';
import { win32ProbeProgram } from './win32/program.js';

const PAGE = 4096;
const TEXT = { 'x86-64': 0x40_0000, i386: 0x804_8000 } as const;
/** Text is one page of interpreter and one page for experiments. */
const DATA_OFFSET = 0x10_000;

const made = new Map<Arch, Promise<Uint8Array>>();

/** The probe's executable, a static ELF file, or a PE file for 'windows' and 'wine'; made once for each architecture. */
export function probeProgram(arch: Arch, os: ProbedSystem = 'linux'): Promise<Uint8Array> {
  checkShape('probeProgram: the architecture', arch, oneOf(Object.keys(TEXT)));
  checkShape('probeProgram: the system', os, oneOf(PROBED_SYSTEMS));
  if (os !== 'linux') return win32ProbeProgram(arch);
  const elf = made.get(arch) ?? makeProgram(arch);
  made.set(arch, elf);
  return elf;
}

async function makeProgram(arch: Arch): Promise<Uint8Array> {
  const text = TEXT[arch];
  const address = text + DATA_OFFSET;
  const header = `${FORMAT_NAME} ${FORMAT_VERSION} ${arch}`;
  const image = { arch, address, textPage: text + PAGE, helper: await helperProgram(arch), header };
  const data = encodeExperiments(image, experimentsFor(arch));
  const state = Math.ceil((address + data.bytes.length) / PAGE) * PAGE;
  const code = await assemble(interpreterSource(arch), {
    arch,
    address: text,
    file: 'the probe',
    semicolon: 'comment',
    constants: {
      ...interpreterConstants(arch),
      ...data.constants,
      STATE: state,
      NO_CODE: 0x7fff,
      NO_VALUE: 0x7fff_ffff,
    },
  });
  if (code.symbols.get('text_page') !== BigInt(image.textPage)) {
    throw new InvariantError('the interpreter is longer than a page');
  }
  const executable = { address: BigInt(text), bytes: code.bytes, memoryLength: code.bytes.length };
  const writable = {
    address: BigInt(address),
    bytes: data.bytes,
    memoryLength: state + STATE_LENGTH - address,
  };
  return writeElf({
    arch,
    entry: code.symbols.get('_start')!,
    segments: [
      { ...executable, write: false, exec: true },
      { ...writable, write: true, exec: false },
    ],
  });
}
