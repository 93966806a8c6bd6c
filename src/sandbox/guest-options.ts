/** The options of a sandbox as a world takes them. */
import { checkBytes } from '../base/arguments.js';
import { encodeText } from '../base/text.js';
import type { Injector } from '../inject/injector.js';
import type { SyscallInterceptor } from '../kernel/intercept.js';
import type { GuestOptions, GuestProgram } from '../kernel/world.js';
import type { CheckedOptions, HostProgram, SandboxOptions } from './options.js';

export function guestOptions(
  checked: CheckedOptions,
  options: SandboxOptions,
  injector: Injector,
): Omit<GuestOptions, 'engine' | 'policies' | 'trace' | 'watch'> {
  const { kernelVersion, layout, program, stdin, onOutput } = options;
  return {
    arch: checked.arch,
    seed: checked.seed,
    ...(checked.schedule === undefined ? {} : { schedule: checked.schedule }),
    limits: { blocks: checked.blocks },
    files: options.files ?? {},
    ...(options.host === undefined ? {} : { host: options.host }),
    mounts: options.mounts ?? {},
    protectionKeys: checked.protectionKeys,
    ...(options.dep === undefined ? {} : { dep: options.dep }),
    ...(layout === undefined ? {} : { layout }),
    ...(kernelVersion === undefined ? {} : { kernelVersion }),
    ...(program === undefined ? {} : { program: programOf(program) }),
    ...(stdin === undefined ? {} : { stdin: stdinOf(stdin) }),
    ...interception(checked, options, injector),
    ...(onOutput === undefined ? {} : { onOutput }),
  };
}

/** The host's own interceptor has the first word. Without any, calls are not stopped for one. */
function interception(
  { injections }: CheckedOptions,
  { intercept, interceptFault, sysctl }: SandboxOptions,
  injector: Injector,
): Pick<GuestOptions, 'intercept' | 'interceptFault' | 'settings' | 'resourceLimits'> {
  const resourceLimits = new Map<number, bigint>();
  const settings = new Map(Object.entries(sysctl ?? {}));
  for (const injection of injections) {
    if (injection.kind === 'rlimit') resourceLimits.set(injection.resource, injection.bytes);
    if (injection.kind === 'map-count') settings.set('vm.max_map_count', injection.count);
  }
  const counts = injections.some(({ kind }) => kind === 'call');
  const both: SyscallInterceptor = (call) => {
    const injected = injector.intercept(call);
    return intercept?.(call) ?? injected;
  };
  const asked = counts ? both : intercept;
  return {
    resourceLimits,
    settings,
    ...(asked === undefined ? {} : { intercept: asked }),
    ...(interceptFault === undefined ? {} : { interceptFault }),
  };
}

/** What a function answers is the host's too. */
function stdinOf(given: NonNullable<SandboxOptions['stdin']>): Uint8Array | (() => Uint8Array) {
  if (typeof given === 'string') return encodeText(given);
  if (given instanceof Uint8Array) return given;
  return () => {
    const bytes = given();
    checkBytes('what the function stdin answers', bytes);
    return bytes;
  };
}

function programOf(program: HostProgram): GuestProgram {
  if (program instanceof Uint8Array) {
    return { path: '/program', bytes: program, argv: ['/program'], env: [], xattrs: {} };
  }
  const path = program.path ?? '/program';
  const { bytes, argv = [path], env = [], cwd, xattrs = {} } = program;
  const start = cwd === undefined ? {} : { cwd };
  return { path, bytes, argv: [...argv], env: [...env], xattrs, ...start };
}
