/**
 * Relocatable code for the kit: objects of a compiler, or a generator's bytes with their relocations, linked in
 * memory. Names that they do not define are addresses or functions of the host.
 */

import type { Addr, Arch } from '../../base/address.js';
import { checkBytes, checkRecord, checkText, integerOf } from '../../base/arguments.js';
import { MayexecError } from '../../base/errors.js';
import { checkOptionNames, type OptionNames } from '../../base/options.js';
import type { ObjectFile } from '../../formats/object-file.js';
import { type RawCode, rawObject } from '../../formats/raw-object.js';
import { readObject } from '../../formats/read-object.js';
import { importStubs, slotOf } from '../../object/import-stubs.js';
import { link } from '../../object/link.js';
import { type Callback, isCallback } from './callback.js';
import { addressOfLabel, CODE_ADDRESS, type Code } from './code.js';

/** An ELF `.o` or COFF `.obj`, alone or with a name for messages, or bytes with a list of relocations. */
export type LinkInput =
  | Uint8Array
  | { readonly name: string; readonly bytes: Uint8Array }
  | RawCode;

export interface LinkCodeOptions {
  /** What names mean that no object defines: a callback is called through a stub. */
  readonly externals?: Readonly<Record<string, number | bigint | Callback>>;
  /** The function to call; default: the first global one of the first object, or its first byte of code. */
  readonly entry?: string;
  /** Where the image begins: a multiple of 4096. Default 0x10000000. */
  readonly base?: Addr | number;
}

const OPTIONS: OptionNames<LinkCodeOptions> = { externals: true, entry: true, base: true };
const NAMED: OptionNames<{ readonly name: string; readonly bytes: Uint8Array }> = {
  name: true,
  bytes: true,
};

/**
 * @throws MayexecError: no object file, cut off, for another architecture; a name defined twice or nowhere; a
 * relocation that does not reach.
 */
export function linkCode(
  inputs: LinkInput | readonly LinkInput[],
  options: LinkCodeOptions = {},
): Code {
  checkOptionNames('linkCode', options, OPTIONS);
  const { externals = {}, entry, base = CODE_ADDRESS } = options;
  checkRecord('externals of linkCode', externals, 'an object of names and addresses or callbacks');
  const given = Array.isArray(inputs) ? inputs : [inputs];
  const files = given.map((input: LinkInput, index) => objectOf(input, index));
  const callbacks = Object.entries(externals).flatMap(([name, value]) =>
    isCallback(value) ? [{ name, callback: value }] : [],
  );
  const addresses = Object.fromEntries(
    Object.entries(externals).flatMap(([name, value]) =>
      isCallback(value) ? [] : [[name, value]],
    ),
  );
  const [first] = files;
  if (first === undefined) throw new MayexecError('nothing to link: expected at least one object');
  const names = callbacks.map(({ name }) => name);
  const stubs = names.length === 0 ? [] : [importStubs(first.arch, names)];
  const all = [...files, ...stubs, ...guardFailure(files, externals)];
  const image = link(all, { base: integerOf('base', base), externals: addresses });
  const code: Code = {
    kind: 'code',
    arch: image.arch,
    parts: image.segments.map(({ start, bytes, filled, rights }) => ({
      address: start,
      bytes: bytes.subarray(0, filled),
      length: bytes.length,
      write: rights.includes('w'),
      exec: rights.includes('x'),
    })),
    entry: 0n,
    symbols: new Map([...image.symbols].filter(([name]) => !name.endsWith('@slot'))),
    lines: [],
    source: undefined,
    initializers: image.initializers,
    ...(image.threadPointer === undefined ? {} : { threadPointer: image.threadPointer }),
    imports: callbacks.map(({ name, callback }) => ({
      callback: { ...callback, name },
      slot: image.symbols.get(slotOf(name))!,
    })),
  };
  const label = entry ?? firstFunction(first);
  if (label !== undefined) return { ...code, entry: addressOfLabel(code, label) };
  const start = code.parts.find(({ exec }) => exec)?.address;
  if (start === undefined) throw new MayexecError(`${first.name} has no executable section`);
  return { ...code, entry: start };
}

/** What code with stack protectors calls when the guard of a frame was overwritten. */
export const GUARD_FAILURES = ['__stack_chk_fail', '__stack_chk_fail_local'] as const;

/** What stack protectors call is the C library's: without another definition it ends the process as there. */
function guardFailure(
  files: readonly ObjectFile[],
  externals: NonNullable<LinkCodeOptions['externals']>,
): ObjectFile[] {
  const arch = files[0]?.arch ?? 'x86-64';
  return GUARD_FAILURES.flatMap((name) => {
    const symbols = files.flatMap((file) => file.symbols.filter((each) => each.name === name));
    const wanted = symbols.some(({ place }) => place.kind === 'undefined');
    const defined =
      Object.hasOwn(externals, name) || symbols.some((s) => s.place.kind !== 'undefined');
    if (!wanted || defined) return [];
    return [rawObject({ arch, name, code: ABORT[arch], symbols: { [name]: 0 } })];
  });
}

/** kill(getpid(), SIGABRT), by the calls' numbers of each architecture. */
const ABORT: Readonly<Record<Arch, Uint8Array>> = {
  'x86-64': Uint8Array.of(
    ...[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc7, 0xbe, 6, 0, 0, 0],
    ...[0xb8, 62, 0, 0, 0, 0x0f, 0x05, 0xf4],
  ),
  i386: Uint8Array.of(
    ...[0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x89, 0xc3, 0xb9, 6, 0, 0, 0],
    ...[0xb8, 37, 0, 0, 0, 0xcd, 0x80, 0xf4],
  ),
};

function objectOf(input: LinkInput, index: number): ObjectFile {
  if (input instanceof Uint8Array) return readObject(`object ${index + 1}`, input);
  checkRecord(
    `object ${index + 1} of linkCode`,
    input,
    'an object file as a Uint8Array, { name, bytes } or { arch, code }',
  );
  if ('code' in input) return rawObject(input);
  checkOptionNames('linkCode', input, NAMED);
  checkText(`the name of object ${index + 1}`, input.name);
  checkBytes(`the bytes of object '${input.name}'`, input.bytes);
  return readObject(input.name, input.bytes);
}

/** The lowest one of its text; undefined for bytes without labels. */
function firstFunction({ symbols, sections }: ObjectFile): string | undefined {
  const functions = symbols.flatMap(({ name, binding, place }) =>
    binding !== 'local' && place.kind === 'section' && sections[place.section]?.exec
      ? [{ name, offset: place.offset }]
      : [],
  );
  return functions.sort((a, b) => a.offset - b.offset)[0]?.name;
}
