/**
 * Flags that an instruction leaves undefined: what a CPU leaves in them is its own affair and differs between
 * models, and from the emulator. Source: Intel SDM volume 1, appendix A (EFLAGS cross-reference) and the
 * instructions' own pages in volume 2.
 */

const CF = 1n;
const PF = 4n;
const AF = 0x10n;
const ZF = 0x40n;
const SF = 0x80n;
const OF = 0x800n;
const ALL = CF | PF | AF | ZF | SF | OF;

interface FlagUse {
  /** Left undefined, whatever was in them. */
  readonly undefined: bigint;
  /** Given a defined value. */
  readonly defined: bigint;
}

const uses = (undefinedFlags: bigint, defined: bigint): FlagUse => ({
  undefined: undefinedFlags,
  defined,
});

const ARITHMETIC = uses(0n, ALL);
const COUNTED = uses(0n, ALL & ~CF);
const LOGIC = uses(AF, ALL & ~AF);
const MULTIPLY = uses(PF | AF | ZF | SF, CF | OF);
const DIVIDE = uses(ALL, 0n);
const SCAN = uses(CF | PF | AF | SF | OF, ZF);
const BIT_TEST = uses(PF | AF | SF | OF, CF);
/** BMI. */
const BITS = uses(PF | AF, CF | ZF | SF | OF);
const EXTRACTED = uses(PF | AF | SF, CF | ZF | OF);
const COUNT_ZEROS = uses(PF | AF | SF | OF, CF | ZF);
/** A count of 0 changes nothing, so that nothing counts as defined; one beyond the operand takes CF too. */
const SHIFT_FAR = uses(AF | OF | CF, 0n);
const DOUBLE_SHIFT = uses(ALL, 0n);
const ROTATE = uses(0n, 0n);
const ROTATE_FAR = uses(OF, 0n);
const NONE = uses(0n, 0n);

const BY_MNEMONIC: ReadonlyMap<string, FlagUse> = new Map([
  ...each(
    ['add', 'adc', 'sub', 'sbb', 'cmp', 'neg', 'xadd', 'cmpxchg', 'cmps', 'scas'],
    ARITHMETIC,
  ),
  ...each(
    [
      'comiss',
      'comisd',
      'ucomiss',
      'ucomisd',
      'fcomi',
      'fcomip',
      'fucomi',
      'fucompi',
      'popcnt',
      'ptest',
      'popf',
      'popfd',
      'popfq',
      'sahf',
    ],
    ARITHMETIC,
  ),
  ...each(['inc', 'dec'], COUNTED),
  ...each(['and', 'or', 'xor', 'test'], LOGIC),
  ...each(['mul', 'imul'], MULTIPLY),
  ...each(['div', 'idiv'], DIVIDE),
  ...each(['bsf', 'bsr'], SCAN),
  ...each(['bt', 'bts', 'btr', 'btc'], BIT_TEST),
  ...each(['lzcnt', 'tzcnt'], COUNT_ZEROS),
  ...each(['andn', 'blsr', 'blsi', 'blsmsk', 'bzhi'], BITS),
  ...each(['bextr'], EXTRACTED),
  ...each(
    ['vptest', 'vtestps', 'vtestpd', 'vcomiss', 'vcomisd', 'vucomiss', 'vucomisd'],
    ARITHMETIC,
  ),
  ...each(['rdrand', 'rdseed'], ARITHMETIC),
  ...each(['shld', 'shrd'], DOUBLE_SHIFT),
  ...each(['clc', 'stc', 'cmc'], uses(0n, CF)),
  ...each(['aaa', 'aas'], uses(PF | ZF | SF | OF, CF | AF)),
  ...each(['aad', 'aam'], uses(CF | AF | OF, PF | ZF | SF)),
  ...each(['daa', 'das'], uses(OF, ALL & ~OF)),
]);

const SHIFTS = new Set(['shl', 'sal', 'shr', 'sar']);
const ROTATES = new Set(['rol', 'ror', 'rcl', 'rcr']);

/** Prefixes that stand before the mnemonic. */
const PREFIX = /^(?:lock|rep|repe|repz|repne|repnz|data16|xacquire|xrelease)\s+/;
/** `cmpsb`, `scasq`: the operand's size is part of the name. */
const STRING = /^(cmps|scas)[bwdq]$/;

/** `undefinedFlags` are undefined before the instruction; what is undefined after it. */
export function undefinedAfter(mnemonic: string, operands: string, undefinedFlags: bigint): bigint {
  const use = flagUse(mnemonic, operands);
  return (undefinedFlags & ~use.defined) | use.undefined;
}

function flagUse(text: string, operands: string): FlagUse {
  const name = text.replace(PREFIX, '').replace(STRING, '$1');
  // A count of 1 is in the opcode or an immediate; any other, or CL, may be more.
  const once = /(?:^|, )1$/.test(operands) || !operands.includes(',');
  if (SHIFTS.has(name)) return once ? uses(AF, ALL & ~AF) : SHIFT_FAR;
  if (ROTATES.has(name)) return once ? ROTATE : ROTATE_FAR;
  return BY_MNEMONIC.get(name) ?? NONE;
}

const CONDITION: Readonly<Record<string, bigint>> = {
  ...Object.fromEntries(['o', 'no'].map((name) => [name, OF])),
  ...Object.fromEntries(['b', 'ae', 'c', 'nc', 'nae', 'nb'].map((name) => [name, CF])),
  ...Object.fromEntries(['e', 'ne', 'z', 'nz'].map((name) => [name, ZF])),
  ...Object.fromEntries(['be', 'a', 'na', 'nbe'].map((name) => [name, CF | ZF])),
  ...Object.fromEntries(['s', 'ns'].map((name) => [name, SF])),
  ...Object.fromEntries(['p', 'np', 'pe', 'po'].map((name) => [name, PF])),
  ...Object.fromEntries(['l', 'ge', 'nge', 'nl'].map((name) => [name, SF | OF])),
  ...Object.fromEntries(['le', 'g', 'ng', 'nle'].map((name) => [name, ZF | SF | OF])),
};
const WITH_CARRY = new Set(['adc', 'sbb', 'rcl', 'rcr', 'cmc', 'salc']);
const ADJUST = new Set(['aaa', 'aas', 'daa', 'das']);

/** Flags whose value an instruction takes up. */
export function flagsRead(text: string): bigint {
  const name = text.replace(PREFIX, '');
  if (WITH_CARRY.has(name)) return CF;
  if (ADJUST.has(name)) return CF | AF;
  if (/^(?:pushf[dq]?|lahf)$/.test(name)) return ALL;
  const condition = /^(?:j|set|cmov)(n?[a-z]{1,3})$/.exec(name)?.[1];
  return CONDITION[condition ?? ''] ?? 0n;
}

function each(names: readonly string[], use: FlagUse): (readonly [string, FlagUse])[] {
  return names.map((name) => [name, use] as const);
}
