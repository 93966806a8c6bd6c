/**
 * Parameters of API functions. They say how many bytes a stdcall function takes off the stack, and how a trace prints
 * a call.
 */
import { InvariantError } from '../../base/errors.js';

/**
 * How an argument is read in a trace. `u64` and `f64` take two words of a 32-bit stack; `f64` (a double) and `f32` (a
 * float) come in the vector registers of 64-bit code.
 */
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
  'f64',
  'f32',
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

/** Words of a 32-bit stack. */
export function stackWords(kind: ParameterKind): number {
  return kind === 'u64' || kind === 'f64' ? 2 : 1;
}

export function isReal(kind: ParameterKind): boolean {
  return kind === 'f64' || kind === 'f32';
}

/** Bytes of a 32-bit stack. */
export function stackBytes({ parameters }: ApiSignature): number {
  return parameters.reduce((sum, { kind }) => sum + 4 * stackWords(kind), 0);
}
