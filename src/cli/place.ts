/** Addresses as people read them: with the label that they lie behind. */
import type { Sandbox } from '../index.js';

/** Beyond this, a label before an address is hardly the function it lies in. */
const MAX_SYMBOL_DISTANCE = 256n;

interface NamedAddress {
  readonly name: string;
  readonly address: bigint;
}

/** The label at or before `address`, when it is near enough to say something. */
export function nearestSymbol({ symbols }: Sandbox, address: bigint): NamedAddress | undefined {
  let best: NamedAddress | undefined;
  for (const [name, value] of symbols) {
    if (value > address || address - value > MAX_SYMBOL_DISTANCE) continue;
    if (best === undefined || value > best.address) best = { name, address: value };
  }
  return best;
}

/** `0x40005c <_start+0x5c>`. */
export function place(sandbox: Sandbox, address: bigint): string {
  return `0x${address.toString(16)}${symbolSuffix(sandbox, address)}`;
}

/** ` <_start+0x5c>`; empty where no label is near. */
export function symbolSuffix(sandbox: Sandbox, address: bigint): string {
  const symbol = nearestSymbol(sandbox, address);
  if (symbol === undefined) return '';
  const offset = address - symbol.address;
  return ` <${symbol.name}${offset === 0n ? '' : `+0x${offset.toString(16)}`}>`;
}
