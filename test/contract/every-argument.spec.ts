/**
 * Every function that the package exports, each of its arguments in turn replaced by values of all other kinds: the
 * answer is a MayexecError. A new export without a row here fails.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { MayexecError, type Sandbox } from '../../src/index.js';

const KINDS = {
  undefined: [undefined],
  null: [null],
  number: [5, -1, Number.NaN],
  bigint: [1n],
  string: ['x', ''],
  boolean: [true],
  object: [{}, Object.create(null), { type: 'syscall' }, { kind: 'signal' }],
  list: [[null], [{}], [[]], ['x']],
  empty: [[]],
  function: [() => 1],
  symbol: [Symbol('a')],
  bytes: [new Uint8Array(3)],
  map: [new Map([['a', 1]])],
} as const;
type Kind = keyof typeof KINDS;

/** A right value, and the kinds of value that the argument takes: those are not tried. */
type Argument = readonly [value: unknown, ...takes: Kind[]];

const RET = Uint8Array.of(0xc3);
const EVERY = Object.keys(KINDS) as Kind[];
const OPTIONS: readonly Kind[] = ['undefined', 'object', 'map'];
/** What hooks, names or programs an object of options has is for tests of these options. */
const optional = (value: unknown): Argument => [value, ...OPTIONS];

/** Right arguments of each function, made when a sandbox and a result are there. */
function rows(sandbox: Sandbox, result: library.CallResult): Record<string, readonly Argument[]> {
  const { trace } = sandbox;
  const { code } = result.facts;
  const events: Argument = [trace, 'empty'];
  const ofType = (type: string): Argument => [trace.find((event) => event.type === type)];
  const text: Argument = ['mmap', 'string'];
  const address: Argument = [0x1000n, 'bigint'];
  const theSandbox: Argument = [sandbox];
  const theResult: Argument = [result];
  const source: Argument = [RET, 'bytes', 'string'];
  const reports: Argument = [[], 'empty'];
  const scenario = '---\ntitle: x\n---\n';
  const run = { outcome: { kind: 'exit', code: 0 }, trace, stdout: RET };
  const probed: Argument = [{ outcomes: new Map(), arch: 'x86-64', problems: [] }];
  const event = { type: 'verdict', policy: 'nx', hook: 'mmap', verdict: { kind: 'allow' } };
  const failure = { type: 'load-failure', path: '/a', what: 'x', errno: 'ENOMEM' };
  const refused = { kind: 'call', call: 'mmap', errno: 'EACCES', rule: 'a/b', silent: false };
  const difference = { position: { file: 'a', line: 1 }, message: 'x' };
  const type = { kind: 'int', size: 4, align: 4, signed: true, name: 'i32' };
  return {
    adviceFor: [probed, [[], 'empty', 'list']],
    assemble: [['ret', 'string'], [{ arch: 'x86-64' }]],
    assemblePe: [['ret', 'string'], [{ arch: 'x86-64' }]],
    assembleProgram: [['ret', 'string'], [{ arch: 'x86-64' }]],
    backtrace: [theSandbox],
    call: [source, [[], 'undefined', 'empty'], optional({})],
    callFamily: [text],
    callPc: [address],
    callSet: [text],
    callback: [
      ['i32(i32)', 'string'],
      [() => 1, 'function'],
    ],
    causeOf: [events],
    callsNamed: [text, [{ os: 'linux', arch: 'x86-64' }]],
    checkAllowed: [theResult, [['nx'], 'undefined']],
    checkBehavesLike: [theResult, source, optional({})],
    checkDenied: [theResult, ['mdwe', 'undefined', 'string']],
    checkDisassembly: [theResult, ['ret', 'string']],
    checkFault: [theResult, optional({})],
    checkFollows: [theResult, [undefined, 'undefined']],
    checkLeaves: [theResult, [{}, 'object', 'map']],
    checkNeverWritableAndExecutable: [theResult],
    checkOptionNames: [['call', 'string'], optional({ a: 1 }), [{ a: true }, 'object', 'map']],
    checkPreserves: [theResult, ['rbx']],
    checkReturn: [theResult, [0, 'number', 'bigint']],
    checkTouches: [theResult, [[], 'empty', 'object', 'map']],
    checkWithin: [theResult, [{ instructions: 5 }]],
    classify: [[run], [run, 'undefined']],
    commandLineNotes: [text],
    compareCpus: [source, [[], 'empty'], [() => RET, 'function'], optional({})],
    decodeCase: [['m1.', 'string']],
    definePolicy: [[{ name: 'own' }]],
    describePolicy: [['nx']],
    differenceText: [[difference]],
    disagreement: [theResult, source, optional({})],
    encodeCase: [[{ source: '', name: 'a', os: 'linux', arch: 'i386', policy: 'nx' }]],
    isLink: [text],
    linkedEnding: [[{ kind: 'exit', code: 0 }]],
    disassemble: [[RET, 'bytes'], [{ arch: 'x86-64' }]],
    edgeFloats: [[8]],
    edgeIntegers: [[8, 'number']],
    errnoNumber: [['ENOMEM']],
    errnoText: [['ENOMEM']],
    exemptionList: [text],
    exitStatusOf: [reports],
    explain: [[{ arch: 'x86-64' }], optional({})],
    explore: [source, [{ signature: 'i32(i32)' }]],
    failureText: [theResult, text, optional({})],
    faultLine: [ofType('fault')],
    finishedRun: [[{ program: RET }], ['main', 'undefined', 'string'], optional({})],
    firstDeniedCall: [events],
    firstRefusal: [events],
    flagBit: [['CF', 'string']],
    formatListing: [[[], 'empty'], optional({})],
    formatProbe: [probed],
    fullListing: [[code]],
    hexdump: [[RET, 'bytes'], address, [0n, 'undefined', 'bigint']],
    identify: [probed, optional({})],
    idleReason: [[{ calls: 0, injected: 0 }]],
    importedDlls: [[RET, 'bytes']],
    jsonReport: [reports],
    junitReport: [reports],
    kitFor: [['x86-64'], ['nx', 'undefined'], ['linux', 'undefined']],
    lastStore: [theResult, address, address],
    lastWriter: [theResult, ['rax', 'string']],
    linkCode: [[{ arch: 'x86-64', code: RET }, 'empty'], optional({})],
    listEngines: [],
    listMechanisms: [],
    listPolicies: [],
    listingOf: [theResult],
    judgeAttempt: [[scenario, 'string'], [{ file: 'a.md', attempt: '' }]],
    loadCode: [source, ['x86-64', 'undefined']],
    loadFailureLine: [[failure]],
    loadScenario: [[scenario, 'string'], [{ file: 'a.md' }]],
    locateToolchain: [[{ href: 5 }]],
    matrixHtml: [
      [[], 'empty'],
      [['nx'], 'empty', 'list'],
    ],
    matrixRows: [[scenario, 'string'], [{ file: 'a.md', policies: [] }]],
    openCalls: [],
    openEngineInfo: [['auto', 'undefined']],
    otherEndText: [[{ kind: 'limit', limit: 'blocks' }]],
    outcomeOf: [['ok', 'string']],
    outcomeText: [theResult],
    ownPoliciesOf: [[[], 'undefined', 'empty']],
    parseProbe: [['', 'string']],
    peekUpTo: [theSandbox, address, [4, 'number']],
    plainCauses: [theSandbox, [{ kind: 'exit', code: 0 }]],
    plainListing: [[code]],
    pointerTo: [text, [0, 'undefined', 'number']],
    policySystems: [['nx', 'string']],
    probeExperiments: [['x86-64'], ['windows', 'undefined']],
    probeProgram: [['x86-64'], ['wine', 'undefined']],
    programInterpreter: [[RET, 'bytes']],
    programOfCode: [[RET, 'bytes'], ['x86-64']],
    refusedText: [[refused]],
    rightsText: [[5, 'number']],
    ruleOfFault: [events],
    runHidden: [[scenario, 'string'], [{ file: 'a.md', attempt: '', run: 'x' }]],
    runLabel: [[{ program: 'main', run: 'x' }]],
    runProbe: [optional({ arch: 'x96' })],
    runScenario: [[scenario, 'string'], [{ file: 'a.md' }]],
    sameValue: [[type], [1, 'number', 'bigint'], [1, 'number', 'bigint']],
    shorten: [text, [5, 'undefined', 'number']],
    siteOf: [ofType('syscall')],
    statusName: [[0xc000_0005, 'number']],
    straceCall: [ofType('syscall')],
    straceLine: [ofType('syscall')],
    straceText: [events, [1000, 'undefined', 'number']],
    symbolAt: [theSandbox, address],
    syscallSupport: [['x86-64']],
    tapReport: [reports],
    timelineOf: [events, [1000, 'undefined', 'number']],
    totalsOf: [reports],
    unhindered: [[{}, 'object', 'map']],
    unknownValue: [text, ['x', ...EVERY], [['a'], 'empty', 'list']],
    useEngineAssets: [[{ bytes: 5 }]],
    useTiering: [[{ hold: 5 }]],
    valueText: [[1, ...EVERY]],
    verdictLine: [[event]],
    visible: [text, ['', 'undefined', 'string']],
    visibleJson: [text],
    withOwnPolicies: [
      ['nx', 'string'],
      [new Map(), 'map'],
    ],
    withoutDirectives: [['ret', 'string']],
  };
}

const functions = Object.entries(library).filter(
  ([, value]) => typeof value === 'function' && !/^class\b/.test(String(value)),
) as [string, (...args: unknown[]) => unknown][];

let table: Record<string, readonly Argument[]>;

beforeAll(async () => {
  const sandbox = await library.Sandbox.create();
  const page = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
  sandbox.store(page, RET);
  sandbox.call(page);
  table = rows(sandbox, await library.call(RET));
});

async function failureOf(use: () => unknown): Promise<unknown> {
  try {
    await use();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a wrong value for each argument of an exported function', () => {
  it.each(functions)('%s', async (name, use) => {
    const row = table[name];
    expect(row, `${name} has no row in this test`).toBeDefined();
    const right = row!.map(([value]) => value);
    const accepted: string[] = [];
    for (const [index, [, ...takes]] of row!.entries()) {
      for (const kind of EVERY.filter((each) => !takes.includes(each))) {
        for (const value of KINDS[kind]) {
          const failure = await failureOf(() => use(...right.with(index, value)));
          if (failure instanceof MayexecError) continue;
          accepted.push(`argument ${index + 1}, ${kind}: ${failure ?? 'no error'}`);
        }
      }
    }
    expect(accepted).toEqual([]);
  });

  it('is tried of nearly all of them', () => {
    expect(functions.length).toBeGreaterThan(90);
  });
});
