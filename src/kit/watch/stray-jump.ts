/** A jump that lands between two instructions of the listing: what runs from there on is not what was written. */
import type { CallResult } from '../run/call-result.js';
import { instructionsOf } from './code-listing.js';

/** A clause about the first such jump of a call; undefined when there is none. */
export function strayJump(result: CallResult): string | undefined {
  const all = instructionsOf(result.facts.code);
  const starts = new Set(all.map(({ address }) => address));
  const { path } = result.watched();
  for (const [index, pc] of path.entries()) {
    if (starts.has(pc)) continue;
    const inside = all.find(
      ({ address, bytes }) => address < pc && pc < address + BigInt(bytes.length),
    );
    const from = all.find(({ address }) => address === path[index - 1]);
    if (inside === undefined || from === undefined) continue;
    const place = `${pc - inside.address} byte${pc - inside.address === 1n ? '' : 's'} into`;
    return `'${from.text}' at ${hex(from.address)} lands ${place} '${inside.text}' at ${hex(inside.address)}`;
  }
  return undefined;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
