/** Kits that stay open for the life of the process, one for each architecture and policy that was asked for. */
import type { Arch } from '../base/address.js';
import { MayexecError } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import type { PolicyChoice } from '../sandbox/options.js';
import { Sandbox } from '../sandbox/sandbox.js';
import { conventionOf } from './abi/convention.js';
import { type Code, type CodeSource, loadCode } from './bed/code.js';
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

const byName = new Map<string, Promise<Kit>>();
const byObject = new WeakMap<object, Map<Arch, Promise<Kit>>>();

const KEPT_TEXTS = 500;
const assembled = new Map<string, Code>();

/** The kit of the process for an architecture and a policy; opened at first use. */
export function kitFor(arch: Arch, policy: PolicyChoice = 'nx'): Promise<Kit> {
  if (typeof policy !== 'string') {
    const own = byObject.get(policy) ?? new Map<Arch, Promise<Kit>>();
    byObject.set(policy, own);
    return opened(own, arch, arch, policy);
  }
  return opened(byName, `${arch} ${policy}`, arch, policy);
}

function opened<K>(
  kits: Map<K, Promise<Kit>>,
  key: K,
  arch: Arch,
  policy: PolicyChoice,
): Promise<Kit> {
  const known = kits.get(key);
  if (known !== undefined) return known;
  const kit = Kit.open({ arch, policy });
  kits.set(key, kit);
  // A policy that does not exist is to be named again, not remembered.
  kit.catch(() => kits.delete(key));
  return kit;
}

/**
 * Calls code in the kit of its architecture and policy.
 * @throws MayexecError, AssemblyError: see Kit.load and Kit.call.
 */
export async function call(
  source: CodeSource | SandboxCode,
  args: readonly Argument[] = [],
  given: OpenCallOptions = {},
): Promise<CallResult> {
  checkOptionNames('call', given, OPEN_CALL_OPTIONS);
  const { arch, policy, ...options } = given;
  if (isSandboxCode(source)) {
    checkOptionNames('call', source, SANDBOX_CODE);
    if (policy !== undefined) throw new MayexecError('a sandbox has a policy already');
    const kit = await Kit.around(source.sandbox);
    return kit.call(kit.at(BigInt(source.address), source.length), args, options);
  }
  const byAbi = options.abi === undefined ? undefined : conventionOf(options.abi).arch;
  const code = await codeOf(source, arch ?? byAbi ?? 'x86-64');
  const kit = await kitFor(code.arch, policy);
  return kit.call(code, args, options);
}

/** The assembler takes longer than most cases: a text is assembled once. */
async function codeOf(source: CodeSource, arch: Arch): Promise<Code> {
  if (typeof source !== 'string') return loadCode(source, arch);
  const key = `${arch} ${source}`;
  const known = assembled.get(key);
  if (known !== undefined) return known;
  const code = await loadCode(source, arch);
  if (assembled.size >= KEPT_TEXTS) assembled.clear();
  assembled.set(key, code);
  return code;
}

function isSandboxCode(source: CodeSource | SandboxCode): source is SandboxCode {
  return typeof source === 'object' && 'sandbox' in source && source.sandbox instanceof Sandbox;
}
