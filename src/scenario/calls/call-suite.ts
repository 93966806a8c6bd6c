/**
 * A call suite: a source without `_start`, whose directives call its functions and say what they do. One
 * test for each `;@ call` and each policy; the same checks as mayexec/vitest's.
 */
import type { Arch } from '../../base/address.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import { ABIS, type AbiName, conventionOf, defaultAbi } from '../../kit/abi/convention.js';
import type { BufferInit } from '../../kit/bed/buffers.js';
import { type Code, loadCode } from '../../kit/bed/code.js';
import { openCalls } from '../../kit/open-calls.js';
import type { SourcePosition } from '../../toolchain/assembly-error.js';
import { AssemblyError } from '../../toolchain/assembly-error.js';
import { directiveStart, splitRuns, withoutDirectives } from '../read/directive.js';
import type { LoadOptions } from '../read/load.js';
import type { Problems } from '../read/scenario-error.js';
import { checkPolicy } from '../read/settings.js';
import { checkCalls } from '../read/size.js';
import { contentOf, type ParsedCall, parseCall } from './call-directive.js';

export interface SuiteCall extends ParsedCall {
  /** As written, after `call`. */
  readonly text: string;
  readonly abi: AbiName;
  readonly position: SourcePosition;
  readonly runs: readonly string[];
}

export interface CallSuite {
  readonly file: string;
  readonly title: string;
  readonly arch: Arch;
  readonly code: Code;
  readonly policies: readonly { readonly name: string; readonly spec: string }[];
  readonly buffers: Readonly<Record<string, BufferInit>>;
  readonly calls: readonly SuiteCall[];
}

const HEADINGS = ['title', 'arch', 'policy', 'abi', 'buffer'] as const;

/** Does a source call functions of its own? */
export function isCallSuite(text: string): boolean {
  return text.split('\n').some((line) => {
    const start = directiveStart(line);
    return start >= 0 && /^call\b/.test(splitRuns(line.slice(start + 2)).rest);
  });
}

/** @throws never for what is wrong with the file: that is in `problems`, and the suite is undefined. */
export async function loadCallSuite(
  text: string,
  { file, include }: LoadOptions,
  problems: Problems,
): Promise<CallSuite | undefined> {
  const reader = new SuiteReader(problems);
  for (const [index, line] of text.split(/\r?\n/).entries()) reader.line(line, index + 1);
  const { arch, title } = reader;
  await openCalls();
  try {
    const code = loadCode({
      asm: withoutDirectives(text),
      arch,
      file,
      ...(include === undefined ? {} : { include }),
    });
    const suite = reader.finish(code);
    return problems.list.length > 0
      ? undefined
      : { ...suite, file, title: title ?? file, arch, code };
  } catch (error) {
    if (error instanceof AssemblyError) problems.list.push(...error.problems);
    else if (error instanceof MayexecError) problems.add(1, 1, error.message);
    else throw error;
    return undefined;
  }
}

interface OpenCall extends Omit<SuiteCall, 'runs'> {
  readonly names: readonly string[] | undefined;
}

class SuiteReader {
  title: string | undefined;
  arch: Arch = 'x86-64';
  readonly #problems: Problems;
  readonly #policies: { readonly name: string; readonly spec: string }[] = [];
  readonly #buffers = new Map<string, BufferInit>();
  readonly #calls: OpenCall[] = [];
  #abi: AbiName | undefined;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  line(text: string, line: number): void {
    const start = directiveStart(text);
    if (start < 0) return;
    const column = start + 3;
    const { runs, rest, skipped } = splitRuns(text.slice(start + 2));
    const [, word = '', value = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
    const position = { file: this.#problems.file, line, column: column + skipped };
    this.#problems.attempt(line, position.column, () => {
      if (word === 'call') {
        const abi = this.#abi ?? defaultAbi(this.arch, 'linux');
        this.#calls.push({
          ...parseCall(value, this.#problems.ownPolicies),
          text: value,
          abi,
          position,
          names: runs,
        });
      } else if (runs !== undefined) {
        throw new MayexecError(`'${word}' is said once for all runs: only calls have run names`);
      } else this.#heading(word, value);
    });
  }

  /** What needs the whole file: run names, labels, buffers. */
  finish(code: Code): Pick<CallSuite, 'policies' | 'buffers' | 'calls'> {
    const policies = this.#policies.length > 0 ? this.#policies : [{ name: 'nx', spec: 'nx' }];
    const known = policies.map(({ name }) => name);
    checkCalls(this.#calls.length, policies.length, this.#problems);
    const calls = this.#calls.map(({ names, ...call }) => {
      const { line, column } = call.position;
      this.#problems.attempt(line, column, () => {
        for (const name of names ?? []) {
          if (!known.includes(name)) throw unknownValue('run', name, known);
        }
        const labels = [...code.symbols.keys()];
        if (!code.symbols.has(call.label)) throw unknownValue('label', call.label, labels);
        if (conventionOf(call.abi).arch !== this.arch) {
          throw new MayexecError(
            `abi '${call.abi}' is for ${conventionOf(call.abi).arch}, not ${this.arch}`,
          );
        }
        for (const name of buffersIn(call)) {
          if (!this.#buffers.has(name)) {
            throw unknownValue('buffer', name, [...this.#buffers.keys()]);
          }
        }
      });
      return { ...call, runs: names ?? known };
    });
    return { policies, buffers: Object.fromEntries(this.#buffers), calls };
  }

  #heading(word: string, value: string): void {
    switch (word) {
      case 'title':
        this.title = value;
        break;
      case 'arch':
        if (value !== 'x86-64' && value !== 'i386')
          throw unknownValue('arch', value, ['x86-64', 'i386']);
        this.arch = value;
        break;
      case 'policy':
        this.#policy(value);
        break;
      case 'abi': {
        const abi = ABIS.find((name) => name === value);
        if (abi === undefined) throw unknownValue('abi', value, ABIS);
        this.#abi = abi;
        break;
      }
      case 'buffer':
        this.#buffer(value);
        break;
      default:
        throw unknownValue('directive of a file with calls', word, ['call', ...HEADINGS]);
    }
  }

  #policy(value: string): void {
    const [, name = value, spec = value] = /^([\w.+-]+):\s+(\S.*)$/.exec(value) ?? [];
    checkPolicy(spec, { arch: this.arch, os: 'linux' }, this.#problems.ownPolicies);
    this.#policies.push({ name, spec });
  }

  #buffer(value: string): void {
    const [, name, content] = /^([\w.-]+)\s*=\s*(.+)$/s.exec(value) ?? [];
    if (name === undefined || content === undefined) {
      throw new MayexecError(`expected 'buffer NAME = LENGTH', '= "text"' or '= bytes 01 02 ff'`);
    }
    if (this.#buffers.has(name)) throw new MayexecError(`buffer '${name}' is given twice`);
    const init = /^\d+$/.test(content) ? Number(content) : contentOf(content);
    this.#buffers.set(name, init);
  }
}

function buffersIn({ args, check }: ParsedCall): string[] {
  const named = args.flatMap((value) =>
    typeof value === 'object' && 'kind' in value && value.kind === 'buffer' ? [value.name] : [],
  );
  if (check.kind === 'touches')
    return [...named, ...check.buffers.filter((name) => name !== 'code')];
  return check.kind === 'leaves' && check.value instanceof Uint8Array
    ? [...named, check.name]
    : named;
}
