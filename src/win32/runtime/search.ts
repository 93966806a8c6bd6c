/** Searches whose time is proportional to what is searched, whatever the guest gives. */

/** Below this product of lengths the host's own search is fast enough. */
const SMALL = 1 << 16;

/** Where `part` first begins in `text`, or -1 (Knuth, Morris and Pratt 1977: no character is looked at twice). */
export function indexOfText(text: string, part: string): number {
  if (text.length * part.length <= SMALL) return text.indexOf(part);
  const borders = bordersOf(part);
  let matched = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    while (matched > 0 && part.charCodeAt(matched) !== code) matched = borders[matched - 1]!;
    if (part.charCodeAt(matched) === code) matched++;
    if (matched === part.length) return at + 1 - matched;
  }
  return -1;
}

/** For each end of `part`: the length of the longest proper prefix that also ends there. */
function bordersOf(part: string): Uint32Array {
  const borders = new Uint32Array(part.length);
  let length = 0;
  for (let at = 1; at < part.length; at++) {
    const code = part.charCodeAt(at);
    while (length > 0 && part.charCodeAt(length) !== code) length = borders[length - 1]!;
    if (part.charCodeAt(length) === code) length++;
    borders[at] = length;
  }
  return borders;
}

/** Characters at the beginning that are (or are not) in the set. */
export function span(text: string, set: string, wanted: boolean): number {
  const members = new Set<number>();
  for (let at = 0; at < set.length; at++) members.add(set.charCodeAt(at));
  let at = 0;
  while (at < text.length && members.has(text.charCodeAt(at)) === wanted) at++;
  return at;
}

interface Range {
  readonly from: number;
  to: number;
}

/** Ranges of characters in order, none of which touch. */
export class CharacterRanges {
  readonly #ranges: readonly Range[];

  /** @param ranges pairs of a first and a last character; a pair whose last comes before its first is empty. */
  constructor(ranges: readonly (readonly [number, number])[]) {
    const merged: Range[] = [];
    const sorted = ranges.filter(([from, to]) => from <= to).sort((a, b) => a[0] - b[0]);
    for (const [from, to] of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
      else merged.push({ from, to });
    }
    this.#ranges = merged;
  }

  has(code: number): boolean {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.to < code) low = middle + 1;
      else high = middle;
    }
    return low < this.#ranges.length && this.#ranges[low]!.from <= code;
  }
}
