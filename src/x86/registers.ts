/** Names of x86 registers as assemblers spell them, with their widths. */

const LEGACY = ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp', 'sp'];
const NUMBERED = ['8', '9', '10', '11', '12', '13', '14', '15'];

function widths(): Map<string, number> {
  const all = new Map<string, number>();
  const add = (width: number, names: readonly string[]): void => {
    for (const name of names) all.set(name, width);
  };
  add(8, ['al', 'bl', 'cl', 'dl', 'ah', 'bh', 'ch', 'dh', 'sil', 'dil', 'bpl', 'spl']);
  add(16, [...LEGACY, 'ip']);
  add(32, [...LEGACY.map((name) => `e${name}`), 'eip', 'eiz']);
  add(64, [...LEGACY.map((name) => `r${name}`), 'rip', 'riz']);
  for (const n of NUMBERED) {
    all.set(`r${n}`, 64).set(`r${n}d`, 32).set(`r${n}w`, 16).set(`r${n}b`, 8);
  }
  add(16, ['cs', 'ds', 'es', 'fs', 'gs', 'ss']);
  add(80, ['st']);
  for (let n = 0; n < 32; n++) {
    all.set(`xmm${n}`, 128).set(`ymm${n}`, 256).set(`zmm${n}`, 512);
    if (n < 16) all.set(`cr${n}`, 64).set(`dr${n}`, 64);
    if (n < 8) all.set(`mm${n}`, 64).set(`k${n}`, 64);
    if (n < 4) all.set(`bnd${n}`, 128);
  }
  return all;
}

const WIDTHS: ReadonlyMap<string, number> = widths();
const SEGMENTS = new Set(['cs', 'ds', 'es', 'fs', 'gs', 'ss']);
const HIGH_BYTES = new Set(['ah', 'bh', 'ch', 'dh']);

/** Bits, or undefined when it is no register. Names are lower case. */
export function registerWidth(name: string): number | undefined {
  return WIDTHS.get(name);
}

const HIGH_BYTE_NUMBERS = ['ah', 'ch', 'dh', 'bh'];
const IN_ORDER = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

/** As encodings number it: rax, eax, ax, al and xmm0 are 0, ah is 4. */
export function registerNumber(name: string): number {
  const high = HIGH_BYTE_NUMBERS.indexOf(name);
  if (high >= 0) return 4 + high;
  const number = /\d+/.exec(name)?.[0];
  if (number !== undefined) return Number(number);
  const low = name
    .replace(/^[re](?=..$)/, '')
    .replace(/^([abcd])l$/, '$1x')
    .replace(/l$/, '');
  return Math.max(0, IN_ORDER.indexOf(low));
}

export function isSegment(name: string): boolean {
  return SEGMENTS.has(name);
}

export function isVector(name: string): boolean {
  return /^[xyz]mm\d/.test(name);
}

export function isHighByte(name: string): boolean {
  return HIGH_BYTES.has(name);
}

/** r8 to r15 in any width, and the byte registers that came with them. */
export function isExtended(name: string): boolean {
  return /^r\d+[bwd]?$/.test(name) || /^(sil|dil|bpl|spl)$/.test(name);
}
