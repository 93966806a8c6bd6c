/** The worlds that there are, by the name that `Sandbox.create({ os })` takes. A new one is one more line. */
import type { World } from '../kernel/world.js';
import { linuxWorld } from '../os/linux/world.js';
import { windowsWorld } from '../win32/windows/world.js';
import { wineWorld } from '../win32/wine/world.js';

export const WORLDS = {
  linux: linuxWorld,
  windows: windowsWorld,
  wine: wineWorld,
} as const satisfies Readonly<Record<string, World>>;

export type GuestOs = keyof typeof WORLDS;

export const GUEST_SYSTEMS = Object.keys(WORLDS) as readonly GuestOs[];
