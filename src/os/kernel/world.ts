/** The kernel as a world: a ring-0 guest on a machine of its own. */
import { kernelProfile } from '../../engine/cpu-profile.js';
import { elfSymbols } from '../../formats/elf/symbols.js';
import type { Guest } from '../../kernel/guest.js';
import type { GuestOptions, KernelVersion, World } from '../../kernel/world.js';
import type { KernelProgram } from './boot/loader.js';
import { KernelGuest } from './guest.js';
import { CR4_SMAP, CR4_SMEP, EFER_NXE } from './paging/entry.js';
import { parseCommandLine } from './report/command-line.js';
import { VERSION_WORDS } from './report/versions.js';

const NEWEST: KernelVersion = '7.3';

/** What `clearcpuid=` keeps the kernel from turning on, by bit of CR4. */
const CLEARED: Readonly<Record<string, bigint>> = { smep: CR4_SMEP, smap: CR4_SMAP };

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
  open,
};

function open({ program, kernelVersion, ...options }: GuestOptions): Guest {
  const version = kernelVersion ?? NEWEST;
  const text = program?.argv.slice(1).join(' ') ?? '';
  const commandLine = parseCommandLine(text);
  const { engine } = options;
  const noExecute = !commandLine.withoutFeatures.includes('nx');
  if (!noExecute) engine.writeRegister('efer', engine.readRegister('efer') & ~EFER_NXE);
  for (const name of commandLine.withoutFeatures) {
    const bit = Object.hasOwn(CLEARED, name) ? CLEARED[name]! : 0n;
    engine.writeRegister('cr4', engine.readRegister('cr4') & ~bit);
  }
  const symbols = program === undefined ? new Map() : elfSymbols(program.bytes, 'x86-64', 0n);
  const kernel: KernelProgram | undefined = program && {
    path: program.path,
    bytes: program.bytes,
    commandLine: text,
    version: VERSION_WORDS[version].number,
    rodataOff: commandLine.rodataOff,
    noExecute,
    pti: commandLine.pti,
  };
  return new KernelGuest({ ...options, program: kernel, symbols, version, commandLine });
}
