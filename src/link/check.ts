/** A case out of data that came from anywhere: each part is what it should be, or one sentence says which is not. */
import {
  checkBoolean,
  checkBytes,
  checkRecord,
  checkText,
  checkTextList,
  checkTexts,
} from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { LINKED_ARCHES, LINKED_SYSTEMS, type WorkshopCase } from './workshop-case.js';

type Fields = Readonly<Record<string, unknown>>;

const KNOWN = [
  'source',
  'binary',
  'name',
  'os',
  'arch',
  'policy',
  'inject',
  'seed',
  'schedule',
  'arguments',
  'stdin',
  'protectionKeys',
  'mounts',
  'xattrs',
  'layout',
  'cpu',
  'place',
  'expected',
];

/** @throws MayexecError that names the first part that is wrong. */
export function caseFrom(value: unknown, bytesOf: (base64: string) => Uint8Array): WorkshopCase {
  checkRecord('the case', value, 'an object');
  const fields = value as Fields;
  for (const name of Object.keys(fields)) {
    if (!KNOWN.includes(name)) throw unknownValue('part of a case', name, KNOWN);
  }
  const binary = optionalText(fields, 'binary');
  if (binary !== undefined && !/^[\w-]*$/.test(binary)) {
    throw new MayexecError('the binary is no base64');
  }
  return {
    source: text(fields, 'source'),
    ...(binary === undefined ? {} : { binary: bytesOf(binary) }),
    name: text(fields, 'name'),
    os: oneOf(fields, 'os', LINKED_SYSTEMS),
    arch: oneOf(fields, 'arch', LINKED_ARCHES),
    policy: text(fields, 'policy'),
    inject: optionalText(fields, 'inject'),
    seed: optionalNumber(fields, 'seed', 0xffffffff),
    schedule: optionalSchedule(fields),
    arguments: optionalTexts(fields, 'arguments'),
    stdin: optionalText(fields, 'stdin'),
    protectionKeys: optionalSwitch(fields, 'protectionKeys'),
    mounts: optionalLists(fields, 'mounts'),
    xattrs: optionalTextMap(fields, 'xattrs'),
    layout: optionalText(fields, 'layout'),
    cpu: optionalText(fields, 'cpu'),
    place: optionalNumber(fields, 'place', Number.MAX_SAFE_INTEGER),
    expected: optionalText(fields, 'expected'),
  };
}

/** @throws MayexecError that names the first part that is wrong. */
export function checkCase(linked: WorkshopCase): void {
  checkRecord('the case', linked, 'an object');
  const { binary, ...rest } = linked;
  if (binary !== undefined) checkBytes('binary', binary);
  caseFrom(rest, () => new Uint8Array());
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  checkText(name, value);
  return value as string;
}

function optionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : text(fields, name);
}

function optionalSwitch(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  checkBoolean(name, value);
  return value as boolean | undefined;
}

function optionalNumber(fields: Fields, name: string, most: number): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) {
    return value;
  }
  throw new MayexecError(`${name} is ${String(value)}: expected an integer from 0 to ${most}`);
}

function optionalSchedule(fields: Fields): WorkshopCase['schedule'] {
  if (typeof fields.schedule !== 'string') return optionalNumber(fields, 'schedule', 0xffffffff);
  return oneOf(fields, 'schedule', ['round-robin', 'seed'] as const);
}

function optionalTexts(fields: Fields, name: string): readonly string[] | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  checkTextList(name, value);
  return value as readonly string[];
}

function optionalTextMap(
  fields: Fields,
  name: string,
): Readonly<Record<string, string>> | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  checkTexts(name, value);
  return { ...(value as Readonly<Record<string, string>>) };
}

function optionalLists(
  fields: Fields,
  name: string,
): Readonly<Record<string, readonly string[]>> | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  checkRecord(name, value, 'an object of lists');
  for (const [key, list] of Object.entries(value as Fields)) checkTextList(`${name} ${key}`, list);
  return { ...(value as Readonly<Record<string, readonly string[]>>) };
}

function oneOf<T extends string>(fields: Fields, name: string, known: readonly T[]): T {
  const value = text(fields, name);
  const found = known.find((each) => each === value);
  if (found === undefined) throw unknownValue(name, value, known);
  return found;
}
