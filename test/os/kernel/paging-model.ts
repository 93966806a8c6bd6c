/**
 * A page walk written from the manual as it reads (Intel SDM volume 3, sections 5.5 to 5.8), slow and with nothing of
 * the sandbox's own: the judge of src/os/kernel/paging.
 */
export interface ModelState {
  readonly wp: boolean;
  readonly pge: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly nxe: boolean;
  readonly cr3: bigint;
}

export interface ModelAccess {
  readonly kind: 'read' | 'write' | 'exec';
  /** CPL 3. */
  readonly user: boolean;
  readonly ac: boolean;
}

export interface ModelMemory {
  read(address: bigint): bigint;
  write(address: bigint, entry: bigint): void;
}

const bit = (value: bigint, index: number): boolean => ((value >> BigInt(index)) & 1n) === 1n;
const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);

/** The physical address, or the error code of the page fault. Sets accessed and dirty bits as the CPU does. */
export function modelAccess(
  memory: ModelMemory,
  state: ModelState,
  linear: bigint,
  access: ModelAccess,
): { physical: bigint } | { errorCode: number } {
  const entries: { at: bigint; entry: bigint }[] = [];
  const fault = (p: boolean, rsvd: boolean) => ({
    errorCode:
      (p ? 1 : 0) +
      (access.kind === 'write' ? 2 : 0) +
      (access.user ? 4 : 0) +
      (rsvd ? 8 : 0) +
      (access.kind === 'exec' && (state.nxe || state.smep) ? 16 : 0),
  });
  // MAXPHYADDR is 40.
  let table = bits(state.cr3, 39, 12) << 12n;
  let base: bigint | undefined;
  let offsetBits = 12;
  for (const [name, high, low] of [
    ['PML4E', 47, 39],
    ['PDPTE', 38, 30],
    ['PDE', 29, 21],
    ['PTE', 20, 12],
  ] as const) {
    const at = table + 8n * bits(linear, high, low);
    const entry = memory.read(at);
    if (!bit(entry, 0)) return fault(false, false);
    let reserved = bits(entry, 51, 40) !== 0n;
    if (!state.nxe && bit(entry, 63)) reserved = true;
    if (name === 'PML4E' && bit(entry, 7)) reserved = true;
    if (name === 'PDPTE' && bit(entry, 7) && bits(entry, 29, 13) !== 0n) reserved = true;
    if (name === 'PDE' && bit(entry, 7) && bits(entry, 20, 13) !== 0n) reserved = true;
    if (reserved) return fault(true, true);
    entries.push({ at, entry });
    if (name === 'PTE') base = bits(entry, 39, 12) << 12n;
    else if (bit(entry, 7) && name === 'PDE') {
      base = bits(entry, 39, 21) << 21n;
      offsetBits = 21;
    } else if (bit(entry, 7) && name === 'PDPTE') {
      base = bits(entry, 39, 30) << 30n;
      offsetBits = 30;
    } else table = bits(entry, 39, 12) << 12n;
    if (base !== undefined) break;
  }
  const everyWritable = entries.every(({ entry }) => bit(entry, 1));
  const userMode = entries.every(({ entry }) => bit(entry, 2));
  const anyXd = state.nxe && entries.some(({ entry }) => bit(entry, 63));
  let allowed: boolean;
  if (access.user) {
    allowed = userMode;
    if (access.kind === 'write' && !everyWritable) allowed = false;
    if (access.kind === 'exec' && anyXd) allowed = false;
  } else if (access.kind === 'exec') {
    allowed = !anyXd;
    if (userMode && state.smep) allowed = false;
  } else {
    allowed = true;
    if (userMode && state.smap && !access.ac) allowed = false;
    if (access.kind === 'write' && state.wp && !everyWritable) allowed = false;
  }
  if (!allowed) return fault(true, false);
  entries.forEach(({ at }, index) => {
    let entry = memory.read(at) | (1n << 5n);
    if (access.kind === 'write' && index === entries.length - 1) entry |= 1n << 6n;
    memory.write(at, entry);
  });
  return { physical: base! + bits(linear, offsetBits - 1, 0) };
}
