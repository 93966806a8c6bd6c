/**
 * Counts translated blocks and stops the run when its budget is used up.
 *
 * The callback runs at the start of every block. For the WebAssembly form it is therefore a WebAssembly
 * function too, made here, which calls nothing of JavaScript; for the JavaScript form it is a closure.
 */
import type { HostFunction, UnicornModule } from './module.js';

export interface BlockCounter {
  /** The table entry's function: (uc, addressLo, addressHi, size, data). */
  readonly callback: HostFunction;
  /** Blocks that may still begin. */
  left: number;
  /** A block more was about to begin. */
  spent: boolean;
}

export function createBlockCounter(module: UnicornModule): BlockCounter {
  return module.form === 'wasm' ? wasmCounter(module) : jsCounter(module);
}

function jsCounter(module: UnicornModule): BlockCounter {
  const counter: BlockCounter = {
    left: 0,
    spent: false,
    callback: (uc = 0) => {
      if (counter.left > 0) {
        counter.left--;
        return undefined;
      }
      counter.spent = true;
      module.uc.uc_emu_stop(uc);
      return undefined;
    },
  };
  return counter;
}

let compiled: WebAssembly.Module | undefined;

function wasmCounter(module: UnicornModule): BlockCounter {
  compiled ??= new WebAssembly.Module(counterBytes());
  const instance = new WebAssembly.Instance(compiled, { e: { s: module.uc.uc_emu_stop } });
  const { f, l, x } = instance.exports;
  const left = l as WebAssembly.Global<'f64'>;
  const spent = x as WebAssembly.Global<'i32'>;
  return {
    callback: f as HostFunction,
    get left() {
      return left.value;
    },
    set left(blocks) {
      left.value = blocks;
    },
    get spent() {
      return spent.value !== 0;
    },
    set spent(value) {
      spent.value = value ? 1 : 0;
    },
  };
}

/**
 * (module
 *   (import "e" "s" (func $stop (param i32) (result i32)))
 *   (global $left (export "l") (mut f64) (f64.const 0))
 *   (global $spent (export "x") (mut i32) (i32.const 0))
 *   (func (export "f") (param $uc i32) (param i32 i32 i32 i32) (result i32)
 *     (if (result i32) (f64.gt (global.get $left) (f64.const 0))
 *       (then (global.set $left (f64.sub (global.get $left) (f64.const 1))) (i32.const 0))
 *       (else (global.set $spent (i32.const 1)) (call $stop (local.get $uc))))))
 */
function counterBytes(): Uint8Array<ArrayBuffer> {
  const [I32, F64] = [0x7f, 0x7c];
  const f64 = (value: number): number[] => [
    0x44,
    ...new Uint8Array(new Float64Array([value]).buffer),
  ];
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
  const name = (letter: string): number[] => [1, letter.charCodeAt(0)];
  const body = [
    ...[0x23, 0, ...f64(0), 0x64], // global.get $left, f64.const 0, f64.gt
    ...[0x04, I32], // if (result i32)
    ...[0x23, 0, ...f64(1), 0xa1, 0x24, 0, 0x41, 0], // $left = $left - 1; i32.const 0
    0x05, // else
    ...[0x41, 1, 0x24, 1, 0x20, 0, 0x10, 0], // $spent = 1; call $stop(uc)
    ...[0x0b, 0x0b], // end if, end function
  ];
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, ...[0x60, 1, I32, 1, I32], ...[0x60, 5, I32, I32, I32, I32, I32, 1, I32]),
    ...section(2, 1, ...name('e'), ...name('s'), 0, 0),
    ...section(3, 1, 1),
    ...section(6, 2, F64, 1, ...f64(0), 0x0b, I32, 1, 0x41, 0, 0x0b),
    ...section(7, 3, ...name('f'), 0, 1, ...name('l'), 3, 0, ...name('x'), 3, 1),
    ...section(10, 1, body.length + 1, 0, ...body),
  );
}
