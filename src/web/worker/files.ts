/** Static files beside the page that the worker needs only sometimes. */
import { includeFrom } from '../lessons/include.js';

let asm: Promise<Readonly<Record<string, string>>> | undefined;

/** The files of asm/, for `.include`. */
export async function asmInclude(): Promise<(path: string) => string | undefined> {
  asm ??= fetchJson<Readonly<Record<string, string>>>('asm.json');
  try {
    return includeFrom(await asm);
  } catch (error) {
    asm = undefined;
    throw error;
  }
}

/** @param name Relative to the page's scripts. */
export async function fetchJson<T>(name: string): Promise<T> {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} could not be fetched: status ${response.status}`);
  return (await response.json()) as T;
}
