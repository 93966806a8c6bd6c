/**
 * The probe as a PE executable, for Windows and for Wine: the steps of the experiments as machine code, one after
 * the other. It imports little, so that it starts on old systems, and looks up the rest by name.
 */
import type { Arch } from '../../base/address.js';
import { InvariantError } from '../../base/errors.js';
import { assemblePe } from '../../toolchain/assemble-pe.js';
import { FORMAT_NAME, FORMAT_VERSION } from '../results.js';
import {
  WIN32_SLOTS,
  type Win32Experiment,
  type Win32Operand,
  type Win32Step,
} from './experiment.js';
import { win32ExperimentsFor } from './experiments.js';
import { ANSWER, probeSource, sourceConstants } from './source.js';

const IMPORTS = [
  'AddVectoredExceptionHandler',
  'ExitProcess',
  'GetModuleHandleA',
  'GetProcAddress',
];
const MORE_IMPORTS = ['GetStdHandle', 'GetVersion', 'SetLastError', 'GetLastError', 'WriteFile'];
const imported = new Set([...IMPORTS, ...MORE_IMPORTS]);
const STD_OUTPUT_HANDLE = -11;
/** `mov eax, ANSWER; ret`. */
const CODE = [0xb8, ANSWER, 0, 0, 0, 0xc3];
/** `mov dword ptr [esp + 4], ANSWER; jmp`, and its distance behind it. */
const THUNK = [0xc7, 0x44, 0x24, 0x04, ANSWER, 0, 0, 0, 0xe9];
const REGISTERS = ['rcx', 'rdx', 'r8', 'r9'];
/** A call's arguments, beneath them room for code on the stack. */
const FRAME = 0x200;
const STACK_CODE = 0x100;

const made = new Map<string, Promise<Uint8Array>>();

/** With these experiments, default all; made once for each choice. */
export function win32ProbeProgram(arch: Arch, only: readonly string[] = []): Promise<Uint8Array> {
  const experiments = win32ExperimentsFor(arch).filter(
    ({ name }) => only.length === 0 || only.includes(name),
  );
  const key = [arch, ...experiments.map(({ name }) => name)].join();
  const program = made.get(key) ?? new ProgramWriter(arch).program(experiments);
  made.set(key, program);
  return program;
}

class ProgramWriter {
  readonly #arch: Arch;
  readonly #wide: boolean;
  readonly #code: string[] = [];
  readonly #functions = new Map<string, string>();
  readonly #texts = new Map<string, string>();

  constructor(arch: Arch) {
    this.#arch = arch;
    this.#wide = arch === 'x86-64';
  }

  async program(experiments: readonly Win32Experiment[]): Promise<Uint8Array> {
    for (const [index, experiment] of experiments.entries()) this.#experiment(experiment, index);
    const body = this.#code.splice(0);
    this.#start();
    this.#code.push(...body);
    this.#print(`end ${experiments.length}\n`);
    this.#call('ExitProcess', [0]);
    const imports = [...imported].map((name) => `    .import kernel32.dll, ${name}`);
    const code = ['    .globl _start', '_start:', ...this.#code].join('\n');
    const { elf } = await assemblePe(
      `${imports.join('\n')}\n${probeSource(this.#arch, code, this.#data())}\n`,
      {
        arch: this.#arch,
        file: 'the probe',
        semicolon: 'comment',
        constants: sourceConstants(this.#arch),
      },
    );
    return elf;
  }

  #data(): string {
    const words = [...WIN32_SLOTS.map((slot) => slot), ...this.#functions.values()];
    const texts = [...this.#texts].map(
      ([text, label]) => `${label}: .asciz ${JSON.stringify(text)}`,
    );
    const code = `code: .byte ${CODE.join(', ')}\nthunk: .byte ${THUNK.join(', ')}`;
    return [...words.map((label) => `${label}: .skip 8`), code, ...texts].join('\n');
  }

  #emit(...lines: readonly string[]): void {
    this.#code.push(...lines.map((line) => (line.endsWith(':') ? line : `    ${line}`)));
  }

  #text(text: string): string {
    const label = this.#texts.get(text) ?? `text${this.#texts.size}`;
    this.#texts.set(text, label);
    return label;
  }

  #print(text: string): void {
    this.#emit(`mov %si, offset ${this.#text(text)}`, `mov edi, ${text.length}`, 'call put');
  }

  #start(): void {
    this.#emit(`sub %sp, ${FRAME}`, 'and %sp, -16', 'mov [stack_pointer], %sp');
    this.#emit(`lea %ax, [%sp + ${STACK_CODE}]`, 'mov [stack], %ax');
    this.#emit('mov %ax, offset data_page', 'mov [data], %ax');
    this.#emit('mov %ax, offset patched', 'mov [text], %ax');
    this.#call('GetStdHandle', [STD_OUTPUT_HANDLE], 'output');
    this.#emit('mov %ax, offset handler', 'mov [p], %ax');
    this.#call('AddVectoredExceptionHandler', [1, 'p']);
    this.#call('GetModuleHandleA', [{ text: 'kernel32.dll' }], 'kernel32');
    for (const [name, slot] of this.#functions) {
      this.#call('GetProcAddress', ['kernel32', { text: name }]);
      this.#emit(`mov [${slot}], %ax`);
    }
    this.#header();
  }

  /** Wine's ntdll exports a function of its own: nothing else tells it from Windows for certain. */
  #header(): void {
    this.#print(`${FORMAT_NAME} ${FORMAT_VERSION} ${this.#arch} `);
    this.#call('GetModuleHandleA', [{ text: 'ntdll.dll' }], 'p');
    this.#call('GetProcAddress', ['p', { text: 'wine_get_version' }]);
    this.#emit('test %ax, %ax', 'jz is_windows');
    this.#print('Wine ');
    this.#emit('jmp version', 'is_windows:');
    this.#print('Windows ');
    this.#emit('version:');
    this.#call('GetVersion', [], 'p');
    this.#emit('movzx eax, byte ptr [p]', 'call put_number');
    this.#print('.');
    this.#emit('movzx eax, byte ptr [p + 1]', 'call put_number');
    this.#print('.');
    this.#emit('movzx eax, word ptr [p + 2]', 'call put_number');
    this.#print(this.#wide ? ' x86_64\n' : ' i386\n');
  }

  #experiment({ name, steps }: Win32Experiment, index: number): void {
    const next = `next${index}`;
    this.#print(`${name} `);
    this.#emit(`mov %ax, offset ${next}`, 'mov [continue], %ax');
    for (const [at, step] of steps.entries()) this.#step(step, `${index}_${at}`);
    if (steps.at(-1)?.op !== 'value') this.#emit('jmp passed');
    this.#emit(`${next}:`);
  }

  #step(step: Win32Step, id: string): void {
    const label = `${step.label} `;
    this.#emit(`mov %ax, offset ${this.#text(label)}`, 'mov [step], %ax');
    this.#emit(`mov dword ptr [step_length], ${label.length}`);
    if (step.op === 'call') this.#checkedCall(step, id);
    else if (step.op === 'set') this.#emit(`mov %word ptr [${step.slot}], ${step.value}`);
    else if (step.op === 'write') this.#write(step.at, 'code', CODE.length);
    else if (step.op === 'thunk') this.#thunk(step.at);
    else if (step.op === 'run') this.#run(step.at);
    else this.#emit(`mov eax, [${step.at}]`, 'jmp passed_value');
  }

  #checkedCall(step: Extract<Win32Step, { op: 'call' }>, id: string): void {
    const slot = this.#functions.get(step.name) ?? `function${this.#functions.size}`;
    this.#functions.set(step.name, slot);
    this.#emit(`cmp %word ptr [${slot}], 0`, 'je missing');
    this.#call('SetLastError', [0]);
    this.#indirectCall(slot, step.operands);
    if (step.into !== undefined) this.#emit(`mov [${step.into}], %ax`);
    const { failure = 'zero' } = step;
    if (failure === 'none') return;
    this.#emit(failure === 'zero' ? 'test eax, eax' : 'cmp eax, -1', `jne passed${id}`);
    if (this.#wide && failure === 'zero') this.#emit('test rax, rax', `jne passed${id}`);
    this.#call('GetLastError', []);
    this.#emit('jmp failed', `passed${id}:`);
  }

  #write(at: string, from: string, length: number): void {
    this.#emit('mov dword ptr [armed], 1', `mov %di, [${at}]`, `mov %si, offset ${from}`);
    this.#emit(`mov ecx, ${length}`, 'cld', 'rep movsb', 'mov dword ptr [armed], 0');
  }

  #thunk(at: string): void {
    this.#write(at, 'thunk', THUNK.length);
    this.#emit('mov %ax, offset thunk_target', `sub %ax, ${THUNK.length + 4}`);
    this.#emit(`sub %ax, [${at}]`, `mov %bx, [${at}]`, `mov [%bx + ${THUNK.length}], eax`);
  }

  /** A thunk writes over the word above its return address. */
  #run(at: string): void {
    this.#emit('mov dword ptr [armed], 1', `mov %ax, [${at}]`);
    if (this.#wide) this.#emit('call rax');
    else this.#emit('push 0', 'call eax', 'add esp, 4');
    this.#emit('mov dword ptr [armed], 0', `cmp eax, ${ANSWER}`, 'jne failed_no');
  }

  #call(name: string, operands: readonly Win32Operand[], into?: string): void {
    if (!imported.has(name)) throw new InvariantError(`${name} is not imported`);
    this.#indirectCall(name, operands);
    if (into !== undefined) this.#emit(`mov [${into}], %ax`);
  }

  #indirectCall(slot: string, operands: readonly Win32Operand[]): void {
    if (this.#wide) {
      for (const [index, operand] of operands.entries()) {
        const register = REGISTERS[index];
        this.#emit(`mov ${register ?? 'rax'}, ${this.#operand(operand)}`);
        if (register === undefined) this.#emit(`mov [rsp + ${8 * index}], rax`);
      }
    } else {
      for (const operand of [...operands].reverse()) this.#emit(`push ${this.#operand(operand)}`);
    }
    this.#emit(`call [${slot}]`);
  }

  #operand(operand: Win32Operand): string {
    if (typeof operand === 'number') return String(operand);
    if (typeof operand === 'string') return this.#wide ? `[${operand}]` : `dword ptr [${operand}]`;
    return `offset ${'text' in operand ? this.#text(operand.text) : operand.addressOf}`;
  }
}
