/**
 * The assembler: GNU as's directives and Intel (or AT&T) syntax, Keystone's encoder, and errors
 * that say where they are. Sources name system calls and flags by their kernel names.
 */

import type { Addr, Arch } from '../base/address.js';
import { checkRecord, checkText, integerOf } from '../base/arguments.js';
import { MayexecError, unknownValue } from '../base/errors.js';
import { checkOptionNames, type OptionNames } from '../base/options.js';
import { AssemblyError, StatementError } from './assembly-error.js';
import { OverBudget } from './budget.js';
import { namedConstants } from './constants.js';
import { ProgramBuilder } from './encode/builder.js';
import { diagnose } from './encode/diagnose.js';
import { keystone, loadKeystone } from './encode/keystone/keystone.js';
import { defaultMode, layOut, type Placed } from './encode/layout.js';
import { isDirective, runDirective } from './syntax/directives.js';
import { parseExpression } from './syntax/expression.js';
import { firstWord, type Include, Preprocessor } from './syntax/preprocess.js';
import type { Semicolon, SourceLocation, SourceStatement } from './syntax/source-text.js';

export interface AssembleOptions {
  readonly arch: Arch;
  /** Of sources that do not say it themselves (`.att_syntax`). Intel by default. */
  readonly syntax?: 'intel' | 'att';
  /** Where the first byte will lie. 0x400000 (x86-64) or 0x8048000 (i386) by default. */
  readonly address?: bigint | number;
  /** The text of an included file, or undefined. Asked first for the path beside the including file. */
  readonly include?: Include;
  /** Name of the source in errors, and what `.include` is relative to. */
  readonly file?: string;
  /** More named constants; they hide built-in ones. */
  readonly constants?: Readonly<Record<string, bigint | number>>;
  /** What `;` does: it separates statements (GNU), or starts a comment (NASM; files named .asm). */
  readonly semicolon?: Semicolon;
}

export interface AssembledSection {
  readonly name: string;
  readonly address: Addr;
  /** In memory. */
  readonly length: number;
  /** Where its bytes begin in the image; undefined for one without (.bss). */
  readonly offset: number | undefined;
  readonly write: boolean;
  readonly exec: boolean;
}

/** A statement that became bytes; what a macro made belongs to the line that used the macro. */
export interface SourceLine extends SourceLocation {
  readonly address: Addr;
  readonly length: number;
}

export interface Assembled {
  readonly arch: Arch;
  /** The image from `address` on: sections of other rights begin on new pages. */
  readonly bytes: Uint8Array;
  readonly address: Addr;
  /** Labels without those of digits and `.L…`. */
  readonly symbols: ReadonlyMap<string, Addr>;
  /** Of the symbols, those declared global. */
  readonly globals: ReadonlySet<string>;
  /** In order of addresses. */
  readonly lines: readonly SourceLine[];
  readonly sections: readonly AssembledSection[];
  /** What `.section .note.GNU-stack` says; undefined when the source has none. */
  readonly execStack: boolean | undefined;
}

const OPTIONS: OptionNames<AssembleOptions> = {
  arch: true,
  syntax: true,
  address: true,
  include: true,
  file: true,
  constants: true,
  semicolon: true,
};

export const DEFAULT_ADDRESS = { 'x86-64': 0x400000n, i386: 0x8048000n } as const;

/**
 * Assembles a source.
 * @throws AssemblyError that lists all that is wrong with it, each with its place.
 */
export async function assemble(source: string, options: AssembleOptions): Promise<Assembled> {
  checkAssembly(source, options);
  await loadKeystone();
  return assembleLoaded(source, options);
}

/** @throws MayexecError for what is no source, and for options that are missing or unknown. */
export function checkAssembly(source: string, options: AssembleOptions): void {
  checkText('the source to assemble', source);
  checkRecord('the options of assemble', options, "an object such as { arch: 'x86-64' }");
  checkOptionNames('assemble', options, OPTIONS);
}

/** As `assemble`, at once: the assembler is loaded. */
export function assembleLoaded(source: string, options: AssembleOptions): Assembled {
  const { arch } = options;
  if (arch !== 'x86-64' && arch !== 'i386') {
    throw unknownValue('architecture', arch, ['x86-64', 'i386']);
  }
  if (typeof source !== 'string') throw new MayexecError('the source to assemble is not a string');
  const address = BigInt.asUintN(
    64,
    integerOf('address', options.address ?? DEFAULT_ADDRESS[arch]),
  );
  const builder = read(source, options);
  const target = { encoder: keystone, arch, address };
  const placed = layOut({ ...target, builder });
  if ('code' in placed) throw diagnose(placed, target);
  return assembled(arch, address, builder, placed);
}

/** Compilers name themselves in .ident; of both syntaxes they name Intel's only. */
function isCompilerAtt(source: string): boolean {
  return /^[ \t]*\.ident\s/m.test(source) && !/^[ \t]*\.(intel|att)_syntax\b/m.test(source);
}

function read(source: string, options: AssembleOptions): ProgramBuilder {
  const { arch, file = 'source', include = () => undefined } = options;
  const { syntax = isCompilerAtt(source) ? 'att' : 'intel' } = options;
  if (syntax !== 'intel' && syntax !== 'att') {
    throw unknownValue('syntax', syntax, ['intel', 'att']);
  }
  const builder = new ProgramBuilder(constantsOf(options), { ...defaultMode(arch), syntax });
  const semicolon = options.semicolon ?? (/\.(asm|nasm)$/.test(file) ? 'comment' : 'separator');
  const statement = (each: SourceStatement): void => readStatement(builder, each.text);
  try {
    new Preprocessor({ builder, include, semicolon, statement }).source(source, file);
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error;
    throw new AssemblyError([{ file, line: 1, column: 1, text: '', message: error.message }]);
  }
  return builder;
}

function constantsOf({ arch, constants }: AssembleOptions): ReadonlyMap<string, bigint> {
  const named = namedConstants(arch);
  if (constants === undefined) return named;
  const own = Object.entries(constants).map(
    ([name, value]) => [name, integerOf(`constant '${name}'`, value)] as const,
  );
  return new Map([...named, ...own]);
}

function readStatement(builder: ProgramBuilder, text: string): void {
  const assignment = /^([A-Za-z_.?@][\w.$?@]*)(\s*=(?!=)|\s+equ\b)/i.exec(text);
  if (assignment !== null) {
    const skipped = assignment[0].length;
    const reader = builder.tokens(' '.repeat(skipped) + text.slice(skipped));
    const value = parseExpression(reader);
    reader.expectEnd();
    builder.assign(assignment[1]!, value);
    return;
  }
  const { word } = firstWord(text);
  // NASM's data may have its label before it without a colon.
  const labelled = /^([A-Za-z_.?@][\w.$?@]*)\s+((?:d[bwdq]|res[bwdq])\b.*)$/is.exec(text);
  if (labelled !== null && !isDirective(word)) {
    builder.label(labelled[1]!);
    readStatement(builder, labelled[2]!);
    return;
  }
  if (isDirective(word)) runDirective(builder, word, text);
  else if (/^[a-z]/.test(word)) builder.instruction(text);
  else throw new StatementError('expected a label, a directive or an instruction');
}

function assembled(
  arch: Arch,
  address: bigint,
  builder: ProgramBuilder,
  { bytes, sections, addresses }: Placed,
): Assembled {
  const symbols = new Map<string, Addr>();
  for (const [name, { constant, anchors }] of builder.symbols.labels) {
    // Labels of compilers, and those of our own.
    if (/^\.L|@GOTPCREL$| begins$/.test(name)) continue;
    const [anchor = 0] = anchors.keys();
    symbols.set(name, BigInt.asUintN(64, addresses[anchor]! + constant));
  }
  for (const name of builder.globals) {
    if (!symbols.has(name)) builder.globals.delete(name);
  }
  return {
    arch,
    bytes,
    address,
    symbols,
    globals: builder.globals,
    lines: linesOf(sections, addresses),
    sections: sections.map((section) => sectionOf(section, address, addresses)),
    execStack: builder.execStack,
  };
}

function sectionOf(
  { name, rights, startAnchor, endAnchor, reserved }: Placed['sections'][number],
  base: bigint,
  addresses: readonly bigint[],
): AssembledSection {
  const address = addresses[startAnchor]!;
  const length = rights.nobits ? Number(reserved) : Number(addresses[endAnchor]! - address);
  const offset = rights.nobits ? undefined : Number(address - base);
  return { name, address, length, offset, write: rights.write, exec: rights.exec };
}

function linesOf(sections: Placed['sections'], addresses: readonly bigint[]): SourceLine[] {
  const lines: SourceLine[] = [];
  for (const { items, endAnchor } of sections) {
    for (const [index, { anchor, statement }] of items.entries()) {
      const address = addresses[anchor]!;
      const length = Number(addresses[items[index + 1]?.anchor ?? endAnchor]! - address);
      const { file, line } = statement.used ?? statement;
      if (length > 0) lines.push({ address, length, file, line });
    }
  }
  return lines;
}
