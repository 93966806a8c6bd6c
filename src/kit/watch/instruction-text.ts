/** Text of instructions, brought into one form: what two spellings of one instruction have in common. */

/** Of a first operand: its width in bits. What is no such operand stands for the widest. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/^(?:qword|r[a-ds0-9][a-z0-9]*(?<![dwb])$)/, 64],
  [/^(?:dword|e[a-ds][a-z]$|r\d+d$)/, 32],
  [/^(?:word|[a-d]x$|[sd]i$|[sb]p$|r\d+w$)/, 16],
  [/^(?:byte|[a-d][lh]$|(?:[sd]i|[sb]p)l$|r\d+b$)/, 8],
];

/** Spacing, case, the base of numbers and the sign of an immediate make no difference; labels are addresses. */
export function normalInstruction(line: string, symbols: ReadonlyMap<string, bigint>): string {
  const plain = line
    .toLowerCase()
    .replace(/[a-z_.$][\w.$]*/g, (word) => {
      const address = [...symbols].find(([name]) => name.toLowerCase() === word)?.[1];
      return address === undefined ? word : `0x${address.toString(16)}`;
    })
    .replace(/\b(0x[0-9a-f]+|\d+)\b/g, (number) => BigInt(number).toString())
    .replace(/\s+/g, ' ')
    .replace(/ ?([,[\]*+-]) ?/g, '$1')
    // The space before a sign went with the others.
    .replace(/^push-/, 'push -')
    .trim();
  return plain.replace(/(?<=,|^push )-?\d+$/, (immediate) =>
    BigInt.asUintN(widthOf(plain), BigInt(immediate)).toString(),
  );
}

/** `-1` and `0xffffffff` are one value of 32 bits. */
function widthOf(plain: string): number {
  const operand = plain.match(/^(?:lock |rep\w* )?\w+ ([^,]*),/)?.[1] ?? '';
  return WIDTHS.find(([pattern]) => pattern.test(operand))?.[1] ?? 64;
}
