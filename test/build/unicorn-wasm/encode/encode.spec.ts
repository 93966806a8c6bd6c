/** The binary encoder: numbers, and small modules that an engine accepts and runs. */
import { describe, expect, test } from 'vitest';
import { BinaryWriter } from '../../../../src/build/unicorn-wasm/encode/binary-writer.js';
import { encodeModule } from '../../../../src/build/unicorn-wasm/encode/encode.js';
import {
  type Body,
  binary,
  type Callable,
  f64,
  i32,
  type Label,
  localGet,
  type ModuleImage,
  type Stmt,
  type WasmType,
} from '../../../../src/build/unicorn-wasm/ir.js';

function written(write: (out: BinaryWriter) => void): number[] {
  const out = new BinaryWriter();
  write(out);
  return [...out.bytes()];
}

describe('numbers', () => {
  test.each([
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [624485, [0xe5, 0x8e, 0x26]],
    [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('u32 %d', (value, bytes) => {
    expect(written((out) => out.u32(value))).toEqual(bytes);
  });

  test.each([
    [0, [0]],
    [63, [0x3f]],
    [64, [0xc0, 0]],
    [-1, [0x7f]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
    [2 ** 31 - 1, [0xff, 0xff, 0xff, 0xff, 7]],
  ])('s32 %d', (value, bytes) => {
    expect(written((out) => out.s32(value))).toEqual(bytes);
  });

  test('what does not fit is refused', () => {
    expect(() => written((out) => out.u32(-1))).toThrow(RangeError);
    expect(() => written((out) => out.u32(1.5))).toThrow(RangeError);
    expect(() => written((out) => out.s32(2 ** 31))).toThrow(RangeError);
  });

  test('a buffer grows and keeps what it has', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i);
    const all = written((out) => {
      out.byte(7);
      out.raw(bytes);
    });
    expect(all).toEqual([7, ...bytes]);
  });
});

describe('modules', () => {
  test('add', async () => {
    const sum = binary('i32.add', 'i32', localGet(0, 'i32'), localGet(1, 'i32'));
    const run = await instantiate(['i32', 'i32'], [{ op: 'return', value: sum }]);
    expect(run(40, 2)).toBe(42);
    expect(run(0x7fffffff, 1)).toBe(-0x80000000);
  });

  test('loops, blocks and branches: the sum of 1 to n', async () => {
    const top: Label = { used: true };
    const end: Label = { used: true };
    const n = localGet(0, 'i32');
    const total = localGet(1, 'i32');
    const run = await instantiate(
      ['i32'],
      [
        {
          op: 'block',
          label: end,
          body: [
            {
              op: 'loop',
              label: top,
              body: [
                { op: 'br_if', label: end, test: binary('i32.eq', 'i32', n, i32(0)) },
                { op: 'local.set', local: 1, value: binary('i32.add', 'i32', total, n) },
                { op: 'local.set', local: 0, value: binary('i32.sub', 'i32', n, i32(1)) },
                { op: 'br', label: top },
              ],
            },
          ],
        },
        { op: 'return', value: total },
      ],
      ['i32'],
    );
    expect(run(100)).toBe(5050);
  });

  test('br_table takes the fallback for anything outside', async () => {
    const labels: Label[] = [{ used: true }, { used: true }];
    const [first, second] = labels;
    const run = await instantiate(
      ['i32'],
      [
        {
          op: 'block',
          label: second!,
          body: [
            {
              op: 'block',
              label: first!,
              body: [
                { op: 'br_table', index: localGet(0, 'i32'), labels: [first!], fallback: second! },
              ],
            },
            { op: 'return', value: i32(10) },
          ],
        },
        { op: 'return', value: i32(20) },
      ],
    );
    expect([run(0), run(1), run(-1)]).toEqual([10, 20, 20]);
  });

  test('a branch out of nowhere is an error of ours', () => {
    const stray: Stmt = { op: 'br', label: { used: true } };
    expect(() => encodeModule(image([], [stray], []))).toThrow('leaves the structure');
  });

  test('a function that ends without return gives zero', async () => {
    expect((await instantiate([], []))()).toBe(0);
    expect(f64(1).type).toBe('f64');
  });
});

function image(params: WasmType[], code: Stmt[], locals: WasmType[]): ModuleImage {
  const callable: Callable = { signature: { params, result: 'i32' }, index: -1 };
  const body: Body = { callable, locals: [...params, ...locals], code };
  return {
    imports: [],
    bodies: [body],
    globals: [],
    memory: { initialPages: 1, maximumPages: 1 },
    table: [undefined, callable],
    exports: [{ name: 'run', callable }],
    data: [],
  };
}

async function instantiate(
  params: WasmType[],
  code: Stmt[],
  locals: WasmType[] = [],
): Promise<(...args: number[]) => number> {
  const bytes = encodeModule(image(params, code, locals));
  const { instance } = await WebAssembly.instantiate(bytes);
  return instance.exports.run as (...args: number[]) => number;
}
