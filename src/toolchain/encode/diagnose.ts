/**
 * Finds what the encoder refuses. It stops at the first error and names no place, so each statement is
 * assembled alone, its labels right behind it; when all pass alone, the one that is wrong in its
 * place (a jump too far, an address too high) is found by putting them together piece by piece.
 */
import { AssemblyError, type AssemblyProblem, StatementError } from '../assembly-error.js';
import { problemOf } from './builder.js';
import type { EncoderRefusal, EncodingTarget } from './encoder.js';
import { defaultMode, type EncodingRefusal, modeSwitch, type RenderedItem } from './layout.js';
import { misplacedText, refusalText } from './refusal-text.js';

/** Beyond this number the rest are consequences, or somebody feeds us prose. */
const MOST_PROBLEMS = 50;

/** One byte after the statement: without it the encoder gave up silently. */
const MARKER = '.byte 0x90';

/** Statements that are tried together: where all is well, that is as fast as the assembly itself. */
const CHUNK = 1024;

interface Tried {
  readonly rendered: RenderedItem;
  readonly code: EncoderRefusal | undefined;
  readonly length: number;
}

export function diagnose(refusal: EncodingRefusal, target: EncodingTarget): AssemblyError {
  const search = new Search(target, [...refusal.problems]);
  const { rendered } = refusal;
  for (let from = 0; from < rendered.length; from += CHUNK) {
    search.tryAll(rendered.slice(from, from + CHUNK));
  }
  if (search.problems.length > 0) return new AssemblyError(search.problems);
  return new AssemblyError([findInPlace(search.tried, refusal, target)]);
}

/** Tries statements apart from the program that they stand in. */
class Search {
  readonly tried: Tried[] = [];
  readonly problems: AssemblyProblem[];
  readonly #target: EncodingTarget;

  constructor(target: EncodingTarget, problems: AssemblyProblem[]) {
    this.#target = target;
    this.problems = problems;
  }

  /** Halves what is refused until the statements are found that are refused alone. */
  tryAll(items: readonly RenderedItem[]): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    const lengths = tryTogether(items, this.#target);
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
    const alone = tryAlone(rendered, this.#target);
    this.tried.push(alone);
    if (alone.code === undefined) return;
    const message = refusalText(this.#target.encoder.name, alone.code, rendered);
    // A mnemonic is misspelt once, however often it stands there.
    const kind = alone.code === 'mnemonic' ? message : undefined;
    this.problems.push(problem(rendered, message, kind));
  }
}

/**
 * Bytes of each statement; undefined when one of them is refused, or when they are only because they stand
 * so far apart. As in layout.ts, a table of places behind them tells where each begins.
 */
function tryTogether(items: readonly RenderedItem[], target: EncodingTarget): number[] | undefined {
  const { encoder, arch, address } = target;
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
  const encoded = encoder.encode(arch, lines.join('\n'), address);
  if (!encoded.ok || encoded.bytes.length < 4 * items.length) return undefined;
  const { bytes } = encoded;
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4 * items.length);
  const ends = items.map((_, index) => view.getUint32(4 * index, true));
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}

function problem({ item }: RenderedItem, message: string, kind?: string): AssemblyProblem {
  return problemOf(new StatementError(message, 0, undefined, kind), item.statement);
}

function tryAlone(rendered: RenderedItem, target: EncodingTarget): Tried {
  const { encoder, arch, address } = target;
  const labels = new Set(rendered.text.match(/\bzz\d+\b/g) ?? []);
  const modes = modeSwitch(defaultMode(arch), rendered.item.mode);
  const lines = [...modes, rendered.text, ...[...labels].map((label) => `${label}:`), MARKER];
  const encoded = encoder.encode(arch, lines.join('\n'), address);
  if (!encoded.ok) return { rendered, code: encoded.refusal, length: 0 };
  if (encoded.bytes.length === 0) return { rendered, code: 'silence', length: 0 };
  return { rendered, code: undefined, length: encoded.bytes.length - 1 };
}

/**
 * The shortest beginning of the program that is refused ends with the culprit. What follows it is
 * replaced by as many bytes, so that distances stay about what they are.
 */
function findInPlace(
  tried: readonly Tried[],
  refusal: EncodingRefusal,
  target: EncodingTarget,
): AssemblyProblem {
  let [low, high] = [0, tried.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const refused = refusesBeginning(tried, middle + 1, target);
    if (refused) high = middle;
    else low = middle + 1;
  }
  const culprit = tried[Math.min(low, tried.length - 1)];
  if (culprit === undefined) {
    const message = `${target.encoder.name} refuses the program (${refusal.code})`;
    return { file: '', line: 0, column: 0, text: '', message };
  }
  return problem(culprit.rendered, misplacedText(culprit.rendered));
}

function refusesBeginning(tried: readonly Tried[], count: number, target: EncodingTarget): boolean {
  const { encoder, arch, address } = target;
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
  const encoded = encoder.encode(arch, [...lines, MARKER].join('\n'), address);
  return !encoded.ok || encoded.bytes.length === 0;
}
