/** Kits that stay open for the life of the process, one for each architecture and policy that was asked for. */

import type { Arch } from '../base/address.js';
import { checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { checkShape, oneOf } from '../base/shape.js';
import type { PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { GUEST_SYSTEMS, type GuestOs, WORLDS } from '../sandbox/worlds.js';
import { conventionOf } from './abi/convention.js';
import { type CodeSource, loadCode } from './bed/code.js';
import { Kit, type KitOptions } from './kit.js';
import type { Argument } from './run/arguments.js';
import { CALL_OPTIONS, type CallOptions } from './run/call-options.js';
import type { CallResult } from './run/call-result.js';

/** Code in a sandbox of the caller's. */
export interface SandboxCode {
  readonly sandbox: Sandbox;
  readonly address: bigint | number;
  /** In bytes; default: to the end of its mapping. */
  readonly length?: number;
}

export interface OpenCallOptions extends CallOptions {
  /** Default: what `abi` or the code says, else x86-64. */
  readonly arch?: Arch | undefined;
  /** Default 'linux'; see KitOptions. */
  readonly os?: GuestOs | undefined;
  /** Default: the world's own, 'nx' or 'dep'. */
  readonly policy?: PolicyChoice | undefined;
}

export const OPEN_CALL_OPTIONS: OptionNames<OpenCallOptions> = {
  ...CALL_OPTIONS,
  arch: true,
  os: true,
  policy: true,
};
const SANDBOX_CODE: OptionNames<SandboxCode> = { sandbox: true, address: true, length: true };

const byName = new Map<string, Kit>();
const byObject = new WeakMap<object, Map<string, Kit>>();

/** The kit of the process for an architecture and a policy; opened at first use. */
export function kitFor(arch: Arch, given?: PolicyChoice, os: GuestOs = 'linux'): Kit {
  checkShape('kitFor: the architecture', arch, oneOf(['x86-64', 'i386']));
  checkShape('kitFor: the system', os, oneOf(GUEST_SYSTEMS));
  const policy = given === undefined ? WORLDS[os].defaultPolicy : given;
  if (typeof policy === 'object' && policy !== null) {
    const own = byObject.get(policy) ?? new Map<string, Kit>();
    byObject.set(policy, own);
    return opened(own, `${arch} ${os}`, { arch, os, policy });
  }
  checkText('kitFor: the policy', policy);
  return opened(byName, `${arch} ${os} ${policy}`, { arch, os, policy });
}

function opened<K>(kits: Map<K, Kit>, key: K, options: KitOptions): Kit {
  const known = kits.get(key);
  if (known !== undefined) return known;
  const kit = Kit.openLoaded(options);
  kits.set(key, kit);
  return kit;
}

/**
 * Calls code in the kit of its architecture and policy.
 * @throws MayexecError, AssemblyError: see Kit.load and Kit.call.
 */
export function call(
  source: CodeSource | SandboxCode,
  args: readonly Argument[] = [],
  given: OpenCallOptions = {},
): CallResult {
  checkOptionNames('call', given, OPEN_CALL_OPTIONS);
  const { arch, os, policy, ...options } = given;
  if (isSandboxCode(source)) {
    checkOptionNames('call', source, SANDBOX_CODE);
    if (policy !== undefined || os !== undefined) {
      throw new MayexecError('a sandbox has a world and a policy already');
    }
    const kit = Kit.aroundLoaded(source.sandbox);
    return kit.call(kit.at(BigInt(source.address), source.length), args, options);
  }
  const byAbi = options.abi === undefined ? undefined : conventionOf(options.abi).arch;
  const code = loadCode(source, arch ?? byAbi ?? 'x86-64');
  return kitFor(code.arch, policy, os).call(code, args, options);
}

function isSandboxCode(source: CodeSource | SandboxCode): source is SandboxCode {
  return (
    typeof source === 'object' &&
    source !== null &&
    'sandbox' in source &&
    source.sandbox instanceof Sandbox
  );
}
