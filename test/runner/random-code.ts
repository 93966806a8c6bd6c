/** Random straight-line code of what compilers emit, as assembly text; registers rsi and rdi point to memory. */
import fc from 'fast-check';

const WIDTHS = [
  ['rax', 'rcx', 'rdx', 'rbx', 'r8', 'r9'],
  ['eax', 'ecx', 'edx', 'ebx', 'r8d', 'r9d'],
  ['ax', 'cx', 'dx', 'bx', 'r8w', 'r9w'],
  ['al', 'cl', 'dl', 'bl', 'r8b', 'r9b'],
] as const;
const CONDITIONS = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
];
const VECTORS = ['xmm0', 'xmm1', 'xmm2', 'xmm3'];

const width = fc.constantFrom(...WIDTHS);
const wide = fc.constantFrom(...WIDTHS.slice(0, 3));
const offset = fc.integer({ min: 0, max: 7 }).map((n) => n * 8);
const small = fc.integer({ min: -128, max: 127 });
const vector = fc.constantFrom(...VECTORS);
const condition = fc.constantFrom(...CONDITIONS);

const two = fc
  .tuple(
    fc.constantFrom(
      'add',
      'sub',
      'adc',
      'sbb',
      'and',
      'or',
      'xor',
      'cmp',
      'test',
      'mov',
      'xchg',
      'xadd',
    ),
    width,
  )
  .chain(([op, names]) =>
    fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
      .map(([a, b]) => `${op} ${a}, ${b}`),
  );
const immediate = fc
  .tuple(fc.constantFrom('add', 'sub', 'and', 'or', 'xor', 'cmp', 'mov'), width, small)
  .chain(([op, names, n]) => fc.constantFrom(...names).map((a) => `${op} ${a}, ${n}`));
const one = fc
  .tuple(fc.constantFrom('inc', 'dec', 'neg', 'not', 'mul', 'imul'), width)
  .chain(([op, names]) => fc.constantFrom(...names).map((a) => `${op} ${a}`));
const shift = fc
  .tuple(
    fc.constantFrom('shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'),
    width,
    fc.integer({ min: 0, max: 33 }),
  )
  .chain(([op, names, n]) =>
    fc.constantFrom(...names).map((a) => `${op} ${a}, ${n % 3 === 0 ? 'cl' : n}`),
  );
const scan = fc
  .tuple(fc.constantFrom('bsf', 'bsr', 'popcnt', 'imul', 'bt', 'bts', 'btr', 'btc'), wide)
  .chain(([op, names]) =>
    fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
      .map(([a, b]) => `${op} ${a}, ${b}`),
  );
const extend = fc.constantFrom(
  'movzx eax, cl',
  'movsx rdx, cx',
  'movsxd rcx, edx',
  'cdqe',
  'cqo',
  'cdq',
  'cwde',
  'bswap rax',
  'lea rax, [rcx+rdx*4+5]',
  'cld',
  'stc',
  'clc',
  'cmc',
  'lahf',
);
const conditional = fc
  .tuple(condition, wide)
  .chain(([cc, names]) =>
    fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
      .map(([a, b]) =>
        cc.length > 1 && names[0] === 'ax' ? `set${cc} al` : `cmov${cc} ${a}, ${b}`,
      ),
  );
const memory = fc
  .tuple(fc.constantFrom('mov', 'add', 'xor', 'cmp'), wide, offset, fc.boolean())
  .chain(([op, names, at, store]) =>
    fc
      .constantFrom(...names)
      .map((a) => (store ? `${op} [rdi+${at}], ${a}` : `${op} ${a}, [rsi+${at}]`)),
  );
const sse = fc
  .tuple(
    fc.constantFrom(
      ...[
        'paddb',
        'paddw',
        'paddd',
        'paddq',
        'psubb',
        'psubd',
        'pand',
        'por',
        'pxor',
        'pandn',
        'pmullw',
        'pmuludq',
        'pcmpeqb',
        'pcmpgtd',
      ],
      ...[
        'punpcklbw',
        'punpckhdq',
        'packsswb',
        'packuswb',
        'pmaxub',
        'pminsw',
        'pavgb',
        'psadbw',
        'pmaddwd',
        'pmulhw',
        'paddusb',
        'psubsw',
      ],
      ...[
        'pshufb',
        'pabsd',
        'palignr_',
        'phaddd',
        'pmulld',
        'pminud',
        'pmaxsd',
        'pmovzxbw',
        'movdqa',
      ],
      ...[
        'addps',
        'subps',
        'mulps',
        'divps',
        'addpd',
        'subpd',
        'mulpd',
        'divpd',
        'addss',
        'mulsd',
        'divsd',
        'sqrtsd',
        'sqrtps',
        'minps',
        'maxpd',
      ],
      ...[
        'cvtdq2ps',
        'cvttps2dq',
        'cvtps2pd',
        'cvtpd2ps',
        'cvtss2sd',
        'unpcklps',
        'andps',
        'xorpd',
        'ucomisd',
        'comiss',
        'haddps',
        'movhlps',
      ],
    ),
    vector,
    vector,
  )
  .map(([op, a, b]) => (op === 'palignr_' ? `palignr ${a}, ${b}, 5` : `${op} ${a}, ${b}`));

export const randomCode: fc.Arbitrary<string> = fc
  .array(fc.oneof(two, immediate, one, shift, scan, extend, conditional, memory, sse, sse), {
    minLength: 1,
    maxLength: 12,
  })
  .map((lines) => [...lines, 'ret'].join('\n'));

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(
    0n,
    1n,
    0x7fn,
    0x80n,
    0xffn,
    0x7fffn,
    0x8000n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    0x7fff_ffff_ffff_ffffn,
    1n << 63n,
    (1n << 64n) - 1n,
  ),
);
const lane = fc.oneof(
  word,
  fc.double().map(bitsOf),
  fc.float().map((n) => BigInt(new Uint32Array(Float32Array.of(n).buffer)[0]!) * 0x1_0000_0001n),
);
const vectorValue = fc.tuple(lane, lane).map(([a, b]) => (a << 64n) | b);

function bitsOf(n: number): bigint {
  return new BigUint64Array(Float64Array.of(n).buffer)[0]!;
}

export const randomCase = fc.record({
  registers: fc.tuple(word, word, word, word, word, word).map(([rax, rcx, rdx, rbx, r8, r9]) => ({
    ...{ rax, rcx, rdx, rbx, r8, r9 },
    rsi: '@from' as const,
    rdi: '@to' as const,
  })),
  flags: fc.bigInt({ min: 0n, max: 0x8ffn }),
  vectors: fc.array(vectorValue, { minLength: 4, maxLength: 4 }),
  buffers: fc.uint8Array({ minLength: 64, maxLength: 64 }).map((from) => ({ from })),
});
