/** Assembles test programs, so that a test reads as what it runs. */
import type { Arch } from '../../src/base/address.js';

interface Encoder {
  asm(text: string, address: number): { mc: Uint8Array; failed: boolean };
}

interface Keystone {
  readonly ARCH_X86: number;
  readonly MODE_32: number;
  readonly MODE_64: number;
  readonly Keystone: new (arch: number, mode: number) => Encoder;
}

const { default: load } = (await import('@alexaltea/keystone-js' as string)) as {
  default: () => Promise<Keystone>;
};
const keystone = await load();
const encoders: Record<Arch, Encoder> = {
  i386: new keystone.Keystone(keystone.ARCH_X86, keystone.MODE_32),
  'x86-64': new keystone.Keystone(keystone.ARCH_X86, keystone.MODE_64),
};

/** Intel syntax, instructions separated by `;` or line breaks, labels allowed. */
export function assemble(arch: Arch, text: string, address: number): Uint8Array {
  const { mc, failed } = encoders[arch].asm(text, address);
  if (failed || mc.length === 0) throw new Error(`does not assemble: ${text}`);
  return mc.slice();
}
