/**
 * Finds what Keystone refuses. It stops at the first error and names no place, so each statement is
 * assembled alone, its labels right behind it; when all pass alone, the one that is wrong in its
 * place (a jump too far, an address too high) is found by putting them together piece by piece.
 */
import type { Arch } from '../../base/address.js';
import { nearest } from '../../base/errors.js';
import { MNEMONICS } from '../../x86/mnemonics.js';
import { AssemblyError, type AssemblyProblem, StatementError } from '../assembly-error.js';
import { problemOf } from './builder.js';
import { KEYSTONE_ERRORS, keystone } from './keystone.js';
import {
  defaultMode,
  type EncodingRefusal,
  modeSwitch,
  type RenderedItem,
  SILENT,
} from './layout.js';
import { isPrefix } from './quirks.js';

/** Beyond this number the rest are consequences, or somebody feeds us prose. */
const MOST_PROBLEMS = 50;

/** One byte after the statement: without it Keystone gave up silently. */
const MARKER = '.byte 0x90';

/** Statements that are tried together: where all is well, that is as fast as the assembly itself. */
const CHUNK = 1024;

interface Tried {
  readonly rendered: RenderedItem;
  readonly code: number | 'crash' | undefined;
  readonly length: number;
}

export function diagnose(refusal: EncodingRefusal, arch: Arch, address: bigint): AssemblyError {
  const search = new Search(arch, address, [...refusal.problems]);
  const { rendered } = refusal;
  for (let from = 0; from < rendered.length; from += CHUNK) {
    search.tryAll(rendered.slice(from, from + CHUNK));
  }
  if (search.problems.length > 0) return new AssemblyError(search.problems);
  return new AssemblyError([findInPlace(search.tried, refusal, arch, address)]);
}

/** Tries statements apart from the program that they stand in. */
class Search {
  readonly tried: Tried[] = [];
  readonly problems: AssemblyProblem[];
  readonly #arch: Arch;
  readonly #address: bigint;

  constructor(arch: Arch, address: bigint, problems: AssemblyProblem[]) {
    this.#arch = arch;
    this.#address = address;
    this.problems = problems;
  }

  /** Halves what is refused until the statements are found that are refused alone. */
  tryAll(items: readonly RenderedItem[]): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    const lengths = tryTogether(items, this.#arch, this.#address);
    if (lengths !== undefined) {
      for (const [index, rendered] of items.entries()) {
        this.tried.push({ rendered, code: undefined, length: lengths[index]! });
      }
      return;
    }
    const [only] = items;
    if (items.length > 1) {
      const half = items.length >> 1;
      this.tryAll(items.slice(0, half));
      this.tryAll(items.slice(half));
    } else if (only !== undefined) {
      this.#tryAlone(only);
    }
  }

  #tryAlone(rendered: RenderedItem): void {
    const alone = tryAlone(rendered, this.#arch, this.#address);
    this.tried.push(alone);
    if (alone.code === undefined) return;
    const message = explain(alone.code, rendered);
    // A mnemonic is misspelt once, however often it stands there.
    const kind = alone.code === KEYSTONE_ERRORS.mnemonicFail ? message : undefined;
    this.problems.push(problem(rendered, message, kind));
  }
}

/**
 * Bytes of each statement; undefined when one of them is refused, or when they are only because they stand
 * so far apart. As in layout.ts, a table of places behind them tells where each begins.
 */
function tryTogether(
  items: readonly RenderedItem[],
  arch: Arch,
  address: bigint,
): number[] | undefined {
  let mode = defaultMode(arch);
  const lines: string[] = ['zzstart:'];
  const used = new Set<string>();
  for (const [index, { item, text }] of items.entries()) {
    lines.push(`zztry${index}:`);
    if (text === '') continue;
    lines.push(...modeSwitch(mode, item.mode), text);
    mode = item.mode;
    for (const label of text.match(/\bzz\d+\b/g) ?? []) used.add(label);
  }
  lines.push(`zztry${items.length}:`, ...[...used].map((label) => `${label}:`));
  for (let index = 1; index <= items.length; index++) {
    lines.push(`.long zztry${index} - zzstart`);
  }
  const encoded = keystone().encode(arch, lines.join('\n'), address);
  if (!encoded.ok || encoded.bytes.length < 4 * items.length) return undefined;
  const { bytes } = encoded;
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4 * items.length);
  const ends = items.map((_, index) => view.getUint32(4 * index, true));
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}

function problem({ item }: RenderedItem, message: string, kind?: string): AssemblyProblem {
  return problemOf(new StatementError(message, 0, undefined, kind), item.statement);
}

function tryAlone(rendered: RenderedItem, arch: Arch, address: bigint): Tried {
  const labels = new Set(rendered.text.match(/\bzz\d+\b/g) ?? []);
  const modes = modeSwitch(defaultMode(arch), rendered.item.mode);
  const lines = [...modes, rendered.text, ...[...labels].map((label) => `${label}:`), MARKER];
  const encoded = keystone().encode(arch, lines.join('\n'), address);
  if (!encoded.ok) return { rendered, code: encoded.code, length: 0 };
  if (encoded.bytes.length === 0) return { rendered, code: SILENT, length: 0 };
  return { rendered, code: undefined, length: encoded.bytes.length - 1 };
}

/**
 * The shortest beginning of the program that is refused ends with the culprit. What follows it is
 * replaced by as many bytes, so that distances stay about what they are.
 */
function findInPlace(
  tried: readonly Tried[],
  refusal: EncodingRefusal,
  arch: Arch,
  address: bigint,
): AssemblyProblem {
  let [low, high] = [0, tried.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const refused = refusesBeginning(tried, middle + 1, arch, address);
    if (refused) high = middle;
    else low = middle + 1;
  }
  const culprit = tried[Math.min(low, tried.length - 1)];
  if (culprit === undefined) {
    const message = `Keystone refuses the program (error ${refusal.code})`;
    return { file: '', line: 0, column: 0, text: '', message };
  }
  return problem(culprit.rendered, misplaced(culprit.rendered));
}

function refusesBeginning(
  tried: readonly Tried[],
  count: number,
  arch: Arch,
  address: bigint,
): boolean {
  let mode = defaultMode(arch);
  const lines: string[] = [];
  for (const [index, { rendered, length }] of tried.entries()) {
    lines.push(`zz${rendered.item.anchor}:`);
    if (rendered.text === '') continue;
    if (index >= count) {
      lines.push(`.space 0x${length.toString(16)}, 0x90`);
      continue;
    }
    lines.push(...modeSwitch(mode, rendered.item.mode), rendered.text);
    mode = rendered.item.mode;
  }
  const known = new Set(tried.map(({ rendered }) => `zz${rendered.item.anchor}`));
  const used = new Set(lines.join('\n').match(/\bzz\d+\b/g) ?? []);
  for (const label of used) if (!known.has(label)) lines.push(`${label}:`);
  const encoded = keystone().encode(arch, [...lines, MARKER].join('\n'), address);
  return !encoded.ok || encoded.bytes.length === 0;
}

function explain(code: number | 'crash', { item, text }: RenderedItem): string {
  const mnemonic = mnemonicOf(item.statement.text);
  switch (code) {
    case 'crash':
      return 'Keystone ends itself over this';
    case KEYSTONE_ERRORS.mnemonicFail: {
      const guess = nearest(mnemonic, MNEMONICS);
      const hint = guess === undefined || guess === mnemonic ? '' : `; did you mean '${guess}'?`;
      return `unknown mnemonic '${mnemonic}'${hint}`;
    }
    case KEYSTONE_ERRORS.invalidOperand:
    case SILENT:
      return `'${mnemonic}' does not take these operands${sizeHint(text)}`;
    case KEYSTONE_ERRORS.missingFeature:
      return `'${mnemonic}' does not exist in ${item.mode.bits}-bit code with these operands`;
    case KEYSTONE_ERRORS.symbolMissing:
      return `'${mnemonic}' names a register that ${item.mode.bits}-bit code does not have here`;
    case KEYSTONE_ERRORS.fixupInvalid:
      return misplaced({ item, text });
    default:
      return `Keystone cannot assemble this (error ${code})`;
  }
}

/** The first word that is no prefix, as written. */
function mnemonicOf(text: string): string {
  const words = text.toLowerCase().split(/\s+/);
  return words.find((word) => !isPrefix(word)) ?? words[0] ?? '';
}

/** `inc [rax]`: how wide? */
function sizeHint(text: string): string {
  const sized = /\bptr\b/.test(text) || /%/.test(text);
  const register = /\b([re]?[a-ds][xipl]|[re]?[sd]i|[re]?[bs]p|r\d+[bwd]?|[xyz]?mm\d+|st)\b/;
  const outside = text.replace(/\[[^\]]*\]/g, '');
  const unsized = /\[/.test(text) && !sized && !register.test(outside.replace(/^\S+/, ''));
  return unsized ? ': say how wide the memory is, for instance dword ptr' : '';
}

function misplaced({ item, text }: RenderedItem): string {
  if (/^(j|call|loop)/.test(mnemonicOf(item.statement.text))) {
    return 'the target is too far away for this instruction';
  }
  if (item.mode.bits === 64 && /\bzz\d+\b/.test(text)) {
    return 'an address does not fit in 32 bits here: use lea with [rip + label], or movabs';
  }
  return 'a value does not fit where it is used';
}
