/** Every door says in one sentence what a value is and what it takes instead: no TypeError, no silence. */
import { describe, expect, it } from 'vitest';
import { pack, unpack } from '../../src/base/pack.js';
import { VERSION } from '../../src/base/version.js';
import {
  adviceFor,
  assemble,
  assembleProgram,
  call,
  callback,
  callSet,
  checkAllowed,
  checkBehavesLike,
  checkDenied,
  checkDisassembly,
  checkFault,
  checkFollows,
  checkLeaves,
  checkNeverWritableAndExecutable,
  checkPreserves,
  checkReturn,
  checkTouches,
  checkWithin,
  definePolicy,
  disagreement,
  edgeFloats,
  edgeIntegers,
  errnoNumber,
  errnoText,
  explore,
  flagBit,
  formatProbe,
  identify,
  Kit,
  linkCode,
  loadScenario,
  MayexecError,
  matrixRows,
  parseProbe,
  programOfCode,
  runScenario,
  Sandbox,
  type SandboxOptions,
  shorten,
  symbolAt,
  visible,
  visibleJson,
} from '../../src/index.js';

/** A value of another type than the declared one, as JavaScript would pass it. */
function wrong<T>(value: unknown): T {
  return value as T;
}

async function failureOf(use: () => unknown): Promise<unknown> {
  try {
    await use();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function refuses(says: string, use: () => unknown): Promise<void> {
  const failure = await failureOf(use);
  expect(failure).toBeInstanceOf(MayexecError);
  expect((failure as Error).message).toContain(says);
}

const OPTION_ROWS: readonly (readonly [string, unknown, string])[] = [
  ['sysctl', 5, 'sysctl is 5: expected an object'],
  ['sysctl', ['vm.max_map_count'], 'sysctl is a list: expected an object'],
  ['files', 'x', "files is 'x': expected an object of paths"],
  ['files', true, 'files is true: expected an object of paths'],
  ['files', { '/a': undefined }, "file '/a' is undefined: expected a Uint8Array"],
  ['files', { '/a': null }, "file '/a' is null: expected a Uint8Array"],
  ['files', { '/a': { content: 5 } }, "the content of file '/a' is 5: expected a Uint8Array"],
  ['files', { '/a': { content: new Uint8Array(), mode: 'r' } }, "the mode of file '/a' is 'r'"],
  ['mounts', { '/a': 5 }, "mount '/a' is 5: expected a list of strings"],
  ['stdin', 5, 'stdin is 5: expected a string, a Uint8Array or a function'],
  ['stdin', ['a'], 'stdin is a list: expected a string'],
  ['onOutput', true, 'onOutput is true: expected a function'],
  ['intercept', 5, 'intercept is 5: expected a function'],
  ['monitor', 'x', "monitor is 'x': expected true or false"],
  ['inject', 5, 'inject is 5: expected a string'],
  ['inject', 1n, 'inject is 1n: expected a string'],
  ['inject', {}, 'inject is an object: expected a string'],
  ['program', {}, 'program.bytes is undefined: expected a Uint8Array'],
  ['program', [], 'program of Sandbox.create: the options are a list'],
  ['program', { bytes: new Uint8Array(), argv: 'x' }, "program.argv is 'x': expected a list"],
  ['policy', 5, 'policy'],
  ['policy', {}, 'policy'],
  ['policy', [null], 'policy'],
];

describe('a wrong value of an option of Sandbox.create', () => {
  it.each(OPTION_ROWS)('%s: %o', async (name, value, says) => {
    await refuses(says, () => Sandbox.create({ [name]: value } as SandboxOptions));
  });

  it('and options that are a list', async () => {
    await refuses('the options are a list', () => Sandbox.create(wrong([])));
  });

  it('while a string is what the guest reads, as UTF-8', async () => {
    using sandbox = await Sandbox.create({ stdin: 'né' });
    const page = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
    expect(sandbox.syscall('read', 0, page, 16).value).toBe(3n);
    expect(sandbox.load(page, 3)).toEqual(Uint8Array.of(0x6e, 0xc3, 0xa9));
  });
});

const METHOD_ROWS: readonly (readonly [string, string, (sandbox: Sandbox) => unknown])[] = [
  ...[null, undefined, 1n, {}, 1.5, Number.NaN, 2 ** 53].map(
    (call) =>
      [
        'syscall',
        'expected a name such as mmap, or its number',
        (sandbox: Sandbox) => sandbox.syscall(wrong(call)),
      ] as const,
  ),
  ['syscall, an argument', 'argument 1 is null', (sb) => sb.syscall('mmap', wrong(null))],
  ...[null, undefined, {}, Number.NaN, -1, true].map(
    (bytes) =>
      [
        'store',
        'expected a Uint8Array',
        (sandbox: Sandbox) => sandbox.store(0x1000, wrong(bytes)),
      ] as const,
  ),
  ['poke', 'what to poke is 5: expected a Uint8Array', (sb) => sb.poke(0x1000, wrong(5))],
  ['readFile', 'path of a file is undefined', (sb) => sb.readFile(wrong(undefined))],
  ['writeFile, path', 'path of a file is 5', (sb) => sb.writeFile(wrong(5), new Uint8Array())],
  ['writeFile', "file '/a' is undefined", (sb) => sb.writeFile('/a', wrong(undefined))],
  ['writeFile', "file '/a' is null", (sb) => sb.writeFile('/a', wrong(null))],
  ...[1n, Symbol('a'), -1, '', [], true, Number.NaN].map(
    (blocks) =>
      ['enter', 'blocks is', (sandbox: Sandbox) => sandbox.enter(0x1000, wrong(blocks))] as const,
  ),
  ...[5, null, {}].map(
    (snapshot) =>
      [
        'discard',
        'no snapshot of this sandbox',
        (sandbox: Sandbox) => sandbox.discard(wrong(snapshot)),
      ] as const,
  ),
  ['resume', 'the options are a list', (sb) => sb.resume(wrong([]))],
  [
    'resume',
    'resume: breakpoints is 5: expected a list',
    (sb) => sb.resume(wrong({ breakpoints: 5 })),
  ],
  ['resume', 'breakpoint 1 is -1: expected an address', (sb) => sb.resume({ breakpoints: [-1n] })],
  [
    'resume, beyond the last address',
    'expected an end within 64 bits',
    (sb) => sb.resume({ watchpoints: [{ address: 2n ** 64n - 1n, length: 16 }] }),
  ],
  ['onInstruction', 'the observer is 5', (sb) => sb.onInstruction(wrong(5))],
  ['regs', 'xmm0 is an object', (sb) => Object.assign(sb.regs, { xmm0: {} })],
];

describe('a wrong value at a method of a sandbox', () => {
  it('is named, with what is expected', async () => {
    using sandbox = await Sandbox.create();
    for (const [door, says, use] of METHOD_ROWS) {
      const failure = await failureOf(() => use(sandbox));
      expect(failure, `${door}: ${says}`).toBeInstanceOf(MayexecError);
      expect((failure as Error).message).toContain(says);
    }
    expect(METHOD_ROWS.length).toBeGreaterThan(30);
  });

  it('discarding a snapshot twice is none', async () => {
    using sandbox = await Sandbox.create();
    const snapshot = sandbox.snapshot();
    sandbox.discard(snapshot);
    sandbox.discard(snapshot);
    await refuses('another sandbox', () => sandbox.restore(snapshot));
  });
});

/** Parts of a snapshot's record that no sandbox writes. */
const FORGED: readonly object[] = [
  { options: null },
  { options: [] },
  { options: { program: {} } },
  { options: { inject: [5] } },
  { options: { files: 5 } },
  { options: { mounts: 5 } },
  { options: { policy: {} } },
  { options: { stdin: 5 } },
  { options: { intercept: 5 } },
  { calls: 5 },
  { calls: [5] },
  { calls: [['syscall']] },
  { calls: [['syscall', null]] },
  { calls: [['syscall', {}]] },
  { calls: [['store', 5]] },
  { calls: [['poke', 5, 5]] },
  { calls: [['load']] },
  { calls: [['call']] },
  { calls: [['enter', 0, []]] },
  { calls: [['resume', null]] },
  { calls: [['resume', { watchpoints: [null] }]] },
  { calls: [['setRegister']] },
  { calls: [['setRegister', 'xmm0', 'x']] },
  { calls: [['countInstructions', 5]] },
  { calls: [['writeFile']] },
  { calls: [['writeFile', '/tmp/x', { content: 5 }]] },
  { digest: 'x' },
];

describe('bytes that are no snapshot, with a right checksum', () => {
  it('are said to be damaged', async () => {
    const name = `mayexec snapshot ${VERSION}`;
    using sandbox = await Sandbox.create();
    const whole = unpack(name, 'snapshot', sandbox.toBytes()) as object;
    const forged = [null, 5, [], ...FORGED.map((part) => ({ ...whole, ...part }))];
    for (const [index, record] of forged.entries()) {
      const failure = await failureOf(() => Sandbox.fromBytes(pack(name, record)));
      expect(failure, JSON.stringify(FORGED[index - 3] ?? record)).toBeInstanceOf(MayexecError);
      expect((failure as Error).message).toContain('damaged');
    }
  });
});

const RET = Uint8Array.of(0xc3);

type Row = readonly [
  door: string,
  says: string,
  use: (value: never) => unknown,
  ...values: unknown[],
];

/** Functions that are no sandbox's, with values that each of them refuses. */
const FUNCTION_ROWS: readonly Row[] = [
  ['linkCode', 'object 1 of linkCode is', (v) => linkCode(v), null, 5, 'x', [null], [[]]],
  ['linkCode', 'the name of object 1 is undefined', (v) => linkCode(v), {}],
  ['linkCode', "bytes of object 'a.o' is 5", (v) => linkCode(v), { name: 'a.o', bytes: 5 }],
  ['linkCode', 'code of linkCode is 5', (v) => linkCode(v), { arch: 'i386', code: 5 }],
  [
    'linkCode, base',
    'base is',
    (v) => linkCode({ arch: 'i386', code: RET }, { base: v }),
    'x',
    1.5,
  ],
  [
    'assemble',
    "an object such as { arch: 'x86-64' }",
    (v) => assemble('ret', v),
    undefined,
    null,
    [],
  ],
  ['assemble', 'the source to assemble is 5', (v) => assemble(v, { arch: 'i386' }), 5],
  ['assembleProgram', 'the options of assemble is', (v) => assembleProgram('ret', v), undefined],
  [
    'assemble, address',
    "address is 'x': expected an integer",
    (v) => assemble('ret', { arch: 'i386', address: v }),
    'x',
  ],
  ['edgeIntegers', 'expected an integer from 1 to 512', (v) => edgeIntegers(v), 'abc', -1, 0, 1.5],
  ['edgeFloats', 'expected 4 or 8', (v) => edgeFloats(v), 5, null],
  ['errnoNumber', 'unknown errno', (v) => errnoNumber(v), null, 'toString', 'ENOMEN'],
  ['errnoText', 'unknown errno', (v) => errnoText(v), undefined],
  ['callSet', 'the set of system calls is', (v) => callSet(v), null, 5],
  ['flagBit', 'the flag is null: expected one of CF', (v) => flagBit(v), null],
  ['definePolicy', 'expected an object of a name and hooks', (v) => definePolicy(v), null, 5, []],
  ['visible', 'expected a string', (v) => visible(v), null, 5],
  ['visibleJson', 'expected a string', (v) => visibleJson(v), null],
  ['shorten', 'expected a string', (v) => shorten(v), null, undefined],
  ['checkReturn', 'checkReturn: the result is', (v) => checkReturn(v, 1), null, {}],
  ['checkLeaves', 'checkLeaves: the result is', (v) => checkLeaves(v, {}), null, {}],
  ['checkFollows', 'checkFollows: the result is', (v) => checkFollows(v), null, {}],
  ['checkPreserves', 'checkPreserves: the result is', (v) => checkPreserves(v, 'rbx'), null, {}],
  ['checkPreserves', 'what to preserve is', async (v) => checkPreserves(await call(RET), v), null],
  ['checkLeaves', 'what to leave is', async (v) => checkLeaves(await call(RET), v), null, 5],
  ['symbolAt', 'symbolAt: the sandbox is', (v) => symbolAt(v, 0n), null, {}],
  ['identify', 'the results is', (v) => identify(v), null, {}],
  ['adviceFor', 'the results is', (v) => adviceFor(v, []), null, {}],
  ['formatProbe', 'the results is', (v) => formatProbe(v), null, {}],
  ['parseProbe', 'the output of a probe is', (v) => parseProbe(v), 5, null],
  ['loadScenario', 'the text of the scenario is', (v) => loadScenario(v, { file: 'a.s' }), 5, null],
  ['loadScenario', 'the options of loadScenario is', (v) => loadScenario('', v), undefined],
  [
    'checkWithin',
    'checkWithin: the result is',
    (v) => checkWithin(v, { instructions: 1 }),
    null,
    {},
  ],
  ['checkWithin', 'the cost is', async (v) => checkWithin(await call(RET), v), undefined, null],
  ['checkTouches', 'checkTouches: the result is', (v) => checkTouches(v, []), null, {}],
  ['checkTouches', 'the reach is', async (v) => checkTouches(await call(RET), v), null, 5],
  ['checkBehavesLike', 'the result is', (v) => checkBehavesLike(v, RET), null, {}],
  ['checkDisassembly', 'the result is', (v) => checkDisassembly(v, 'ret'), null, {}],
  ['checkFault', 'checkFault: what was run is', (v) => checkFault(v), null, {}],
  ['checkDenied', 'checkDenied: what was run is', (v) => checkDenied(v, 'mdwe'), null, {}],
  ['checkAllowed', 'checkAllowed: the result is', (v) => checkAllowed(v, 'nx'), null, {}],
  ['checkAllowed', 'the policies is', async (v) => checkAllowed(await call(RET), v), null, 5],
  ['checkNever...', 'what was run is', (v) => checkNeverWritableAndExecutable(v), null, {}],
  ['disagreement', 'disagreement: the result is', (v) => disagreement(v, RET), null, {}],
  ['explore', 'the options of explore is', (v) => explore(RET, v), null, undefined],
  ['callback', 'the signature of a callback is', (v) => callback(v, () => 1), null, 5],
  ['callback', 'the callback is', (v) => callback('i32()', v), undefined, 5],
  ['runScenario', 'the text of the scenario is', (v) => runScenario(v, { file: 'a.s' }), 5],
  ['runScenario', 'the options of runScenario is', (v) => runScenario('', v), undefined, null],
  ['matrixRows', 'the options of matrixRows is', (v) => matrixRows('', v), undefined],
  ['matrixRows', 'policies of matrixRows is', (v) => matrixRows('', v), { file: 'a.s' }],
  ['programOfCode', 'the code is', (v) => programOfCode(v, 'i386'), null, 5],
  ['programOfCode', 'unknown architecture', (v) => programOfCode(RET, v), 'i368', undefined],
  ['call, bytes', 'bytes of the code is 5: expected a Uint8Array', (v) => call(v), { bytes: 5 }],
  ['call, parts', 'parts of the code is 5', (v) => call(v), { arch: 'i386', parts: 5 }],
  ['call, arguments', 'the arguments is', (v) => call(RET, v), 5, {}, null],
  ['call, options', 'the options are a list', (v) => call(RET, [], v), []],
  ['call, returns', 'the type is 5', (v) => call(RET, [], { returns: v }), 5],
  ['call, signature', 'the signature is 5', (v) => call(RET, [], { signature: v }), 5],
  ['call, buffers', 'buffers is 5', (v) => call(RET, [], { buffers: v }), 5],
  ['call, registers', 'rbx is', (v) => call(RET, [], { registers: { rbx: v } }), 'x', 1.5],
  ['call, limits', 'limits.blocks is', (v) => call(RET, [], { limits: { blocks: v } }), 'x', -1],
];

describe('a wrong argument of a function', () => {
  const rows = FUNCTION_ROWS.map(([door, says, use, ...values]) => ({ door, says, use, values }));
  it.each(rows)('$door: $says', async ({ says, use, values }) => {
    for (const value of values) await refuses(says, () => use(wrong(value)));
    expect(values.length).toBeGreaterThan(0);
  });

  it('of a kit is refused too', async () => {
    using kit = await Kit.open();
    await refuses('the arguments is 5: expected a list', () => kit.call(RET, wrong(5)));
    await refuses('the options are a list', () => kit.call(RET, [], wrong([])));
    await refuses('bytes of the code is 5', () => kit.call(wrong({ bytes: 5 })));
    expect(kit.call(RET).outcome.kind).toBe('return');
  });
});
