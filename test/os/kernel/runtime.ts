/** Kernels with the runtime of asm/lib/kernel.inc, for tests. */
import { readFileSync } from 'node:fs';
import { KERNEL_TEXT } from '../../../src/os/kernel/boot/layout.js';
import type { SandboxOptions } from '../../../src/sandbox/options.js';
import { Sandbox } from '../../../src/sandbox/sandbox.js';
import { assembleProgram } from '../../../src/toolchain/assemble-program.js';

const LIBRARY = new URL('../../../asm/lib/', import.meta.url);

/** The ELF image of a source that includes kernel.inc; `before` stands in front of that line. A bundle lies elsewhere than this file. */
export async function kernelElf(
  source: string,
  before = '',
  library = LIBRARY,
): Promise<Uint8Array> {
  const { elf } = await assembleProgram(
    `.intel_syntax noprefix\n${before}\n.include "kernel.inc"\n.text\n${source}\n`,
    {
      arch: 'x86-64',
      address: KERNEL_TEXT,
      include: (path) => readFileSync(new URL(path, library), 'utf8'),
    },
  );
  return elf;
}

/** `words`: the kernel's command line. */
export function bootKernel(
  elf: Uint8Array,
  words: readonly string[] = [],
  options: Partial<SandboxOptions> = {},
): Promise<Sandbox> {
  const program = { bytes: elf, argv: ['kernel', ...words] };
  return Sandbox.create({ os: 'kernel', program, ...options });
}
