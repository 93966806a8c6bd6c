/** Kits that stay open for the life of the process, one for each architecture and policy that was asked for. */

import type { Arch } from '../base/address.js';
import { checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { checkShape, oneOf } from '../base/shape.js';
import type { PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { conventionOf } from './abi/convention.js';
import { type CodeSource, loadCode } from './bed/code.js';
import { Kit } from './kit.js';
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
  /** Default 'nx'. */
  readonly policy?: PolicyChoice | undefined;
}

export const OPEN_CALL_OPTIONS: OptionNames<OpenCallOptions> = {
  ...CALL_OPTIONS,
  arch: true,
  policy: true,
};
const SANDBOX_CODE: OptionNames<SandboxCode> = { sandbox: true, address: true, length: true };

const byName = new Map<string, Kit>();
const byObject = new WeakMap<object, Map<Arch, Kit>>();

/** The kit of the process for an architecture and a policy; opened at first use. */
export function kitFor(arch: Arch, policy: PolicyChoice = 'nx'): Kit {
  checkShape('kitFor: the architecture', arch, oneOf(['x86-64', 'i386']));
  if (typeof policy === 'object' && policy !== null) {
    const own = byObject.get(policy) ?? new Map<Arch, Kit>();
    byObject.set(policy, own);
    return opened(own, arch, arch, policy);
  }
  checkText('kitFor: the policy', policy);
  return opened(byName, `${arch} ${policy}`, arch, policy);
}

function opened<K>(kits: Map<K, Kit>, key: K, arch: Arch, policy: PolicyChoice): Kit {
  const known = kits.get(key);
  if (known !== undefined) return known;
  const kit = Kit.openLoaded({ arch, policy });
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
  const { arch, policy, ...options } = given;
  if (isSandboxCode(source)) {
    checkOptionNames('call', source, SANDBOX_CODE);
    if (policy !== undefined) throw new MayexecError('a sandbox has a policy already');
    const kit = Kit.aroundLoaded(source.sandbox);
    return kit.call(kit.at(BigInt(source.address), source.length), args, options);
  }
  const byAbi = options.abi === undefined ? undefined : conventionOf(options.abi).arch;
  const code = loadCode(source, arch ?? byAbi ?? 'x86-64');
  return kitFor(code.arch, policy).call(code, args, options);
}

function isSandboxCode(source: CodeSource | SandboxCode): source is SandboxCode {
  return (
    typeof source === 'object' &&
    source !== null &&
    'sandbox' in source &&
    source.sandbox instanceof Sandbox
  );
}
