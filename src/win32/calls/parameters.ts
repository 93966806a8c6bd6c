/**
 * Parameters of API functions. They say how many bytes a stdcall function takes off the stack, and how a trace prints
 * a call.
 */
import { InvariantError } from '../../base/errors.js';

/** How an argument is read in a trace. `u64` takes two words of a 32-bit stack. */
export const PARAMETER_KINDS = [
  'ptr',
  'size',
  'dword',
  'int',
  'flags',
  'bool',
  'handle',
  'alloc',
  'prot',
  'str',
  'wstr',
  'out',
  'u64',
] as const;
export type ParameterKind = (typeof PARAMETER_KINDS)[number];

export interface Parameter {
  readonly kind: ParameterKind;
  readonly name: string;
}

export interface ApiSignature {
  readonly parameters: readonly Parameter[];
}

/** Of 'ptr lpAddress, size dwSize'; empty for none. */
export function parametersOf(text: string): Parameter[] {
  if (text === '') return [];
  return text.split(', ').map((part) => {
    const [kind, name] = part.split(' ');
    const known = PARAMETER_KINDS.find((one) => one === kind);
    if (known === undefined || name === undefined) throw new InvariantError(`parameter '${part}'`);
    return { kind: known, name };
  });
}

/** Bytes of a 32-bit stack. */
export function stackBytes({ parameters }: ApiSignature): number {
  return parameters.reduce((sum, { kind }) => sum + (kind === 'u64' ? 8 : 4), 0);
}
