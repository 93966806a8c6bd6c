/** The bytes of a measured loop. */
import { assemble } from '../../src/index.js';
import { CODE, type Loop } from './loops.js';

/** Takes the address of 4096 bytes of data in rdi; `end` is its last instruction. */
export async function codeOf(loop: Loop, end = 'ret'): Promise<Uint8Array> {
  const setup = loop.setup === '' ? '' : `${loop.setup};`;
  const source = `${setup} mov ecx, ${loop.turns}; l: ${loop.body}; dec ecx; jnz l; ${end}`;
  const { bytes } = await assemble(source.replaceAll(';', '\n'), {
    arch: 'x86-64',
    address: CODE,
  });
  return bytes;
}
