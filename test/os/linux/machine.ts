/** A Linux process on the real engine, for tests: seeded, without address randomisation unless asked for. */
import type { Arch } from '../../../src/base/address.js';
import { Random } from '../../../src/base/random.js';
import { linuxProfile } from '../../../src/engine/cpu-profile.js';
import { openEngine } from '../../../src/engine/open.js';
import { createLayout } from '../../../src/os/linux/mm/placement/layout.js';
import { LinuxProcess } from '../../../src/os/linux/process/linux-process.js';
import type { LinuxProcessOptions } from '../../../src/os/linux/process/linux-process-options.js';
import { resolvePolicies } from '../../../src/policy/registry.js';
import { Recorder } from '../../../src/trace/recorder.js';

export interface MachineOptions
  extends Partial<Pick<LinuxProcessOptions, 'files' | 'stdin' | 'onOutput' | 'protectionKeys'>> {
  readonly policy?: string;
  readonly layout?: string;
  /** With a seed addresses are random. */
  readonly seed?: number;
  readonly blocks?: number;
  readonly memory?: number;
}

export interface Machine extends Disposable {
  readonly process: LinuxProcess;
  readonly trace: Recorder;
  readonly output: string;
}

export async function openMachine(arch: Arch, options: MachineOptions = {}): Promise<Machine> {
  const { policy, layout, seed, blocks, memory, ...rest } = options;
  const { protectionKeys = false } = rest;
  const { engine } = await openEngine('auto', {
    arch,
    memory: memory ?? 32 << 20,
    cpu: linuxProfile(arch, { protectionKeys }),
  });
  const trace = new Recorder();
  const random = seed === undefined ? undefined : new Random(seed);
  const process = LinuxProcess.create({
    engine,
    arch,
    policies: resolvePolicies(policy ?? 'nx', arch),
    layout: createLayout(layout, arch, random),
    seed: seed ?? 0,
    trace,
    limits: { blocks: blocks ?? 10_000_000 },
    ...rest,
  });
  return {
    process,
    trace,
    get output() {
      return new TextDecoder().decode(process.stdout);
    },
    [Symbol.dispose]() {
      process.close();
      engine.close();
    },
  };
}

/** A machine without a program. */
export async function openIdle(arch: Arch, options: MachineOptions = {}): Promise<Machine> {
  const machine = await openMachine(arch, options);
  machine.process.idle();
  return machine;
}
