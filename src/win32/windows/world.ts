/** Windows as a world: programs for Windows under Windows' own memory manager and protection. */
import { type NtStatus, STATUS } from '../../abi/windows/status.js';
import { Meter } from '../../base/meter.js';
import { Random } from '../../base/random.js';
import { causeOfVerdict } from '../../base/verdict.js';
import { linuxProfile } from '../../engine/cpu-profile.js';
import type { Guest } from '../../kernel/guest.js';
import { OutputSink } from '../../kernel/output.js';
import type { GuestOptions, World } from '../../kernel/world.js';
import { Frames } from '../../memory/frames.js';
import type { CodeRequest } from '../../os/windows/memory/virtual-memory.js';
import { judgeDynamicCode } from '../../policy/windows/acg.js';
import { DEP_MODES } from '../../policy/windows/dep.js';
import { type Mitigations, WITHOUT_DEP } from '../dep/mitigations.js';
import { GuestFiles } from '../files.js';
import { Win32Guest } from '../guest/guest.js';
import { standardInput } from '../guest/input.js';
import { programOf } from '../loader/program.js';
import { apiNames } from '../loader/system-dlls.js';
import { type SystemTraits, Win32System } from '../system.js';
import { recordChange } from './changes.js';
import { executeFlagsOf } from './dep.js';
import { type WindowsSettings, WindowsSpace } from './space.js';

const TRAITS: SystemTraits = { os: 'windows', version: [10, 0, 19045], wineVersion: undefined };

export const windowsWorld: World = {
  os: 'windows',
  arches: ['x86-64', 'i386'],
  calls: (arch) => ({ linux: false, ...apiNames({ arch, traits: TRAITS }) }),
  defaultPolicy: 'dep',
  layouts: [],
  settings: {},
  mountOptions: [],
  cpu: linuxProfile,
  open,
};

function open(options: GuestOptions): Guest {
  const { engine, arch, onOutput, limits } = options;
  const sink = (fd: 1 | 2): OutputSink =>
    new OutputSink(onOutput === undefined ? undefined : (bytes) => onOutput(fd, bytes));
  const files = new GuestFiles();
  for (const [path, file] of Object.entries(options.files)) {
    files.create(path, file instanceof Uint8Array ? file : file.content);
  }
  const meter = new Meter(() => engine.blocks);
  const frames = new Frames(engine.memory, meter);
  const program = programOf(options, files);
  const settings = (system: Win32System): WindowsSettings =>
    settingsOf(options, system, program?.path);
  const system = new Win32System({
    engine,
    meter,
    arch,
    traits: TRAITS,
    files,
    outputs: [sink(1), sink(2)],
    stdin: standardInput(options.stdin),
    trace: options.trace,
    seed: options.seed,
    schedule: options.schedule,
    intercept: options.intercept,
    interceptFault: options.interceptFault,
    askDep: options.dep?.ask,
    createSpace: (of) =>
      new WindowsSpace({
        engine,
        frames,
        arch,
        random: options.seed === 0 ? undefined : new Random(options.seed).fork('windows layout'),
        settings: settings(of),
        commitLimit: engine.memory.maxFrames * 4096 * 4,
      }),
  });
  return new Win32Guest(system, program, limits.blocks);
}

function settingsOf(
  { arch, policies, engine, trace, dep = {} }: GuestOptions,
  system: Win32System,
  path: string | undefined,
): WindowsSettings {
  const { effects, nx } = policies;
  const { depExempt = [], atlThunks = true, dynamicCode = 0 } = effects;
  const { safeSeh = true, sehop = false } = effects;
  // The policy `none` is a processor without NX: nobody has DEP, 64-bit programs neither.
  const depMode = effects.depMode ?? (nx ? 'alwayson' : 'alwaysoff');
  const withoutNx = effects.depMode === undefined && !nx;
  const name = path?.split('\\').at(-1)?.toLowerCase() ?? '';
  const list = [...depExempt, ...(dep.exempt ?? [])];
  const exempt = list.some((one) => one.toLowerCase() === name);
  return {
    nxPolicy: DEP_MODES.indexOf(depMode),
    executeFlags: (image) =>
      withoutNx ? WITHOUT_DEP : executeFlagsOf(depMode, arch, image, exempt),
    atlThunks,
    safeSeh,
    sehop,
    dynamicCode,
    changed: (change) => recordChange(trace, system.caller, change),
    judge: (mitigations: Mitigations, request: CodeRequest): NtStatus => {
      const verdict = judgeDynamicCode(mitigations, request);
      if (verdict.kind === 'allow' && verdict.rule === undefined) return STATUS.SUCCESS;
      const pc = engine.readRegister(arch === 'x86-64' ? 'rip' : 'eip');
      trace.record({
        type: 'verdict',
        pid: system.caller.pid,
        pc,
        policy: 'acg',
        hook: request.what,
        verdict,
        call: request.what,
      });
      system.cause = causeOfVerdict({ ...verdict, policy: 'acg' });
      system.note(securityEvent(verdict.kind === 'deny', request));
      return verdict.kind === 'deny' ? STATUS.DYNAMIC_CODE_BLOCKED : STATUS.SUCCESS;
    },
  };
}

/** As the log Microsoft-Windows-Security-Mitigations has it: event 2 for a block, 1 for an audit. */
function securityEvent(blocked: boolean, { what }: CodeRequest): string {
  return blocked
    ? `Security-Mitigations: event 2: the process was blocked from generating dynamic code (${what})`
    : `Security-Mitigations: event 1: the process would have been blocked from generating dynamic code (${what})`;
}
