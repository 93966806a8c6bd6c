/**
 * What an experiment is: a name, a sentence, and steps. The same record becomes machine code for the
 * probe (encode.ts), a row of `mayexec probe`, and evidence for `mayexec identify`.
 *
 * An operand is a number, a slot (by name: what an earlier step left there), or constant bytes.
 */

import { AT_EMPTY_PATH, O_CREAT, O_EXCL, O_RDONLY, O_RDWR } from '../abi/linux/fcntl.js';
import { IPC_CREAT, IPC_PRIVATE } from '../abi/linux/ipc.js';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../abi/linux/mman.js';
import type { Arch } from '../base/address.js';
import { PRESET_SLOTS } from './interpreter.js';

export const PAGE = 4096;

/** Rights as /proc/self/maps writes them. */
export type Rights = '---' | 'r--' | '--x' | 'rw-' | 'r-x' | 'rwx';

export const PROT: Readonly<Record<Rights, number>> = {
  '---': PROT_NONE,
  'r--': PROT_READ,
  '--x': PROT_EXEC,
  'rw-': PROT_READ | PROT_WRITE,
  'r-x': PROT_READ | PROT_EXEC,
  rwx: PROT_READ | PROT_WRITE | PROT_EXEC,
};

/** Filled before the first experiment: a page of the stack, one of .data, one of the text, what PR_GET_MDWE said to the probe itself. */
const PRESETS = {
  zero: 0,
  stack: PRESET_SLOTS.STACK,
  data: PRESET_SLOTS.DATA,
  text: PRESET_SLOTS.TEXT,
  mdwe: PRESET_SLOTS.MDWE,
  segment: PRESET_SLOTS.SEGMENT,
} as const;
const OWN = ['p', 'q', 'fd', 'heap', 'old'] as const;
export type Slot = keyof typeof PRESETS | (typeof OWN)[number];

export function slotNumber(slot: Slot): number {
  return slot in PRESETS
    ? PRESETS[slot as keyof typeof PRESETS]
    : PRESET_SLOTS.FIRST + OWN.indexOf(slot as (typeof OWN)[number]);
}

/** Constants that the encoder knows: code for the architecture, files, paths. */
export type Constant =
  | 'code'
  | 'gcc-trampoline'
  | 'library'
  | 'helper'
  | 'path-tmp'
  | 'path-shm'
  | 'empty'
  | 'environment';

export type StepOperand =
  | number
  | bigint
  | Slot
  | { readonly slot: Slot; readonly plus: number }
  | { readonly constant: Constant }
  | { readonly lengthOf: Constant }
  | { readonly text: string }
  | { readonly bytes: readonly number[] }
  /** Numbers as wide as the architecture's words. */
  | { readonly words: readonly number[] }
  /** An argument vector of so many strings: the helper program's task. */
  | { readonly arguments: number }
  /** Where a field of the helper program's headers lies in its file. */
  | { readonly header: 'loadFlags' | 'stackType' | 'stackFlags' }
  | { readonly byArch: Readonly<Record<Arch, number | bigint>> };

export interface Step {
  readonly op:
    | 'call'
    | 'write'
    | 'run'
    | 'read'
    | 'same'
    | 'below'
    | 'fork'
    | 'exec'
    | 'pivot'
    | 'pages'
    | 'value';
  /** How a result names it. */
  readonly label: string;
  /** Of 'call' and 'exec'. */
  readonly call?: string;
  readonly operands: readonly StepOperand[];
  readonly into?: Slot;
  readonly mayFail?: true;
  /** A failure here says that the machine lacks the means, not what its policy is. */
  readonly means?: true;
}

export interface Experiment {
  /** Stable: results name it. */
  readonly name: string;
  /** What is tried, in half a sentence. */
  readonly about: string;
  /** Only one architecture has it. */
  readonly arch?: Arch;
  /** Says something of the machine that no policy decides: printed, not compared. */
  readonly fact?: true;
  readonly steps: readonly Step[];
}

export function call(name: string, ...operands: readonly StepOperand[]): Step {
  return { op: 'call', label: name, call: name, operands };
}

export function named(label: string, step: Step): Step {
  return { ...step, label };
}

export function into(slot: Slot, step: Step): Step {
  return { ...step, into: slot };
}

/** The step before is needed for the experiment and may not exist everywhere. */
export function means(step: Step): Step {
  return { ...step, means: true };
}

export function mayFail(step: Step): Step {
  return { ...step, mayFail: true };
}

interface MapPlace {
  readonly at?: StepOperand;
  readonly flags?: number;
  readonly fd?: StepOperand;
  readonly into?: Slot;
  /** Bits of the protection beyond R, W and X. */
  readonly more?: number;
  readonly length?: number;
}

export function map(rights: Rights, place: MapPlace = {}): Step {
  const { at = 0, fd = -1, more = 0, length = PAGE } = place;
  const flags = place.flags ?? MAP_PRIVATE | MAP_ANONYMOUS;
  const step = call('mmap', at, length, PROT[rights] | more, flags, fd, 0);
  return { ...step, label: `mmap:${rights}`, into: place.into ?? 'p' };
}

export function protect(rights: Rights, at: StepOperand = 'p', more = 0, length = PAGE): Step {
  const step = call('mprotect', at, length, PROT[rights] | more);
  return { ...step, label: `mprotect:${rights}` };
}

/** Stores a function that returns a number. */
export function write(at: StepOperand = 'p', what: Constant = 'code'): Step {
  const operands = [at, { constant: what }, { lengthOf: what }];
  return { op: 'write', label: 'store', operands };
}

/** Calls it, and wants that number. */
export function run(at: StepOperand = 'p'): Step {
  return { op: 'run', label: 'run', operands: [at] };
}

export function read(at: StepOperand = 'p'): Step {
  return { op: 'read', label: 'read', operands: [at] };
}

export function same(label: string, a: StepOperand, b: StepOperand): Step {
  return { op: 'same', label, operands: [a, b] };
}

export function below(label: string, a: StepOperand, b: StepOperand): Step {
  return { op: 'below', label, operands: [a, b] };
}

/** The heap grows; `heap` is the first whole page of it, and one more follows. */
export const growHeap: readonly Step[] = [
  into('old', call('brk', 0)),
  { op: 'pages', label: 'brk', operands: ['old'], into: 'heap' },
  call('brk', { slot: 'heap', plus: 2 * PAGE }),
];

export const fork: Step = { op: 'fork', label: 'fork', operands: [] };

/** The experiment's result is a number; one that a call failed with is its errno. */
export function value(what: StepOperand): Step {
  return { op: 'value', label: 'value', operands: [what] };
}

/** A file of the probe's own; `where` is also where it is looked for afterwards, to be removed. */
export function createFile(where: 'path-tmp' | 'path-shm' = 'path-tmp'): Step {
  const flags = O_CREAT | O_EXCL | O_RDWR;
  return means(into('fd', call('open', { constant: where }, flags, 0o700)));
}

export function reopenFile(where: 'path-tmp' | 'path-shm' = 'path-tmp'): Step {
  return means(into('fd', call('open', { constant: where }, O_RDONLY, 0)));
}

/** The page of code, or another constant, as the file's content. */
export function fillFile(what: Constant = 'code'): Step[] {
  const content = means(call('write', 'fd', { constant: what }, { lengthOf: what }));
  return what === 'code' ? [content, means(call('ftruncate', 'fd', PAGE))] : [content];
}

export const codeFile = (where?: 'path-tmp' | 'path-shm'): Step[] => [
  createFile(where),
  ...fillFile(),
];

export const openZero: Step = means(into('fd', call('open', { text: '/dev/zero' }, O_RDWR, 0)));

export function memfd(flags = 0): Step[] {
  return [
    means(into('fd', call('memfd_create', { text: 'mayexec' }, flags))),
    means(call('ftruncate', 'fd', PAGE)),
  ];
}

/** A System V segment, attached once for data so that it lives until the experiment is over. */
export const segment: readonly Step[] = [
  means(into('segment', call('shmget', IPC_PRIVATE, PAGE, IPC_CREAT | 0o700))),
  means(into('p', call('shmat', 'segment', 0, 0))),
];

/** What the helper program does after execve, by the number of its arguments. */
export const HELPER = { STACK: 1, HEAP: 2, MAP: 3, NOTHING: 4 } as const;

/** Starts the helper program from a file: `patches` are bytes of its headers, by offset in the file. */
export function program(
  task: number,
  patches: readonly (readonly [StepOperand, StepOperand])[] = [],
): Step[] {
  return [
    createFile(),
    ...fillFile('helper'),
    ...patches.map(([offset, bytes]) => means(call('pwrite64', 'fd', bytes, 4, offset, 0))),
    means(call('close', 'fd')),
    execStep(
      call('execve', { constant: 'path-tmp' }, { arguments: task }, { constant: 'environment' }),
    ),
    programStep,
  ];
}

/** The same from a memfd, by its descriptor. */
export function memfdProgram(flags: number): Step[] {
  const task = { arguments: HELPER.NOTHING };
  const nameless = { constant: 'empty' } as const;
  return [
    means(into('fd', call('memfd_create', { text: 'mayexec' }, flags))),
    ...fillFile('helper'),
    execStep(call('execveat', 'fd', nameless, task, { constant: 'environment' }, AT_EMPTY_PATH)),
    programStep,
  ];
}

function execStep(step: Step): Step {
  return { ...step, op: 'exec' };
}

/** What stands for the program that execve started. */
const programStep: Step = { op: 'value', label: 'program', operands: ['zero'] };
