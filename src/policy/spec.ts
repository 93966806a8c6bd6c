/** The grammar of policy specs: `name:key=value,key=value`, joined by `+`. */
import { checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { shorten } from '../base/text.js';

export interface SpecPart {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/** All policies with all their options take less. */
const LONGEST_SPEC = 4096;

/** Splits a spec; names and values are not judged here. @throws MayexecError for what is no spec. */
export function parseSpec(spec: string): readonly SpecPart[] {
  checkText('the policy', spec, "a spec such as 'selinux+mdwe'");
  if (spec.length > LONGEST_SPEC) {
    throw new MayexecError(
      `policy spec '${shorten(spec)}' is longer than ${LONGEST_SPEC} characters`,
    );
  }
  const parts = spec.split('+').map((text) => parsePart(spec, text.trim()));
  const seen = new Set<string>();
  for (const { name } of parts) {
    if (seen.has(name)) {
      throw new MayexecError(
        `policy spec '${shorten(spec)}' names '${shorten(name)}' twice: join its options by ','`,
      );
    }
    seen.add(name);
  }
  return parts;
}

function parsePart(spec: string, text: string): SpecPart {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).trim();
  if (name === '') {
    throw new MayexecError(
      `policy spec '${shorten(spec)}' lacks a name: expected NAME or NAME:KEY=VALUE,KEY=VALUE, joined by '+'`,
    );
  }
  const options = new Map<string, string>();
  if (colon < 0) return { name, options };
  for (const pair of text.slice(colon + 1).split(',')) addOption(options, spec, name, pair.trim());
  return { name, options };
}

function addOption(options: Map<string, string>, spec: string, name: string, pair: string): void {
  const equals = pair.indexOf('=');
  const key = pair.slice(0, Math.max(equals, 0)).trim();
  const value = pair.slice(equals + 1).trim();
  if (equals < 0 || key === '' || value === '') {
    throw new MayexecError(
      `policy spec '${shorten(spec)}': '${shorten(pair)}' is no option of '${shorten(name)}': expected KEY=VALUE, joined by ','`,
    );
  }
  if (options.has(key)) {
    throw new MayexecError(
      `policy spec '${shorten(spec)}' gives option '${shorten(key)}' of '${shorten(name)}' twice`,
    );
  }
  options.set(key, value);
}
