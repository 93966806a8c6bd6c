/** The worlds that there are, by the name that `Sandbox.create({ os })` takes. A new one is one more line. */

import type { Addr, Arch } from '../base/address.js';
import { checkShape, objectOf, oneOf } from '../base/shape.js';
import { namedCalls } from '../inject/named-calls.js';
import type { World } from '../kernel/world.js';
import { KERNEL_TEXT } from '../os/kernel/boot/layout.js';
import { PAGE_TABLE_RULES } from '../os/kernel/paging/cause.js';
import { kernelWorld } from '../os/kernel/world.js';
import { linuxWorld } from '../os/linux/world.js';
import { windowsWorld } from '../win32/windows/world.js';
import { wineWorld } from '../win32/wine/world.js';

export const WORLDS = {
  linux: linuxWorld,
  kernel: kernelWorld,
  windows: windowsWorld,
  wine: wineWorld,
} as const satisfies Readonly<Record<string, World>>;

const TARGET = objectOf(
  { os: oneOf(Object.keys(WORLDS)), arch: oneOf(['x86-64', 'i386']) },
  "an object such as { os: 'linux', arch: 'x86-64' }",
);

/**
 * Names of calls that programs of a world make: `mmap,mprotect`, `VirtualAlloc`, `%memory`; each once, system calls by family.
 * @throws MayexecError that names the first unknown one and the nearest right spelling.
 */
export function callsNamed(text: string, target: { os: GuestOs; arch: Arch }): readonly string[] {
  checkShape('callsNamed: the programs', target, TARGET);
  const { os, arch } = target;
  return namedCalls(text, WORLDS[os].calls(arch));
}

/** What a machine itself refuses has a rule too, which is no policy's. */
export const MACHINE_RULES = PAGE_TABLE_RULES;

/** Where the programs of a world are linked, if not at the usual place. */
export function linkAddress(os: GuestOs): Addr | undefined {
  return os === 'kernel' ? KERNEL_TEXT : undefined;
}

export type GuestOs = keyof typeof WORLDS;

export const GUEST_SYSTEMS = Object.keys(WORLDS) as readonly GuestOs[];
