/**
 * A policy as text: what one would hand to definePolicy, for lessons and links. It never runs as the host's JavaScript
 * but in QuickJS, where there is nothing but the language, `definePolicy` and the constants VM_*, PROT_* and MAP_*.
 */
import * as mman from '../abi/linux/mman.js';
import { checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import * as vma from '../os/linux/mm/vmas/vma.js';
import { definePolicy, type PolicyInput } from '../policy/define.js';
import { HOOK_NAMES, type HookName } from '../policy/hooks.js';
import type { Policy } from '../policy/policy.js';
import { Interpreter, TextError } from './quickjs.js';
import { SHOWN } from './shown.js';

/** Characters; a policy has some hundred. */
const LONGEST = 20_000;
const FILE = 'policy';

/** Fields that are texts are given as they are, functions by name only. */
const PRELUDE = `
const definePolicy = (() => {
  const { parse, stringify } = JSON;
  const { keys, fromEntries } = Object;
  let given;
  const revived = (key, value) =>
    typeof value === 'object' && value !== null && typeof value.bigint === 'string'
      ? BigInt(value.bigint) : value;
  globalThis.describe = () => {
    if (typeof given !== 'object' || given === null) return 'null';
    return stringify(fromEntries(keys(given).map((key) =>
      [key, typeof given[key] === 'function' ? { hook: key } : { value: String(given[key]) }])));
  };
  globalThis.ask = (hook, args) => stringify(given[hook](...parse(args, revived))) ?? 'null';
  return (policy) => (given = policy);
})();
delete Math.random;
`;

/** Of the same spelling as in C. */
const CONSTANTS = Object.entries({ ...vma, ...mman })
  .filter(([name, value]) => /^(VM|PROT|MAP)_/.test(name) && typeof value === 'number')
  .map(([name, value]) => `const ${name} = ${value};`)
  .join('');

/**
 * A policy of its own interpreter: what the text remembers from one call to the next is its own affair, and gone with it.
 * @throws MayexecError that names the line: a mistake in the text, no policy in it, or a text that does not end. Its
 * hooks throw such errors too.
 */
export async function policyFromText(text: string): Promise<Policy> {
  checkText('policyFromText: the text', text);
  if (text.length > LONGEST) {
    throw new MayexecError(`this policy has ${text.length} characters: at most ${LONGEST}`);
  }
  const interpreter = await Interpreter.create();
  interpreter.run(`${CONSTANTS}${PRELUDE}`, 'prelude');
  placed(() => interpreter.run(text, FILE));
  const fields = placed(() => described(interpreter.call('describe')));
  const input = Object.fromEntries(
    Object.entries(fields).map(([key, field]): [string, unknown] => [
      key,
      isHook(key) && field.hook === key ? hookOf(interpreter, key) : field.value,
    ]),
  );
  // definePolicy looks at every field itself.
  return definePolicy(input as PolicyInput);
}

interface Field {
  readonly hook?: string;
  readonly value?: string;
}

function described(json: string): Readonly<Record<string, Field>> {
  const fields: unknown = parsed(json);
  if (typeof fields !== 'object' || fields === null) {
    throw new MayexecError('the text defines no policy: expected definePolicy({ name: ..., ... })');
  }
  return fields as Readonly<Record<string, Field>>;
}

function isHook(key: string): key is HookName {
  return (HOOK_NAMES as readonly string[]).includes(key);
}

function hookOf(interpreter: Interpreter, hook: HookName): (...args: unknown[]) => unknown {
  const shown = SHOWN[hook] as (...args: unknown[]) => readonly unknown[];
  return (...args) => {
    const answer = placed(() => interpreter.call('ask', hook, written(shown(...args))));
    return parsed(answer) ?? undefined;
  };
}

function written(args: readonly unknown[]): string {
  return JSON.stringify(args, (_, value: unknown) =>
    typeof value === 'bigint' ? { bigint: String(value) } : value,
  );
}

/** A text may change what JSON means in its interpreter. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new MayexecError('the policy answers something that is no data');
  }
}

function placed<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TextError) || error.line === undefined) throw error;
    throw new MayexecError(`line ${error.line}: ${error.message}`);
  }
}
