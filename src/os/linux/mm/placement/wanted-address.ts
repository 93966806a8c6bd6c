/** Which address a mapping asks for: the caller's, unless a policy ignores hints or places code itself. */

import { MAP_FIXED, PROT_EXEC } from '../../../../abi/linux/mman.js';
import type { Addr } from '../../../../base/address.js';
import type { MappedFile, MmapArgs } from '../calls/request.js';
import type { Mm } from '../mm.js';

/** What of a request decides. */
interface Wish {
  readonly args: MmapArgs;
  readonly file: MappedFile | undefined;
  readonly prot: number;
  /** MAP_*, with MAP_FIXED where MAP_FIXED_NOREPLACE implies it. */
  readonly flags: number;
  readonly pages: number;
}

/** The address to place a mapping at; 0n: none in particular. */
export function wantedAddress(mm: Mm, request: Wish): Addr {
  const own = ownWish(mm, request);
  const free = own === 0n && request.prot & PROT_EXEC && !(request.flags & MAP_FIXED);
  return free ? armorAddress(mm, request.pages) : own;
}

/** M8: a hint below mmap_min_addr moves up to it. PaX ignores hints. */
function ownWish(mm: Mm, { args, flags, file }: Wish): Addr {
  if (flags & MAP_FIXED) return args.addr;
  const ignored = mm.policies.effects?.ignoreHints;
  if (ignored === 'all' || (ignored === 'files' && file !== undefined)) return 0n;
  const hint = args.addr & ~0xfffn;
  return hint !== 0n && hint < mm.layout.mmapMinAddr ? mm.layout.mmapMinAddr : hint;
}

/** A policy may place what is executable and names no address; 0n when none does. */
export function armorAddress(mm: Mm, pages: number): Addr {
  const place = mm.policies.effects?.placeExecutable;
  if (place === undefined) return 0n;
  // Drawn from the state of the space, so that a snapshot has nothing more to keep.
  const random = mm.layout.random?.fork(`armor ${mm.list.length} ${mm.list.counters.total}`);
  return (
    place({
      length: BigInt(pages) << 12n,
      startBrk: mm.startBrk,
      brk: mm.brkEnd,
      occupied: mm.list.items,
      random: random && ((n) => random.below(n)),
    }) ?? 0n
  );
}
