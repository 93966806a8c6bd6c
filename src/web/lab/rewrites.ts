/**
 * What a program could ask for instead, as changes of its source. Only of programs that make their calls by the macros
 * of lib/x86-64-calls.inc, where a call is one line. Whether a change helps is for a run to say. Pure.
 */

export interface Rewrite {
  /** What it does, for people. */
  readonly text: string;
  readonly source: string;
  /** Of the first line that is another one, from 1. */
  readonly line: number;
}

interface CallLine {
  readonly index: number;
  readonly indent: string;
  readonly macro: string;
  readonly name: string;
  readonly args: readonly string[];
  readonly comment: string;
}

const CALLS = 'lib/x86-64-calls.inc';
const VIEWS = '    .include "lib/x86-64-views.inc"';
const READ_EXEC = 'PROT_READ | PROT_EXEC';
const READ_WRITE = 'PROT_READ | PROT_WRITE';

export function rewritesOf(source: string): Rewrite[] {
  if (!source.includes(CALLS)) return [];
  const lines = source.split('\n');
  const calls = lines.flatMap(callLine);
  const made = calls.filter(({ name, args }) => name === 'mmap' && args.length >= 3);
  const found = [
    ...made.flatMap((call) => writeFirst(lines, call)),
    ...calls.flatMap((call) => withoutWrite(lines, call)),
    ...made.flatMap((call) => everythingAtOnce(lines, call)),
    ...made.flatMap((call) => twoViews(lines, call)),
  ];
  return found.map(({ text, lines: after }) => ({
    text,
    source: after.join('\n'),
    line: after.findIndex((line, index) => line !== lines[index]) + 1,
  }));
}

interface Changed {
  readonly text: string;
  readonly lines: readonly string[];
}

function writeFirst(lines: readonly string[], call: CallLine): Changed[] {
  const { args } = call;
  const register = keptIn(lines, call);
  if (register === undefined || !has(args[2], 'WRITE') || !has(args[2], 'EXEC')) return [];
  const use = lines.findIndex((line, at) => at > call.index && isCallOf(line, register));
  if (use === -1) return [];
  const after = replaced(lines, withArgument(call, 2, READ_WRITE));
  after.splice(use, 0, `    must mprotect, ${register}, ${args[1]}, ${READ_EXEC}`);
  return [{ text: 'write first, and make it executable before it is called', lines: after }];
}

function withoutWrite(lines: readonly string[], call: CallLine): Changed[] {
  const { name, args } = call;
  if (name !== 'mprotect' || !has(args[2], 'WRITE') || !has(args[2], 'EXEC')) return [];
  const after = replaced(lines, withArgument(call, 2, READ_EXEC));
  return [{ text: 'mprotect without PROT_WRITE', lines: after }];
}

function everythingAtOnce(lines: readonly string[], call: CallLine): Changed[] {
  if (has(call.args[2], 'EXEC')) return [];
  const after = replaced(lines, withArgument(call, 2, `${READ_WRITE} | PROT_EXEC`));
  return [{ text: 'mmap with all rights from the start', lines: after }];
}

/** The register that kept the address is written by way of rbp and called by way of rbx. */
function twoViews(lines: readonly string[], call: CallLine): Changed[] {
  const register = keptIn(lines, call);
  if (register === undefined || lines.some((line) => /\brbp\b/.test(line))) return [];
  const after = lines.flatMap((line, index) => {
    if (index === call.index) {
      return [`${call.indent}call two_views                  # rbp is to write, rbx to execute`];
    }
    if (index === call.index + 1) return [];
    const other = callLine(line)[0];
    if (other?.name === 'mprotect' && other.args[0] === register) return [];
    if (isCallOf(line, register)) return [line.replace(register, 'rbx')];
    return [line.replace(new RegExp(`\\b${register}\\b`, 'g'), 'rbp')];
  });
  const ends = after.at(-1) === '' ? [...after.slice(0, -1), VIEWS, ''] : [...after, VIEWS];
  return [{ text: 'two views of a memfd, one to write and one to execute', lines: ends }];
}

/** `mov rbx, rax` right behind the call. */
function keptIn(lines: readonly string[], { index }: CallLine): string | undefined {
  return /^\s*mov\s+(rbx|rbp|r1[2-5])\s*,\s*rax\b/.exec(lines[index + 1] ?? '')?.[1];
}

function isCallOf(line: string, register: string): boolean {
  return new RegExp(`^\\s*call\\s+${register}\\b`).test(line);
}

function has(prot: string | undefined, right: string): boolean {
  return prot?.includes(`PROT_${right}`) === true;
}

function callLine(line: string, index = -1): CallLine[] {
  const [, indent = '', macro = '', name = '', rest = '', comment = ''] =
    /^(\s*)(sys|must)\s+(\w+)\s*,\s*([^#;]*?)(\s*#.*)?$/.exec(line) ?? [];
  if (macro === '') return [];
  const args = rest.split(',').map((arg) => arg.trim());
  return [{ index, indent, macro, name, args, comment }];
}

function withArgument(call: CallLine, at: number, value: string): CallLine {
  return { ...call, args: call.args.map((arg, index) => (index === at ? value : arg)) };
}

function replaced(lines: readonly string[], call: CallLine): string[] {
  const { index, indent, macro, name, args, comment } = call;
  return lines.with(index, `${indent}${macro} ${name}, ${args.join(', ')}${comment}`);
}
