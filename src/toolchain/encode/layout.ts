/**
 * Lays a program out as one flat image and has Keystone assemble it, in as many rounds as it takes.
 *
 * Everything is given to Keystone as one text, so that it sees all labels and chooses the length of
 * jumps. It gives bytes back and nothing else: addresses are learnt from a table that is appended
 * to the text, `.long place - start` for each place, and cut off the bytes again. A value that
 * Keystone cannot express needs addresses first: a second round uses those of the first, until
 * nothing moves any more.
 */
import type { Arch } from '../../base/address.js';
import { AssemblyError, type AssemblyProblem, StatementError } from '../assembly-error.js';
import { OverBudget } from '../budget.js';
import { evaluateLinear, evaluateNumber } from '../syntax/evaluate.js';
import type { Expression } from '../syntax/expression.js';
import type { Mode } from '../syntax/operand.js';
import { MAX_PROBLEMS, type ProgramBuilder, problemOf } from './builder.js';
import type { EncoderRefusal, EncodingTarget } from './encoder.js';
import { anchorName, hex, type Values } from './instruction.js';
import { type Item, type ProgramSection, sectionOrder, WRITABLE_ORDER } from './program.js';

/** A section's start in the image when its rights differ from those before. */
const PAGE_SHIFT = 12;
const MOST_ROUNDS = 12;

export interface Placed {
  /** Without sections that have no bits. */
  readonly bytes: Uint8Array;
  readonly sections: readonly ProgramSection[];
  /** By anchor number. */
  readonly addresses: readonly bigint[];
}

export interface LayoutInput extends EncodingTarget {
  readonly builder: ProgramBuilder;
}

/** Why there is no image. */
export interface EncodingRefusal {
  /** The encoder's, when all statements were well formed. */
  readonly code: EncoderRefusal;
  readonly rendered: readonly RenderedItem[];
  /** What was found before Keystone saw anything. */
  readonly problems: readonly AssemblyProblem[];
}

export interface RenderedItem {
  readonly item: Item;
  readonly text: string;
}

type Round =
  | { readonly kind: 'placed'; readonly bytes: Uint8Array; readonly addresses: bigint[] }
  | { readonly kind: 'refused'; readonly refusal: EncodingRefusal };

export function layOut(input: LayoutInput): Placed | EncodingRefusal {
  const { builder, address } = input;
  const sections = builder.sections
    .filter((section) => !section.discarded)
    .sort((a, b) => sectionOrder(a.rights) - sectionOrder(b.rights));
  let addresses: readonly bigint[] | undefined;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    builder.budget.startRound();
    const rendering = new Rendering(builder, addresses, address);
    const { rendered, problems } = rendering.all(sections);
    if (problems.length > 0 || builder.problems.length > 0) {
      return { code: 'silence', rendered, problems: [...builder.problems, ...problems] };
    }
    const result = assembleRound(input, sections, rendered);
    if (result.kind === 'refused') return result.refusal;
    const settled = sameAddresses(addresses, result.addresses) || !rendering.usedAddresses;
    addresses = result.addresses;
    if (!settled) continue;
    const misfits = new Rendering(builder, addresses, address).misfits(sections, result.bytes);
    if (misfits.length > 0) throw new AssemblyError(misfits);
    return { bytes: result.bytes, sections, addresses };
  }
  const message = 'the addresses never settle: two values depend on each other';
  throw new AssemblyError([{ file: '', line: 0, column: 0, text: '', message }]);
}

function sameAddresses(before: readonly bigint[] | undefined, now: readonly bigint[]): boolean {
  return before?.every((address, anchor) => address === now[anchor]) ?? false;
}

/** What a user did wrong becomes a problem; anything else, and what ends the assembly, is thrown. */
function problemAt({ statement }: Item, error: unknown): AssemblyProblem {
  if (error instanceof OverBudget) throw new AssemblyError([problemOf(error, statement)]);
  if (!(error instanceof StatementError)) throw error;
  return problemOf(error, statement);
}

/** One round's values, and the text of each item. */
class Rendering {
  readonly #builder: ProgramBuilder;
  readonly #addresses: readonly bigint[] | undefined;
  readonly #base: bigint;
  usedAddresses = false;

  constructor(builder: ProgramBuilder, addresses: readonly bigint[] | undefined, base: bigint) {
    this.#builder = builder;
    this.#addresses = addresses;
    this.#base = base;
  }

  /** What cannot be rendered is noted and left out. */
  all(sections: readonly ProgramSection[]): {
    rendered: RenderedItem[];
    problems: AssemblyProblem[];
  } {
    const problems: AssemblyProblem[] = [];
    const rendered: RenderedItem[] = [];
    for (const item of sections.flatMap((section) => section.items)) {
      try {
        const text = item.render(this.#valuesAt(item));
        // A byte takes four characters at least.
        this.#builder.budget.spend('image', text.length >> 2);
        rendered.push({ item, text });
      } catch (error) {
        problems.push(problemAt(item, error));
        if (problems.length >= MAX_PROBLEMS) break;
      }
    }
    return { rendered, problems };
  }

  /** What does not fit, given the addresses that came out. */
  misfits(sections: readonly ProgramSection[], bytes: Uint8Array): AssemblyProblem[] {
    const problems: AssemblyProblem[] = [];
    for (const { items, endAnchor } of sections) {
      for (const [index, item] of items.entries()) {
        const end = this.#addresses![items[index + 1]?.anchor ?? endAnchor]!;
        try {
          const start = Number(this.#addresses![item.anchor]! - this.#base);
          const code = bytes.subarray(start, Number(end - this.#base));
          item.verify?.(this.#valuesAt(item), { code, end });
        } catch (error) {
          problems.push(problemAt(item, error));
          if (problems.length >= MAX_PROBLEMS) return problems;
        }
      }
    }
    return problems;
  }

  #valuesAt({ site }: Item): Values {
    const addressOf = (anchor: number): bigint => {
      this.usedAddresses = true;
      return this.#addresses?.[anchor] ?? this.#base;
    };
    const names = this.#builder.symbols.names(site, addressOf);
    const first = this.#addresses === undefined;
    const settled = (expression: Expression): boolean =>
      !first || evaluateLinear(expression, names)?.anchors.size === 0;
    return {
      linear: (expression) => evaluateLinear(expression, names),
      number: (expression) => {
        try {
          return evaluateNumber(expression, names);
        } catch (error) {
          // With guessed addresses `x / (end - start)` divides by nothing.
          if (settled(expression) || !this.usedAddresses) throw error;
          return 0n;
        }
      },
      settled,
    };
  }
}

function assembleRound(
  { encoder, builder, arch, address }: LayoutInput,
  sections: readonly ProgramSection[],
  rendered: readonly RenderedItem[],
): Round {
  const text = new ImageText(arch);
  const bySection = new Map<string, RenderedItem[]>();
  let next = 0;
  for (const section of sections) {
    bySection.set(section.name, rendered.slice(next, next + section.items.length));
    next += section.items.length;
  }
  for (const section of sections) text.section(section, bySection.get(section.name)!);
  const anchors = text.anchors;
  const encoded = encoder.encode(arch, text.finish(), address);
  if (!encoded.ok)
    return { kind: 'refused', refusal: { code: encoded.refusal, rendered, problems: [] } };
  // Over some operands Keystone gives up and reports success.
  const whole = encoded.bytes.length >= 4 * (anchors.length + 1);
  if (!whole) return { kind: 'refused', refusal: { code: 'silence', rendered, problems: [] } };
  return readTable(encoded.bytes, anchors, builder.anchorCount, address);
}

/** Cuts the table of places off the bytes. */
function readTable(
  bytes: Uint8Array,
  anchors: readonly number[],
  anchorCount: number,
  address: bigint,
): Round {
  const length = bytes.length - anchors.length * 4 - 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset + length);
  const addresses = new Array<bigint>(anchorCount).fill(address);
  for (const [index, anchor] of anchors.entries()) {
    addresses[anchor] = address + BigInt(view.getUint32(index * 4, true));
  }
  const end = view.getUint32(anchors.length * 4, true);
  return { kind: 'placed', bytes: bytes.subarray(0, end), addresses };
}

/** The text that Keystone gets. */
class ImageText {
  readonly anchors: number[] = [];
  readonly #lines: string[] = [`${START}:`];
  readonly #default: Mode;
  #mode: Mode;
  #order: number | undefined;
  #ended = false;

  constructor(arch: Arch) {
    this.#default = defaultMode(arch);
    this.#mode = this.#default;
  }

  section(section: ProgramSection, items: readonly RenderedItem[]): void {
    if (section.items.length === 0 && section.reserved === 0n && section.name === '.text') {
      this.#anchor(section.startAnchor);
      this.#anchor(section.endAnchor);
      return;
    }
    if (section.rights.nobits) this.#end();
    this.#alignSection(section);
    this.#anchor(section.startAnchor);
    for (const { item, text } of items) {
      this.#anchor(item.anchor);
      if (text === '') continue;
      this.#switch(item.mode);
      this.#lines.push(text);
    }
    this.#anchor(section.endAnchor);
  }

  finish(): string {
    this.#end();
    for (const anchor of this.anchors) this.#lines.push(`.long ${anchorName(anchor)} - ${START}`);
    this.#lines.push(`.long ${END} - ${START}`);
    return this.#lines.join('\n');
  }

  /** Here the bytes of the file end. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#lines.push(`${END}:`);
  }

  #alignSection(section: ProgramSection): void {
    const order = sectionOrder(section.rights);
    const first = this.#order === undefined;
    // What has no bits continues the writable data; anything else begins a page of its own.
    const continues = section.rights.nobits && this.#order === WRITABLE_ORDER;
    const newPage = !first && this.#order !== order && !continues;
    this.#order = order;
    const own = section.alignment.toString(2).length - 1;
    const least = first ? own : Math.max(own, 4);
    const shift = newPage ? Math.max(least, PAGE_SHIFT) : least;
    if (shift > 0) this.#lines.push(`.p2align ${hex(BigInt(shift))}, 0x0`);
  }

  #anchor(anchor: number): void {
    this.anchors.push(anchor);
    this.#lines.push(`${anchorName(anchor)}:`);
  }

  #switch(mode: Mode): void {
    this.#lines.push(...modeSwitch(this.#mode, mode));
    this.#mode = mode;
  }
}

const START = 'zzstart';
const END = 'zzend';

export function defaultMode(arch: Arch): Mode {
  return { bits: arch === 'x86-64' ? 64 : 32, syntax: 'intel' };
}

/** What makes Keystone read on in another mode. */
export function modeSwitch(from: Mode, to: Mode): string[] {
  const lines: string[] = [];
  if (from.bits !== to.bits) lines.push(`.code${to.bits}`);
  if (from.syntax !== to.syntax) {
    lines.push(to.syntax === 'intel' ? '.intel_syntax noprefix' : '.att_syntax');
  }
  return lines;
}
