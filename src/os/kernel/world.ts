/** The kernel as a world: a ring-0 guest on a machine of its own. */
import { kernelProfile } from '../../engine/cpu-profile.js';
import { elfSymbols } from '../../formats/elf/symbols.js';
import type { World } from '../../kernel/world.js';
import { KernelGuest } from './guest.js';

export const kernelWorld: World = {
  os: 'kernel',
  arches: ['x86-64'],
  // Nobody makes system calls here.
  calls: () => ({ linux: false, functions: [], memory: [] }),
  defaultPolicy: 'nx',
  layouts: [],
  settings: {},
  mountOptions: [],
  cpu: () => kernelProfile({ nx: true, supervisorChecks: true }),
  open: ({ program, ...options }) =>
    new KernelGuest({
      ...options,
      program:
        program === undefined
          ? undefined
          : {
              path: program.path,
              bytes: program.bytes,
              commandLine: program.argv.slice(1).join(' '),
            },
      symbols: program === undefined ? new Map() : elfSymbols(program.bytes, 'x86-64', 0n),
    }),
};
