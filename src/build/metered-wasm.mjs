/**
 * WebAssembly that ends: at every turn of every loop a counter goes down, and at zero the program traps. Loops of an
 * interpreter's own functions count too, which its interrupt handler does not see (`Array.prototype.indexOf` of
 * something with a length of 2^53, a search in a long string, a product of long numbers).
 *
 * The result exports the counter as the mutable global `fuel`.
 */

/** In binaryen's text form a loop's head ends its line, so what is inserted there runs first at each turn. */
const LOOP_HEAD = /^( *\(loop [^()\n]*(?:\(result [^()\n]*\))?)$/gm;

const COUNTER = `
 (global $fuel (mut i32) (i32.const 0))
 (export "fuel" (global $fuel))
 (func $fuel.spend
  (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
  (if (i32.le_s (global.get $fuel) (i32.const 0)) (then (unreachable))))
`;

/** @param {Uint8Array} bytes */
export async function meteredWasm(bytes) {
  const { default: binaryen } = await import('binaryen');
  const text = textOf(binaryen, bytes);
  const loops = text.match(/\(loop /g)?.length ?? 0;
  let counted = 0;
  const metered = text.replace(LOOP_HEAD, (head) => {
    counted += 1;
    return `${head}\n (call $fuel.spend)`;
  });
  if (loops === 0 || counted !== loops) {
    throw new Error(`${counted} of ${loops} loops were found: has binaryen's text form changed?`);
  }
  const end = metered.lastIndexOf(')');
  return binaryOf(binaryen, `${metered.slice(0, end)}${COUNTER})`);
}

function textOf(binaryen, bytes) {
  const module = binaryen.readBinary(bytes);
  try {
    return module.emitText();
  } finally {
    module.dispose();
  }
}

function binaryOf(binaryen, text) {
  const module = binaryen.parseText(text);
  try {
    // What every host of ours has, and no encoding that is newer.
    const { MutableGlobals, SignExt, BulkMemory, NontrappingFPToInt, ReferenceTypes, Multivalue } =
      binaryen.Features;
    module.setFeatures(
      MutableGlobals | SignExt | BulkMemory | NontrappingFPToInt | ReferenceTypes | Multivalue,
    );
    // The counter is one decrement: in line it costs less than a call.
    module.runPasses(['inlining-optimizing']);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}
