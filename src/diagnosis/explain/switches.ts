/** What an administrator or packager can switch, as the pages of the policies say it, put into run options. */
import { PolicyOptions, type PolicySwitch } from '../../policy/definition.js';
import { describePolicy, policyNames } from '../../policy/registry.js';
import { parseSpec, type SpecPart } from '../../policy/spec.js';
import type { SandboxOptions } from '../../sandbox/options.js';

export interface Switched {
  readonly text: string;
  readonly options: SandboxOptions;
}

/** For each switch of the policies in a spec, the options of a run with it; none for a host's own policies. */
export function switchedRuns(options: SandboxOptions, spec: string, os: string): Switched[] {
  if (typeof (options.policy ?? '') !== 'string') return [];
  const parts = parseSpec(spec);
  return parts.flatMap((part) => {
    if (!policyNames.includes(part.name)) return [];
    const { switches = [] } = describePolicy(part.name);
    return switches.map((each) => ({
      text: each.text,
      options: {
        ...marked(options, each),
        policy: specWith(parts, part, each, options) || WITHOUT[os],
      },
    }));
  });
}

/** What is left when the only policy is gone; undefined: the world's own default. */
const WITHOUT: Readonly<Record<string, string>> = { linux: 'nx', wine: 'nx' };

function specWith(
  parts: readonly SpecPart[],
  changed: SpecPart,
  { set = {}, gone }: PolicySwitch,
  options: SandboxOptions,
): string {
  const specs = parts.flatMap((part) => {
    if (part !== changed) return [specOf(part)];
    if (gone === true) return [];
    return [
      specOf({
        ...part,
        options: new Map([
          ...part.options,
          ...Object.entries(set).map(([name, value]) => [name, named(value, options)] as const),
        ]),
      }),
    ];
  });
  return specs.join('+');
}

/** PROGRAM in a switch is the name of the program's file. */
function named(value: string, { program }: SandboxOptions): string {
  if (value !== 'PROGRAM') return value;
  const path = program instanceof Uint8Array ? undefined : program?.path;
  const name = path?.split(/[\\/]/).at(-1) ?? 'program';
  return name.includes('.') ? name : `${name}.exe`;
}

function specOf({ name, options }: SpecPart): string {
  return new PolicyOptions(describePolicy(name), options).spec;
}

function marked(options: SandboxOptions, { xattrs }: PolicySwitch): SandboxOptions {
  const { program } = options;
  if (xattrs === undefined || program === undefined) return options;
  const whole = program instanceof Uint8Array ? { bytes: program } : program;
  return { ...options, program: { ...whole, xattrs: { ...whole.xattrs, ...xattrs } } };
}
