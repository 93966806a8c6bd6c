/** The assembler under test, behind the one function that the tests need. */
import { AssemblyState } from '@defasm/core';

export interface DefasmOptions {
  readonly syntax?: 'intel' | 'att';
  readonly bits?: 32 | 64;
}

export function stateOf({ syntax = 'intel', bits = 64 }: DefasmOptions = {}): AssemblyState {
  const intel = syntax === 'intel';
  return new AssemblyState({ syntax: { intel, prefix: !intel }, bitness: bits });
}

/** @throws SyntaxError with the messages of the assembler. */
export function defasm(source: string, options?: DefasmOptions): Uint8Array {
  const state = stateOf(options);
  state.compile(source);
  return bytesOf(state);
}

export function bytesOf({ errors, head }: AssemblyState): Uint8Array {
  if (errors.length === 0) return Uint8Array.from(head.dump());
  throw new SyntaxError(errors.map(({ message }) => message).join('; '));
}
