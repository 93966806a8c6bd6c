/**
 * Wrong translations, to see that the comparison would notice one: in each, one instruction of one
 * function is another one. The place also leaves a mark when it is executed, because a wrong
 * instruction that never runs cannot be noticed.
 */
import { encodeModule } from '../../../src/build/unicorn-wasm/encode/encode.js';
import type { WasmOpcode } from '../../../src/build/unicorn-wasm/encode/opcodes.js';
import {
  binary,
  type Expr,
  i32,
  type ModuleImage,
  type Stmt,
} from '../../../src/build/unicorn-wasm/ir.js';
import type { Random } from './random.js';

export interface Mutant {
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Address of a word that counts how often the place ran. The engine has nothing down there. */
export const MARK = 8;
/** A mutant may loop for ever; the place traps when it has run this often. */
const LIMIT = 3_000_000;

const WRONG: Partial<Record<WasmOpcode, WasmOpcode>> = {
  'i32.add': 'i32.sub',
  'i32.sub': 'i32.add',
  'i32.mul': 'i32.add',
  'i32.and': 'i32.or',
  'i32.or': 'i32.xor',
  'i32.xor': 'i32.or',
  'i32.shl': 'i32.shr_u',
  'i32.shr_u': 'i32.shr_s',
  'i32.shr_s': 'i32.shr_u',
  'i32.eq': 'i32.ne',
  'i32.ne': 'i32.eq',
  'i32.lt_s': 'i32.lt_u',
  'i32.lt_u': 'i32.le_u',
  'i32.gt_s': 'i32.gt_u',
  'i32.gt_u': 'i32.ge_u',
};

type Binary = Extract<Expr, { op: 'binary' }>;

export class MutantFactory {
  readonly #image: ModuleImage;
  readonly #sites: { body: number; node: Binary }[] = [];

  /** Mutants of the `largest` functions: the decoder, the interpreter, the code generator. */
  constructor(image: ModuleImage, largest: number) {
    this.#image = image;
    const bodies = image.bodies
      .map((body, index) => ({ index, nodes: [...binaries(body.code)] }))
      .sort((a, b) => b.nodes.length - a.nodes.length);
    for (const { index, nodes } of bodies.slice(0, largest))
      for (const node of nodes) this.#sites.push({ body: index, node });
  }

  make(random: Random): Mutant {
    const { body, node } = random.pick(this.#sites);
    const code = WRONG[node.code] ?? node.code;
    const original: Record<string, unknown> = { ...node };
    const wrong: Expr = { op: 'sequence', type: 'i32', body: count(), value: { ...node, code } };
    const place = node as unknown as Record<string, unknown>;
    Object.assign(place, wrong);
    const bytes = encodeModule(this.#image);
    for (const key of Object.keys(place)) delete place[key];
    Object.assign(place, original);
    return { what: `${original.code} as ${code} in function ${body}`, bytes };
  }
}

function count(): Stmt[] {
  const address = i32(MARK);
  const old: Expr = { op: 'load', type: 'i32', access: 'i32.load', address, offset: 0 };
  return [
    {
      op: 'store',
      access: 'i32.store',
      address,
      offset: 0,
      value: binary('i32.add', 'i32', old, i32(1)),
    },
    {
      op: 'if.void',
      test: binary('i32.gt_u', 'i32', old, i32(LIMIT)),
      consequent: [{ op: 'unreachable' }],
      alternate: [],
    },
  ];
}

function* binaries(value: unknown): Generator<Binary> {
  if (typeof value !== 'object' || value === null) return;
  if ('op' in value && value.op === 'binary' && (value as Binary).code in WRONG)
    yield value as Binary;
  for (const inner of Object.values(value)) yield* binaries(inner);
}
