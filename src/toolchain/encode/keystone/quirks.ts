/**
 * What Keystone 0.9.2 assembles wrongly or not at all, and what is given to it instead.
 *
 * Known and not repaired: in 32-bit code `sgdt` and its kin come 16 bits wide; far jumps and calls; AVX-512
 * displacements that are one byte (refused, see ../recheck.ts); what came after 2016 (CET, rdpid, movdiri, serialize, APX, …), which it does not know. `.byte` is the
 * way out for these.
 */
import type { Bits } from '../../syntax/operand.js';

interface Rewrite {
  /** Another mnemonic. */
  readonly mnemonic?: string;
  /** The whole instruction's bytes. */
  readonly bytes?: string;
}

/** Without operands. In 64-bit code `popf` comes 16 bits wide, in 32-bit code too. */
const PLAIN: Readonly<Record<string, (bits: Bits) => Rewrite>> = {
  popf: (bits) => ({ mnemonic: bits === 64 ? 'popfq' : 'popfd' }),
  pushf: (bits) => ({ mnemonic: bits === 64 ? 'pushfq' : 'pushfd' }),
  iret: () => ({ mnemonic: 'iretd' }),
  lret: () => ({ mnemonic: 'retf' }),
  sysretq: () => ({ bytes: '0x48, 0x0f, 0x07' }),
  sysretl: () => ({ bytes: '0x0f, 0x07' }),
  sysretd: () => ({ bytes: '0x0f, 0x07' }),
  endbr64: () => ({ bytes: '0xf3, 0x0f, 0x1e, 0xfa' }),
  endbr32: () => ({ bytes: '0xf3, 0x0f, 0x1e, 0xfb' }),
  // Known to Keystone as the instruction on doubles only.
  movsd: () => ({ bytes: '0xa5' }),
  movsl: () => ({ bytes: '0xa5' }),
};

/** Segment registers pushed and popped in 32-bit code come 16 bits wide. */
const SEGMENT_STACK: Readonly<Record<string, string>> = {
  'push es': '0x06',
  'push cs': '0x0e',
  'push ss': '0x16',
  'push ds': '0x1e',
  'pop es': '0x07',
  'pop ss': '0x17',
  'pop ds': '0x1f',
};

/** Keystone assembles them as something else where they do not exist. */
const ONLY_64 = new Set('cqo cqto cdqe cltq movsq cmpsq stosq lodsq scasq swapgs'.split(' '));
const NOT_64 = new Set(['into']);

export function existsIn(bits: Bits, mnemonic: string): boolean {
  return bits === 64 ? !NOT_64.has(mnemonic) : !ONLY_64.has(mnemonic);
}

/** Prefixes that are written as a word before the instruction. */
const PREFIX_BYTES: Readonly<Record<string, string>> = {
  lock: '0xf0',
  rep: '0xf3',
  repe: '0xf3',
  repz: '0xf3',
  repne: '0xf2',
  repnz: '0xf2',
  data16: '0x66',
  addr32: '0x67',
  rex64: '0x48',
  notrack: '0x3e',
  bnd: '0xf2',
  xacquire: '0xf2',
  xrelease: '0xf3',
  cs: '0x2e',
  ds: '0x3e',
  es: '0x26',
  fs: '0x64',
  gs: '0x65',
  ss: '0x36',
};

/** Those that Keystone takes in front of any instruction. */
const KEYSTONE_PREFIXES = new Set(['lock', 'rep', 'repe', 'repz', 'repne', 'repnz']);

/** The byte of a prefix that is written as a word. */
export function prefixByte(word: string): number {
  return Number(PREFIX_BYTES[word] ?? 0);
}

export function segmentPrefix(segment: string): number {
  return prefixByte(segment);
}

export function isPrefix(word: string): boolean {
  return Object.hasOwn(PREFIX_BYTES, word);
}

/** `push 0xffff` and `push label` come 16 bits wide, and lose their prefixes: here they are spelt out. */
function pushConstant(
  prefixes: readonly string[],
  mnemonic: string,
  operands: readonly string[],
  bits: Bits,
): string | undefined {
  const [operand = ''] = operands;
  const value = operand.replace(/^\$/, '');
  if (!/^push[lq]?$/.test(mnemonic) || bits === 16 || operands.length !== 1) return undefined;
  const before = prefixes.map((word) => `${PREFIX_BYTES[word]}, `).join('');
  const short = prefixes.includes('data16');
  if (/^zz/.test(value)) {
    return bits === 32 && !short ? `.byte ${before}0x68\n.long ${value}` : undefined;
  }
  if (!/^-?0x[0-9a-f]+$/.test(value)) return undefined;
  const number = value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  const width = short ? 16 : 32;
  const low = BigInt.asUintN(width, number);
  return BigInt.asIntN(8, low) === BigInt.asIntN(width, low)
    ? `.byte ${before}0x6a, 0x${(low & 0xffn).toString(16)}`
    : `.byte ${before}0x68\n${short ? '.short' : '.long'} 0x${low.toString(16)}`;
}

/** `xlat byte ptr fs:[rbx]` loses its segment and its width. */
function translate(mnemonic: string, operands: readonly string[], bits: Bits): string[] {
  const [operand = ''] = operands;
  if (!/^xlatb?$/.test(mnemonic) || operand === '') return [];
  const segment = /\b([c-gs]s):/.exec(operand)?.[1];
  const short = bits === 64 ? /\bebx\b/ : /(?<!e)bx\b/;
  return [
    ...(segment === undefined || segment === 'ds' ? [] : [PREFIX_BYTES[segment]!]),
    ...(short.test(operand) ? [PREFIX_BYTES.addr32!] : []),
    '0xd7',
  ];
}

/** `nop` of memory or a register comes as a prefetch hint (0F 18 /4), which is another instruction. */
export function repair(mnemonic: string, code: Uint8Array): void {
  if (!/^nop[wlq]?$/.test(mnemonic)) return;
  const at = code.findIndex((byte, index) => byte === 0x0f && code[index + 1] === 0x18);
  if (at < 0) return;
  code[at + 1] = 0x1f;
  code[at + 2] = code[at + 2]! & 0xc7;
}

/** The statement as Keystone is to see it. */
export function keystoneText(
  prefixes: readonly string[],
  mnemonic: string,
  operands: readonly string[],
  bits: Bits,
): string {
  const pushed = pushConstant(prefixes, mnemonic, operands, bits);
  if (pushed !== undefined) return pushed;
  const bytes = (words: readonly string[]): string[] => words.map((word) => PREFIX_BYTES[word]!);
  const translated = translate(mnemonic, operands, bits);
  if (translated.length > 0) return `.byte ${[...bytes(prefixes), ...translated].join(', ')}`;
  const rewrite =
    operands.length === 0 && Object.hasOwn(PLAIN, mnemonic)
      ? PLAIN[mnemonic]!(bits)
      : segmentStack(mnemonic, operands, bits);
  if (rewrite.bytes !== undefined) return `.byte ${[...bytes(prefixes), rewrite.bytes].join(', ')}`;
  if (mnemonic === '') return `.byte ${bytes(prefixes).join(', ')}`;
  const plain = prefixes.filter((word) => KEYSTONE_PREFIXES.has(word));
  const others = prefixes.filter((word) => !KEYSTONE_PREFIXES.has(word));
  const first = others.length === 0 ? '' : `.byte ${bytes(others).join(', ')}\n`;
  const body = [...plain, rewrite.mnemonic ?? mnemonic].join(' ');
  return `${first}${body} ${operands.join(', ')}`.trimEnd();
}

function segmentStack(mnemonic: string, operands: readonly string[], bits: Bits): Rewrite {
  if (bits !== 32) return {};
  const bytes = SEGMENT_STACK[`${mnemonic} ${operands.join().replace('%', '')}`];
  return bytes === undefined ? {} : { bytes };
}
