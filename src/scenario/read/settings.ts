/** From front matter to title, policies and sandbox settings, each checked. */
import type { Arch } from '../../base/address.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import type { PolicyTarget } from '../../policy/definition.js';
import { type OwnPolicies, ownPolicyHint, withOwnPolicies } from '../../policy/own-policies.js';
import { resolvePolicies } from '../../policy/registry.js';
import { checkOptions, integer, type ScheduleChoice } from '../../sandbox/options.js';
import { GUEST_SYSTEMS, type GuestOs } from '../../sandbox/worlds.js';
import type { Field, Value } from './front-matter.js';
import {
  DIFFICULTIES,
  type Difficulty,
  type ScenarioRun,
  type ScenarioSettings,
} from './scenario.js';
import type { Problems } from './scenario-error.js';

export interface Header {
  readonly title: string;
  readonly arch: Arch;
  readonly os: GuestOs;
  readonly difficulty: Difficulty | undefined;
  readonly sources: readonly string[];
  readonly runs: readonly ScenarioRun[];
  readonly settings: ScenarioSettings;
}

const KEYS = [
  'title',
  'arch',
  'os',
  'difficulty',
  'sources',
  'policies',
  'inject',
  'kernel',
  'append',
  'seed',
  'schedule',
  'layout',
  'cpu',
  'blocks',
  'arguments',
  'stdin',
  'xattrs',
  'mounts',
  'protection-keys',
  'exercise',
];
const ARCHES: readonly Arch[] = ['x86-64', 'i386'];
export const DEFAULT_BLOCKS = 1_000_000;
/** A run of some ten seconds: a test that takes longer tells nobody anything. */
const MOST_BLOCKS = 100_000_000;

type Fields = ReadonlyMap<string, Field>;

export function headerOf(fields: Fields, problems: Problems): Header {
  for (const { key, line, column } of fields.values()) {
    problems.attempt(line, column, () => {
      if (!KEYS.includes(key)) throw unknownValue('front matter key', key, KEYS);
    });
  }
  if (fields.size > 0) {
    for (const key of ['title', 'policies']) {
      if (!fields.has(key)) problems.add(1, 1, `the front matter has no '${key}'`);
    }
  }
  const os = choice(fields, 'os', GUEST_SYSTEMS, problems) ?? 'linux';
  const arch = choice(fields, 'arch', ARCHES, problems) ?? 'x86-64';
  return {
    title: textOf(fields, 'title', problems) ?? '',
    arch,
    os,
    difficulty: choice(fields, 'difficulty', DIFFICULTIES, problems),
    sources: listOf(fields, 'sources').map(({ text }) => text),
    runs: withAppended(
      withInjections(runsOf(fields.get('policies'), { arch, os }, problems), fields, problems),
      fields,
      problems,
    ),
    settings: settingsOf(fields, os, problems),
  };
}

function textOf(fields: Fields, key: string, problems: Problems): string | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  if (field.scalar === undefined || field.scalar.text === '') {
    problems.add(field.line, field.column, `'${key}' needs a value on its line`);
  }
  return field.scalar?.text;
}

function choice<T extends string>(
  fields: Fields,
  key: string,
  known: readonly T[],
  problems: Problems,
): T | undefined {
  const given = textOf(fields, key, problems);
  if (given === undefined) return undefined;
  const found = known.find((name) => name === given);
  const { line, column } = fields.get(key)!.scalar!;
  if (found === undefined) problems.add(line, column, unknownValue(key, given, known).message);
  return found;
}

function listOf(fields: Fields, key: string): readonly Value[] {
  const field = fields.get(key);
  if (field === undefined) return [];
  return field.scalar === undefined ? field.list : [field.scalar];
}

function runsOf(field: Field | undefined, target: PolicyTarget, problems: Problems): ScenarioRun[] {
  if (field === undefined) return [];
  const listed = [...(field.scalar === undefined ? field.list : [field.scalar])];
  const given = [
    ...listed.map((value) => ({ name: value, spec: value })),
    ...field.map.map(({ key, values }) => ({ name: key, spec: values[0] })),
  ];
  if (given.length === 0) problems.add(field.line, field.column, "'policies' names no policy");
  const runs: ScenarioRun[] = [];
  for (const { name, spec } of given) {
    const run = runOf(name, spec, target, problems);
    if (runs.some((other) => other.name === run.name)) {
      problems.add(name.line, name.column, `two runs are called '${run.name}'`);
    }
    runs.push(run);
  }
  return runs;
}

export function runOf(
  name: Value,
  spec: Value | undefined,
  target: PolicyTarget,
  problems: Problems,
): ScenarioRun {
  const policy = spec?.text ?? '';
  const { line, column } = spec ?? name;
  problems.attempt(line, column, () => {
    if (policy === '') throw new MayexecError(`run '${name.text}' has no policy`);
    checkPolicy(policy, target, problems.ownPolicies);
    if (!/^[\w.+-]+$/.test(name.text)) {
      throw new MayexecError(`'${name.text}' has options, so this run needs a name: 'NAME: SPEC'`);
    }
  });
  return {
    name: name.text,
    policy,
    inject: undefined,
    append: undefined,
    position: { file: problems.file, line: name.line, column: name.column },
  };
}

/** @throws MayexecError for a spec that is none, or that names what neither we nor the caller have. */
export function checkPolicy(spec: string, { arch, os }: PolicyTarget, own: OwnPolicies): void {
  try {
    resolvePolicies(withOwnPolicies(spec, own), arch, os);
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new MayexecError(`${error.message}${ownPolicyHint(spec)}`);
  }
}

/** `inject` is a map from a run's name to what is injected into it. */
function withInjections(
  runs: readonly ScenarioRun[],
  fields: Fields,
  problems: Problems,
): ScenarioRun[] {
  mapOf(fields, 'inject', problems);
  const specs = new Map<string, string>();
  for (const { key, values } of fields.get('inject')?.map ?? []) {
    const known = runs.map(({ name }) => name);
    problems.attempt(key.line, key.column, () => {
      if (!known.includes(key.text)) throw unknownValue('run', key.text, known);
      if (specs.has(key.text)) throw new MayexecError(`'${key.text}' is given twice`);
    });
    const spec = values.map(({ text }) => text).join('+');
    const { line, column } = values[0] ?? key;
    problems.attempt(line, column, () => checkOptions({ inject: spec }));
    specs.set(key.text, spec);
  }
  return runs.map((run) => ({ ...run, inject: specs.get(run.name) }));
}

/** `append` is the command line of the kernel, for all runs, or a map from a run's name to it. */
function withAppended(
  runs: readonly ScenarioRun[],
  fields: Fields,
  problems: Problems,
): ScenarioRun[] {
  const field = fields.get('append');
  if (field === undefined) return [...runs];
  if (!fields.has('kernel') && fields.get('os')?.scalar?.text !== 'kernel') {
    problems.add(
      field.line,
      field.column,
      "'append' is the command line of a 'kernel', and there is none",
    );
  }
  const { scalar } = field;
  if (scalar !== undefined) return runs.map((run) => ({ ...run, append: scalar.text }));
  mapOf(fields, 'append', problems);
  const words = new Map<string, string>();
  for (const { key, values } of field.map) {
    const known = runs.map(({ name }) => name);
    problems.attempt(key.line, key.column, () => {
      if (!known.includes(key.text)) throw unknownValue('run', key.text, known);
      if (words.has(key.text)) throw new MayexecError(`'${key.text}' is given twice`);
    });
    words.set(key.text, values.map(({ text }) => text).join(' '));
  }
  return runs.map((run) => ({ ...run, append: words.get(run.name) }));
}

function settingsOf(fields: Fields, os: GuestOs, problems: Problems): ScenarioSettings {
  const seed = numberOf(fields, 'seed', problems);
  const order = textOf(fields, 'schedule', problems);
  const schedule = (order !== undefined && /^\d+$/.test(order) ? Number(order) : order) as
    | ScheduleChoice
    | undefined;
  const layout = textOf(fields, 'layout', problems);
  // A list in the YAML of the front matter: cpu: x86-64-v2,+bmi2 is one text.
  const cpu = textOf(fields, 'cpu', problems);
  const stdin = textOf(fields, 'stdin', problems);
  const mounts = mapOf(fields, 'mounts', problems);
  const kernel = textOf(fields, 'kernel', problems);
  if (kernel !== undefined && os !== 'linux') {
    const { line, column } = fields.get('kernel')!;
    problems.add(line, column, `a kernel runs beside programs of linux, and these are of ${os}`);
  }
  const keys = choice(fields, 'protection-keys', ['on', 'off'], problems);
  const settings = {
    ...(seed === undefined ? {} : { seed }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(layout === undefined ? {} : { layout }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(stdin === undefined ? {} : { stdin }),
    ...(kernel === undefined ? {} : { kernel }),
    protectionKeys: keys === 'on',
    blocks: numberOf(fields, 'blocks', problems) ?? DEFAULT_BLOCKS,
    arguments: listOf(fields, 'arguments').map(({ text }) => text),
    xattrs: Object.fromEntries(
      Object.entries(mapOf(fields, 'xattrs', problems)).map(([name, [text = '']]) => [name, text]),
    ),
    mounts,
  };
  for (const [key, options] of [
    ['seed', { seed }],
    ['schedule', { schedule }],
    ['layout', { layout }],
    ['cpu', { cpu }],
    ['mounts', { mounts }],
  ] as const) {
    const field = fields.get(key);
    if (field !== undefined)
      problems.attempt(field.line, 1, () => checkOptions({ ...options, os }));
  }
  problems.attempt(fields.get('blocks')?.line ?? 1, 1, () =>
    integer('blocks', settings.blocks, 1, MOST_BLOCKS),
  );
  return settings;
}

function numberOf(fields: Fields, key: string, problems: Problems): number | undefined {
  const text = textOf(fields, key, problems);
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? text : Number(text);
  const { line, column } = fields.get(key)!.scalar!;
  problems.add(line, column, `'${text}' is no whole number`);
  return undefined;
}

function mapOf(fields: Fields, key: string, problems: Problems): Record<string, string[]> {
  const field = fields.get(key);
  if (field !== undefined && field.map.length === 0) {
    problems.add(field.line, field.column, `'${key}' needs indented lines 'name: value' below it`);
  }
  return Object.fromEntries(
    (field?.map ?? []).map(({ key: name, values }) => [name.text, values.map(({ text }) => text)]),
  );
}
