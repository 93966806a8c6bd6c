/**
 * `--policy-file NAME=FILE`: a policy of one's own, from a module. Only who gives the command loads code: a
 * scenario may name such a policy and no file.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as library from '../../index.js';
import { type Given, type OptionSpec, UsageError } from '../arguments.js';
import { checkRegularFile } from '../host/file.js';

export const POLICY_FILE_OPTION: OptionSpec = {
  name: 'policy-file',
  value: 'NAME=FILE',
  join: '\n',
  help: "a policy of one's own, from a module; may be repeated",
};

export const POLICY_FILE_DETAILS = [
  'FILE of --policy-file is an ES module. Its default export is a policy made by definePolicy, or a function that is',
  'given the library and returns one: export default ({ definePolicy }) => definePolicy({ name: ... }).',
];

export interface PolicyFile {
  readonly name: string;
  readonly path: string;
}

/** @throws UsageError for what is no NAME=FILE, and a file that is not there. */
export function policyFilesOf({ values }: Given): PolicyFile[] {
  const given = (values.get(POLICY_FILE_OPTION.name) ?? '').split('\n');
  const files = given.filter((part) => part !== '').map(policyFile);
  const twice = files.find(
    ({ name }, index) => files.findIndex((one) => one.name === name) !== index,
  );
  if (twice !== undefined) throw new UsageError(`--policy-file names '${twice.name}' twice`);
  return files;
}

function policyFile(text: string): PolicyFile {
  const [, name, path] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw new UsageError(`--policy-file ${text}: expected NAME=FILE, as no-gain=./no-gain.mjs`);
  }
  if (library.listPolicies().some((policy) => policy.name === name)) {
    throw new UsageError(`--policy-file ${text}: '${name}' is a policy that there is already`);
  }
  checkRegularFile(path);
  return { name, path: resolve(path) };
}

/** @throws UsageError for a module that does not load, or gives no policy of that name. */
export async function loadPolicies(files: readonly PolicyFile[]): Promise<library.Policy[]> {
  const policies: library.Policy[] = [];
  for (const { name, path } of files) policies.push(await loadPolicy(name, path));
  return policies;
}

async function loadPolicy(name: string, path: string): Promise<library.Policy> {
  const policy = await exportOf(path);
  if (!isPolicy(policy)) {
    throw new UsageError(
      `${path}: its default export is no policy: expected one made by definePolicy, or a function that returns one`,
    );
  }
  if (policy.name !== name) {
    throw new UsageError(
      `${path}: defines the policy '${policy.name}': --policy-file ${policy.name}=FILE`,
    );
  }
  return withFile(policy, path);
}

/** Its hooks run in the middle of a program: what one throws is said with the file it is from. */
function withFile(policy: library.Policy, path: string): library.Policy {
  const hooks = Object.entries(policy).filter(([, value]) => typeof value === 'function');
  const named = hooks.map(([name, hook]) => {
    const value = (...args: unknown[]): unknown => {
      try {
        return hook.apply(policy, args);
      } catch (error) {
        // What definePolicy made names its hook already.
        const hookText =
          error instanceof library.MayexecError
            ? ''
            : `hook ${name} of policy '${policy.name}' threw: `;
        throw new UsageError(`${path}: ${hookText}${reasonFrom(error)}`);
      }
    };
    return [name, { value, enumerable: true }] as const;
  });
  return Object.create(policy, Object.fromEntries(named));
}

function reasonFrom(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}

async function exportOf(path: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
    return typeof module.default === 'function' ? await module.default(library) : module.default;
  } catch (error) {
    throw new UsageError(`${path}: ${reasonFrom(error)}`);
  }
}

function isPolicy(value: unknown): value is library.Policy {
  return (
    typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
  );
}
