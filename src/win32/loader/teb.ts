/** The thread's block: gs (64-bit) or fs (32-bit) points to it; what programs read of it. Offsets: winternl.h. */
import { Struct } from '../../base/struct.js';
import type { Win32Process } from '../process/process.js';

const TEB_ENTRY = 12;

export function selectTeb({ engine, wide, teb }: Win32Process): void {
  if (wide) {
    engine.writeRegister('gs_base', teb);
    return;
  }
  const base = teb & 0xffff_ffffn;
  // A present, writable 32-bit data segment of 4 GiB for user code.
  const low = ((base & 0xffffn) << 16n) | 0xffffn;
  const high = (base & 0xff00_0000n) | 0x00cf_0000n | (0xf3n << 8n) | ((base >> 16n) & 0xffn);
  engine.setGdtEntry(TEB_ENTRY, (high << 32n) | low);
  engine.writeRegister('fs', BigInt(TEB_ENTRY * 8 + 3));
}

/** Of the current thread, whose stack and storage are there. */
export function fillTeb(process: Win32Process): void {
  const { wide, word, teb, peb, stack, space } = process;
  const { pages } = space.vm;
  const at = (wideAt: number, narrowAt: number): number => (wide ? wideAt : narrowAt);
  const block = new Struct(0x1000)
    .setWord(0, word, wide ? 0n : 0xffff_ffffn)
    .setWord(word, word, stack.base)
    .setWord(2 * word, word, stack.limit)
    .setWord(at(0x30, 0x18), word, teb)
    .setWord(at(0x40, 0x20), word, BigInt(process.pid))
    .setWord(at(0x48, 0x24), word, BigInt(process.tid))
    .setWord(at(0x58, 0x2c), word, process.tlsArray)
    .setWord(at(0x60, 0x30), word, peb);
  pages.poke(teb, block.bytes);
  pages.poke(
    teb + BigInt(at(0x1478, 0xe0c)),
    new Struct(word).setWord(0, word, stack.bottom).bytes,
  );
}
