/** Wine as a world: programs for Windows in Wine's address space, on Linux and under its policies. */
import { Meter } from '../../base/meter.js';
import { Random } from '../../base/random.js';
import { linuxProfile } from '../../engine/cpu-profile.js';
import type { Guest } from '../../kernel/guest.js';
import { OutputSink } from '../../kernel/output.js';
import type { GuestOptions, World } from '../../kernel/world.js';
import { createLayout } from '../../os/linux/mm/placement/layout.js';
import { LinuxProcess } from '../../os/linux/process/linux-process.js';
import { SYSCTLS } from '../../os/linux/sysctl.js';
import { GuestFiles } from '../files.js';
import { Win32Guest } from '../guest/guest.js';
import { standardInput } from '../guest/input.js';
import { programOf } from '../loader/program.js';
import { apiNames } from '../loader/system-dlls.js';
import { type SystemTraits, Win32System } from '../system.js';
import { WINE_LAYOUTS, type WineLayout } from './layout.js';
import { preloaderElf } from './preloader.js';
import { WineSpace } from './space.js';

const TRAITS: SystemTraits = { os: 'wine', version: [6, 1, 7601], wineVersion: '8.0' };

export const wineWorld: World = {
  os: 'wine',
  arches: ['x86-64', 'i386'],
  calls: (arch) => ({ linux: true, ...apiNames({ arch, traits: TRAITS }) }),
  defaultPolicy: 'nx',
  layouts: WINE_LAYOUTS,
  settings: SYSCTLS,
  mountOptions: ['noexec', 'ro', 'wxallowed'],
  cpu: linuxProfile,
  open,
};

function open(options: GuestOptions): Guest {
  const { engine, arch, onOutput, limits, layout = 'wine-8' } = options;
  const sink = (fd: 1 | 2): OutputSink =>
    new OutputSink(onOutput === undefined ? undefined : (bytes) => onOutput(fd, bytes));
  const files = new GuestFiles();
  for (const [path, file] of Object.entries(options.files)) {
    files.create(path, file instanceof Uint8Array ? file : file.content);
  }
  const meter = new Meter(() => engine.blocks);
  const program = programOf(options, files);
  const outputs = [sink(1), sink(2)] as const;
  const system = new Win32System({
    engine,
    meter,
    arch,
    traits: TRAITS,
    files,
    outputs,
    stdin: standardInput(options.stdin),
    trace: options.trace,
    seed: options.seed,
    schedule: options.schedule,
    intercept: options.intercept,
    interceptFault: options.interceptFault,
    createSpace: () =>
      new WineSpace(startPreloader({ ...options, meter }, outputs[1]), layout as WineLayout),
  });
  return new Win32Guest(system, program, limits.blocks);
}

/** The Linux process, with nothing in it but the preloader. */
function startPreloader(
  options: GuestOptions & { readonly meter: Meter },
  errors: OutputSink,
): LinuxProcess {
  const { arch, seed, policies, program } = options;
  const random = seed === 0 ? undefined : new Random(seed);
  const {
    stdin: _stdin,
    layout: _layout,
    settings,
    program: _program,
    watch: _watch,
    ...rest
  } = options;
  const linux = LinuxProcess.create({
    ...rest,
    layout: createLayout(policies.effects.layout, arch, random?.fork('layout')),
    sysctls: settings,
    files: {},
    onOutput: (fd, bytes) => {
      if (fd === 2) errors.write(bytes);
    },
  });
  const name =
    arch === 'x86-64' ? '/usr/lib/wine/wine64-preloader' : '/usr/lib/wine/wine-preloader';
  linux.exec(name, preloaderElf(arch), [name], [], program?.xattrs ?? {});
  return linux;
}
