/** Linux as a world: its layouts and settings by name, and a guest of it, ready to run. */
import { Random } from '../../base/random.js';
import { linuxProfile } from '../../engine/cpu-profile.js';
import type { Guest } from '../../kernel/guest.js';
import type { GuestOptions, World } from '../../kernel/world.js';
import { createLayout, layoutNames } from './mm/placement/layout.js';
import { LinuxProcess } from './process/linux-process.js';
import { SYSCTLS } from './sysctl.js';

export const linuxWorld: World = {
  os: 'linux',
  arches: ['x86-64', 'i386'],
  calls: () => ({ linux: true, functions: [], memory: [] }),
  defaultPolicy: 'nx',
  layouts: layoutNames,
  settings: SYSCTLS,
  mountOptions: ['noexec', 'ro', 'wxallowed'],
  cpu: linuxProfile,
  open,
};

function open({ layout, settings, program, ...options }: GuestOptions): Guest {
  const { arch, seed, policies } = options;
  const random = seed === 0 ? undefined : new Random(seed);
  const process = LinuxProcess.create({
    ...options,
    layout: createLayout(layout ?? policies.effects.layout, arch, random?.fork('layout')),
    sysctls: settings,
  });
  if (program === undefined) process.idle();
  else {
    if (program.cwd !== undefined) process.changeDirectory(program.cwd);
    process.exec(program.path, program.bytes, program.argv, program.env, program.xattrs);
  }
  return process;
}
