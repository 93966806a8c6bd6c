/** ProgramBuilder: takes statements in the order of reading and puts labels and items into sections. */
import { AssemblyError, type AssemblyProblem, StatementError } from '../assembly-error.js';
import { AssemblyBudget, OverBudget } from '../budget.js';
import { anchorValue, evaluateLinear } from '../syntax/evaluate.js';
import { type Expression, parseExpression, TokenReader } from '../syntax/expression.js';
import type { Mode } from '../syntax/operand.js';
import type { SourceStatement } from '../syntax/source-text.js';
import { AssemblySymbols, type Site } from '../syntax/symbols.js';
import { tokenize } from '../syntax/tokens.js';
import { hex, parseInstruction, renderInstruction, type SourceInstruction } from './instruction.js';
import { type Item, ProgramSection, type SectionRights, sectionRights } from './program.js';
import { verifyInstruction } from './verify.js';

/** As compilers write it for x86-64. */
const GOT_SLOT = /([A-Za-z_.$][\w.$]*)@GOTPCREL\b/g;

const TEXT_SECTION = '.text';
const BSS_SECTION = '.bss';

/** A runaway macro or `.rept` must end before the host's memory does. */
const MAX_ITEMS = 200_000;
/** Beyond them nobody reads on, and most are consequences. */
export const MAX_PROBLEMS = 200;

export class ProgramBuilder {
  readonly symbols: AssemblySymbols;
  readonly budget = new AssemblyBudget();
  readonly sections: ProgramSection[] = [];
  readonly globals = new Set<string>();
  readonly problems: AssemblyProblem[] = [];
  /** What a note section says of the stack: `.section .note.GNU-stack,"x"`. */
  execStack: boolean | undefined;
  mode: Mode;
  readonly #byName = new Map<string, ProgramSection>();
  #current: ProgramSection;
  #previous: ProgramSection;
  #sequence = 0;
  #anchors = 0;
  #items = 0;
  /** The statement being read. */
  #statement: SourceStatement | undefined;

  constructor(constants: ReadonlyMap<string, bigint>, mode: Mode) {
    this.symbols = new AssemblySymbols(constants, this.budget);
    this.mode = mode;
    this.#current = this.#open(TEXT_SECTION, sectionRights(TEXT_SECTION, undefined, ''), false);
    this.#previous = this.#current;
  }

  get section(): ProgramSection {
    return this.#current;
  }

  get anchorCount(): number {
    return this.#anchors;
  }

  /** Runs `read` over one statement; what is wrong with it is noted, and reading goes on. */
  guarded(statement: SourceStatement, read: () => void): void {
    this.#statement = statement;
    try {
      read();
    } catch (error) {
      if (error instanceof OverBudget) throw new AssemblyError([problemOf(error, statement)]);
      if (!(error instanceof StatementError)) throw error;
      this.report(problemOf(error, statement));
    }
  }

  report = (problem: AssemblyProblem): void => {
    this.problems.push(problem);
    if (this.problems.length >= MAX_PROBLEMS) throw new AssemblyError(this.problems);
  };

  /** Tokens of a statement, or of a part of one, that become code or data. */
  tokens(text: string): TokenReader {
    const tokens = tokenize(text);
    this.budget.spend('tokens', tokens.length);
    return new TokenReader(tokens, text.length);
  }

  label(name: string): void {
    const site = this.#site();
    this.symbols.defineLabel(name, site.site);
    if (!this.#current.rights.nobits) this.#push(site.anchor, site.site, () => '');
  }

  /** `name = value`. */
  assign(name: string, value: Expression): void {
    const { anchor, site } = this.#site();
    this.symbols.assign(name, value, site);
    // `.` in the value is this place.
    if (!this.#current.rights.nobits) this.#push(anchor, site, () => '');
  }

  /** A name for where the section begins that no source can spell. */
  sectionStart(): string {
    const { name, startAnchor } = this.#current;
    const start = `${name} begins`;
    if (!this.symbols.has(start)) this.symbols.labels.set(start, anchorValue(startAnchor));
    return start;
  }

  /** `v@GOTPCREL`: the slot of a table that holds the address, as a linker makes it. */
  #globalOffsets(text: string): void {
    for (const [name, label] of text.matchAll(GOT_SLOT)) {
      if (this.symbols.has(name)) continue;
      const [current, previous] = [this.#current, this.#previous];
      this.enter('.got', 'aw');
      this.label(name);
      const value: Expression = { kind: 'symbol', name: label!, offset: 0 };
      const directive = this.mode.bits === 64 ? '.quad' : '.long';
      this.emit((values) => `${directive} ${hex(values.number(value))}`);
      this.#current = current;
      this.#previous = previous;
    }
  }

  instruction(text: string): void {
    this.#requireBits('an instruction');
    if (text.includes('@GOTPCREL')) this.#globalOffsets(text);
    const instruction = this.#parsed(text);
    this.emit(
      (values) => renderInstruction(instruction, values),
      (values, encoding) => verifyInstruction(instruction, values, encoding),
    );
  }

  #parsed(text: string): SourceInstruction {
    try {
      return parseInstruction(this.tokens(text), this.mode);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      throw otherSyntax(text, this.mode) ?? error;
    }
  }

  /** Adds what takes up room. */
  emit(render: Item['render'], verify?: Item['verify']): void {
    this.#requireBits('contents');
    const { anchor, site } = this.#site();
    this.#push(anchor, site, render, verify);
  }

  reserve(length: bigint): void {
    this.#current.reserved += length;
  }

  /** A value that must be known while the source is read: `.rept`, `.if`, `.balign`. */
  constant(expression: Expression): bigint {
    const { site } = this.#site();
    const linear = evaluateLinear(
      expression,
      this.symbols.names(site, () => 0n),
    );
    if (linear !== undefined && linear.anchors.size === 0) return linear.constant;
    throw new StatementError('this value must not depend on where labels come to lie');
  }

  /** Reads `text` as one expression and gives its value now. */
  constantOf(text: string): bigint {
    const reader = this.tokens(text);
    const expression = parseExpression(reader);
    reader.expectEnd();
    return this.constant(expression);
  }

  enter(name: string, flags?: string, type = ''): void {
    const rights = sectionRights(name, flags, type);
    if (rights.nobits && name !== BSS_SECTION) {
      // One block at the end of the image holds whatever has no bits.
      this.enter(BSS_SECTION);
      return;
    }
    // What has no address: debugging information, notes for a linker.
    const discarded = flags !== undefined && !/[awx]/.test(flags);
    if (name === '.note.GNU-stack') this.execStack = rights.exec;
    const known = this.#byName.get(name);
    if (known !== undefined && flags !== undefined && !sameRights(known.rights, rights)) {
      throw new StatementError(`${name} had other flags before`);
    }
    this.#previous = this.#current;
    this.#current = known ?? this.#open(name, rights, discarded);
  }

  leave(): void {
    [this.#current, this.#previous] = [this.#previous, this.#current];
  }

  #open(name: string, rights: SectionRights, discarded: boolean): ProgramSection {
    this.budget.spend('sections');
    const section = new ProgramSection(name, rights, discarded, () => this.#anchors++);
    this.sections.push(section);
    this.#byName.set(name, section);
    return section;
  }

  #site(): { anchor: number; site: Site } {
    const anchor = this.#anchors++;
    return { anchor, site: this.#current.site(this.#sequence++, anchor) };
  }

  #push(anchor: number, site: Site, render: Item['render'], verify?: Item['verify']): void {
    if (++this.#items > MAX_ITEMS) throw new OverBudget(`more than ${MAX_ITEMS} statements`);
    const statement = this.#statement!;
    this.#current.items.push({ anchor, statement, site, mode: this.mode, render, verify });
  }

  #requireBits(what: string): void {
    if (!this.#current.rights.nobits) return;
    throw new StatementError(
      `${this.#current.name} has no bits in the file: it cannot hold ${what}`,
    );
  }
}

/** `%eax`, `$5` and `8(%rsp)` are AT&T's, which compilers write: one mistake, however many statements show it. */
function otherSyntax(text: string, { syntax }: Mode): StatementError | undefined {
  const offset = text.search(/%[a-z]|(?<![\w$.?@])\$[\w(-]/i);
  if (syntax !== 'intel' || offset === -1) return undefined;
  const message =
    'this is AT&T syntax, and the source is read as Intel syntax: write .att_syntax above it, or have the compiler write -masm=intel';
  return new StatementError(message, offset, undefined, 'att-syntax');
}

export function problemOf(
  error: StatementError | OverBudget,
  statement: SourceStatement,
): AssemblyProblem {
  const { file, line, column, via } = statement;
  const of = error instanceof StatementError ? error : undefined;
  const text = of?.part ?? statement.text;
  const message = via.length === 0 ? error.message : `${error.message} (${usesText(via)})`;
  const kind = of?.kind ?? `${file}\0${error.message}\0${text}`;
  return { file, line, column: column + (of?.offset ?? 0), text, message, kind };
}

const MOST_USES = 3;

/** `in macro m used at m.s:6, in …`: the innermost uses. */
function usesText(via: readonly string[]): string {
  const more = via.length - MOST_USES;
  const uses = via.slice(0, MOST_USES).map((use) => `in ${use}`);
  return [...uses, ...(more > 0 ? [`and ${more} more around it`] : [])].join(', ');
}

function sameRights(a: SectionRights, b: SectionRights): boolean {
  return a.write === b.write && a.exec === b.exec && a.nobits === b.nobits;
}
