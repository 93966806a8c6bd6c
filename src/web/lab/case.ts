/** The case in the laboratory: where it comes from, and what is kept of it on this computer. */
import { BrokenLink, decodeCase } from '../../link/codec.js';
import type { WorkshopCase } from '../../link/workshop-case.js';
import { recall, remember } from '../parts/storage.js';

const FIRST: WorkshopCase = {
  name: 'program.s',
  os: 'linux',
  arch: 'x86-64',
  policy: 'selinux:execmem=deny',
  source: `    .include "lib/x86-64-calls.inc"
    .globl _start
_start:
    # A page to write to, code in it, and then the right to execute.
    must mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
    mov rbx, rax
    put_code rbx, 1001              # mov eax, 1001; ret
    sys mprotect, rbx, 4096, PROT_READ | PROT_EXEC
    call rbx                        # nobody looked at the result
    show
    finish 0
`,
};

export interface OpenedCase {
  readonly given: WorkshopCase;
  /** Why a link could not be opened, in a sentence. */
  readonly trouble: string | undefined;
}

/** Of a link, or what was in the laboratory last. */
export function openCase(link: string | undefined): OpenedCase {
  const own = recall<WorkshopCase>('lab');
  const last = own !== undefined && typeof own.source === 'string' ? { ...FIRST, ...own } : FIRST;
  if (link === undefined) return { given: last, trouble: undefined };
  try {
    return { given: decodeCase(link), trouble: undefined };
  } catch (error) {
    if (!(error instanceof BrokenLink)) throw error;
    const { saved, message } = error;
    const rest =
      saved === '' ? 'Nothing of it could be saved' : 'What could be saved of its program is below';
    const given = saved === '' ? last : { ...FIRST, source: saved, policy: 'nx' };
    return { given, trouble: `${message[0]?.toUpperCase()}${message.slice(1)}. ${rest}.` };
  }
}

/** A binary is not kept: it may be large, and nobody typed it. */
export function keepCase({ binary, place, expected, ...given }: WorkshopCase): void {
  if (binary === undefined) remember('lab', given);
}

/**
 * The program as a file for `mayexec test`: its source and, as directives, its surroundings and what came of them.
 * Undefined where such a file cannot say it: a binary, another world, arguments, input.
 */
export function testOf(given: WorkshopCase, checks: readonly string[]): string | undefined {
  const { os, arch, policy, source, inject, seed, stdin, binary, name } = given;
  const rest = [
    given.arguments,
    seed,
    given.schedule,
    stdin,
    given.mounts,
    given.xattrs,
    given.layout,
    given.cpu,
  ];
  if (os !== 'linux' || binary !== undefined || rest.some((each) => each !== undefined)) {
    return undefined;
  }
  if (given.protectionKeys === true) return undefined;
  const head = [
    `;@ title ${name}`,
    `;@ arch ${arch}`,
    `;@ policy here: ${policy}`,
    ...(inject === undefined ? [] : [`;@ inject here: ${inject}`]),
  ];
  const end = checks.map((check) => `    ;@ ${check}`);
  return [...head, source.trimEnd(), ...end, ''].join('\n');
}
