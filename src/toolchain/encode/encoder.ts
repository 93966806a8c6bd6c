/**
 * Encoder: the port behind which the encoder of instructions sits. It gets the text of a whole program, sanitised
 * (layout.ts), and gives bytes; it knows nothing of sources, lines and sections. It names no place of what it
 * refuses: diagnose.ts finds that by asking again.
 */
import type { Arch } from '../../base/address.js';

/** Why a text is refused. 'silence': it says that all went well, and bytes are missing. A number: it alone knows. */
export type EncoderRefusal =
  | 'mnemonic'
  | 'operands'
  | 'silence'
  | 'feature'
  | 'symbol'
  | 'reach'
  | 'crash'
  | number;

export type Encoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly refusal: EncoderRefusal };

export interface Encoder {
  /** For messages. */
  readonly name: string;
  /** The program at `address`, in Intel syntax with decimal numbers. */
  encode(arch: Arch, source: string, address: bigint): Encoded;
}

/** What a program is encoded for, and by what. */
export interface EncodingTarget {
  readonly encoder: Encoder;
  readonly arch: Arch;
  readonly address: bigint;
}
