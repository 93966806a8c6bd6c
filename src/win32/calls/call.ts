/** ApiCall: one call of an API function as it is under way: its arguments, its answer, and the process it is made in. */
import { ERROR, type NtStatus, STATUS, win32Error } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import { Struct } from '../../base/struct.js';
import type { GuestMemoryIo } from '../process/memory-io.js';
import type { Win32Process } from '../process/process.js';
import { type ApiSignature, isReal, type ParameterKind, stackWords } from './parameters.js';

export class ApiCall {
  readonly process: Win32Process;
  /** Where the function returns to. */
  readonly caller: Addr;
  /** Of the first argument beyond those of the signature: where varargs begin. */
  readonly #words: (index: number) => bigint;
  readonly #offsets: readonly number[];
  readonly #kinds: readonly ParameterKind[];
  readonly #reals: (index: number) => bigint | undefined;
  /** A Win32 error that this call has set, for the trace. */
  error: number | undefined;

  constructor(
    process: Win32Process,
    { parameters }: ApiSignature,
    caller: Addr,
    words: (index: number) => bigint,
    reals: (index: number) => bigint | undefined = () => undefined,
  ) {
    this.process = process;
    this.caller = caller;
    this.#words = words;
    this.#reals = reals;
    this.#kinds = parameters.map(({ kind }) => kind);
    const wide = process.wide;
    let next = 0;
    const offsets: number[] = [];
    for (const { kind } of parameters) {
      offsets.push(next);
      next += wide ? 1 : stackWords(kind);
    }
    this.#offsets = [...offsets, next];
  }

  get memory(): GuestMemoryIo {
    return this.process.memory;
  }

  /** Argument `index` as a pointer or SIZE_T. */
  word(index: number): bigint {
    return this.#words(this.#offsets[index] ?? index);
  }

  /** A DWORD or any smaller unsigned integer. */
  dword(index: number): number {
    return Number(this.word(index) & 0xffff_ffffn);
  }

  int(index: number): number {
    return Number(BigInt.asIntN(32, this.word(index)));
  }

  u64(index: number): bigint {
    const at = this.#offsets[index] ?? index;
    if (this.process.wide) return this.#words(at);
    return this.#words(at) | (this.#words(at + 1) << 32n);
  }

  double(index: number): number {
    return new DataView(this.#bits(index).buffer).getFloat64(0, true);
  }

  float(index: number): number {
    return new DataView(this.#bits(index).buffer).getFloat32(0, true);
  }

  /** Of a double or a float, wherever the platform passes it. */
  #bits(index: number): Uint8Array {
    return new Struct(8).setU64(0, this.#reals(index) ?? this.u64(index)).bytes;
  }

  /** Argument `index` as the trace keeps it. */
  value(index: number): bigint {
    const kind = this.#kinds[index];
    if (kind !== undefined && isReal(kind)) return new Struct(this.#bits(index)).u64(0);
    return kind === 'u64' ? this.u64(index) : this.word(index);
  }

  /** Words behind the parameters of the signature. */
  variadic(index: number): bigint {
    return this.#words((this.#offsets.at(-1) ?? 0) + index);
  }

  /** The words of this call with other arguments in the place of the first ones, for `fn`. */
  replaced(fn: ApiSignature, args: readonly bigint[]): (index: number) => bigint {
    const words: bigint[] = [];
    for (const [index, { kind }] of fn.parameters.entries()) {
      const given = args[index];
      const pair = stackWords(kind) === 2 && !this.process.wide;
      if (given === undefined) {
        const real = isReal(kind) ? this.#reals(index) : undefined;
        words.push(real ?? this.#words(words.length));
        if (pair) words.push(this.#words(words.length));
      } else words.push(...(pair ? [given & 0xffff_ffffn, given >> 32n] : [given]));
    }
    return (index) => words[index] ?? this.#words(index);
  }

  /** FALSE or NULL, with the last error. */
  fail(error: number): 0n {
    this.setError(error);
    return 0n;
  }

  setError(error: number): void {
    this.error = error;
    this.process.lastError = error;
  }

  /** TRUE for a status that succeeds, else FALSE with its Win32 error. */
  status(status: NtStatus): 0n | 1n {
    return status === STATUS.SUCCESS ? 1n : this.fail(win32Error(status));
  }

  /** The string that an argument points to. Undefined, with ERROR_NOACCESS set, where there is none. */
  text(index: number, wide = false): string | undefined {
    const address = this.word(index);
    const text = address === 0n ? undefined : this.memory.text(address, wide);
    if (text === undefined) this.fail(ERROR.NOACCESS);
    return text;
  }
}
