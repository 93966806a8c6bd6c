/** Addresses as people read them: with the function or label that they lie in. */
import { type Frame, type Sandbox, symbolAt, visible } from '../../index.js';

/** `0x40005c <_start+0x5c>`. */
export function placeText(sandbox: Sandbox, address: bigint): string {
  return `0x${address.toString(16)}${symbolSuffix(sandbox, address)}`;
}

/** ` <_start+0x5c>`; empty where there is no name. */
export function symbolSuffix(sandbox: Sandbox, address: bigint): string {
  const symbol = symbolAt(sandbox, address);
  return symbol === undefined ? '' : suffix(symbol.name, address - symbol.address);
}

/** `0x40113f <main+0x1f> jit.c:22`; `?` where only a word on the stack tells of it. */
export function frameText({ pc, symbol, offset, file, line, by }: Frame): string {
  const name = symbol === undefined ? '' : suffix(symbol, BigInt(offset ?? 0));
  const source = file === undefined ? '' : ` ${visible(file)}:${line}`;
  return `0x${pc.toString(16)}${name}${source}${by === 'stack' ? ' ?' : ''}`;
}

function suffix(name: string, offset: bigint): string {
  return ` <${visible(name)}${offset === 0n ? '' : `+0x${offset.toString(16)}`}>`;
}
