/** The grammar of policy specs: `name:key=value,key=value`, joined by `+`. */
import { MayexecError } from '../base/errors.js';

export interface SpecPart {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Splits a spec; names and values are not judged here. @throws MayexecError for what is no spec. */
export function parseSpec(spec: string): readonly SpecPart[] {
  const parts = spec.split('+').map((text) => parsePart(spec, text.trim()));
  const seen = new Set<string>();
  for (const { name } of parts) {
    if (seen.has(name)) {
      throw new MayexecError(
        `policy spec '${spec}' names '${name}' twice: join its options by ','`,
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
      `policy spec '${spec}' lacks a name: expected NAME or NAME:KEY=VALUE,KEY=VALUE, joined by '+'`,
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
      `policy spec '${spec}': '${pair}' is no option of '${name}': expected KEY=VALUE, joined by ','`,
    );
  }
  if (options.has(key)) {
    throw new MayexecError(`policy spec '${spec}' gives option '${key}' of '${name}' twice`);
  }
  options.set(key, value);
}
