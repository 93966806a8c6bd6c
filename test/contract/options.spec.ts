/** Every door rejects an option that it does not know, and names the nearest right one. */
import { describe, expect, it } from 'vitest';
import { buffer, bytes, integer, registerValue } from '../../src/fast-check/index.js';
import {
  assemble,
  assembleProgram,
  checkBehavesLike,
  checkFault,
  checkTouches,
  checkWithin,
  compareCpus,
  definePolicy,
  disagreement,
  disassemble,
  explain,
  explore,
  failureText,
  formatListing,
  identify,
  Kit,
  linkCode,
  loadCode,
  loadScenario,
  matrixRows,
  pointerTo,
  runProbe,
  runScenario,
  Sandbox,
} from '../../src/index.js';
import { compareWithHost } from '../../src/native/index.js';
import { call } from '../../src/vitest/index.js';

const RET = Uint8Array.of(0xc3);
const ELF = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);
const unreachable = (): never => {
  throw new Error('the case was run');
};

/** A value with a name that its type does not have, as JavaScript would pass it. */
function misspelt<T>(value: unknown): T {
  return value as T;
}

/** The door, the misspelt name, the name that is meant, and the use. */
const DOORS: readonly (readonly [string, string, string, () => unknown])[] = [
  ['Sandbox.create', 'polcy', 'policy', () => Sandbox.create(misspelt({ polcy: 'nx' }))],
  ['its limits', 'memry', 'memory', () => Sandbox.create({ limits: misspelt({ memry: 1 }) })],
  [
    'its program',
    'agrv',
    'argv',
    () => Sandbox.create({ program: misspelt({ bytes: ELF, agrv: [] }) }),
  ],
  [
    'its files',
    'mod',
    'mode',
    () => Sandbox.create({ files: { '/a': misspelt({ content: RET, mod: 1 }) } }),
  ],
  [
    'writeFile',
    'contnt',
    'content',
    async () => {
      using sandbox = await Sandbox.create();
      sandbox.writeFile('/a', misspelt({ contnt: RET }));
    },
  ],
  ['call', 'polcy', 'policy', () => call('ret', [], misspelt({ polcy: 'mdwe' }))],
  ['its limits', 'block', 'blocks', () => call('ret', [], { limits: misspelt({ block: 9 }) })],
  [
    'a buffer',
    'writeable',
    'writable',
    () =>
      call('ret', [pointerTo('a')], { buffers: { a: misspelt({ bytes: 8, writeable: false }) } }),
  ],
  ['assembly', 'sytnax', 'syntax', () => call(misspelt({ asm: 'ret', sytnax: 'att' }))],
  ['bytes', 'adress', 'address', () => call(misspelt({ bytes: RET, adress: 0x1000n }))],
  ['an image', 'entyr', 'entry', () => loadCode(misspelt({ arch: 'i386', parts: [], entyr: 1n }))],
  [
    'a part of an image',
    'exce',
    'exec',
    () =>
      loadCode({ arch: 'i386', parts: [misspelt({ address: 0x1000n, bytes: RET, exce: true })] }),
  ],
  [
    'code in a sandbox',
    'adress',
    'address',
    async () => {
      using sandbox = await Sandbox.create();
      await call(misspelt({ sandbox, address: 0, adress: 0 }));
    },
  ],
  ['Kit.open', 'memroy', 'memory', () => Kit.open(misspelt({ memroy: 1 }))],
  [
    'Kit.call',
    'plcement',
    'placement',
    async () => {
      using kit = await Kit.open();
      kit.call(RET, [], misspelt({ plcement: 'flip' }));
    },
  ],
  ['toFault', 'acess', 'access', () => expect('ret').toFault(misspelt({ acess: 'write' }))],
  ['toRunWithin', 'instr', 'instructions', () => expect('ret').toRunWithin(misspelt({ instr: 1 }))],
  ['toTouchOnly', 'wirte', 'write', () => expect('ret').toTouchOnly(misspelt({ wirte: [] }))],
  [
    'a range of it',
    'lenght',
    'length',
    () => expect('ret').toTouchOnly([misspelt({ start: 0, lenght: 1 })]),
  ],
  ['toLeave', 'rxa', 'rax', () => expect('ret').toLeave({ rxa: 1 })],
  [
    'toBehaveLike',
    'arguements',
    'arguments',
    () => expect('ret').toBehaveLike('ret', misspelt({ arguements: 'i32(i32)' })),
  ],
  [
    'checkFault',
    'adress',
    'address',
    async () => checkFault(await call('ret'), misspelt({ adress: 0 })),
  ],
  [
    'checkWithin',
    'instruction',
    'instructions',
    async () => checkWithin(await call('ret'), misspelt({ instruction: 1 })),
  ],
  [
    'checkTouches',
    'raed',
    'read',
    async () => checkTouches(await call('ret'), misspelt({ raed: [] })),
  ],
  [
    'checkBehavesLike',
    'sede',
    'seed',
    async () => checkBehavesLike(await call('ret'), 'ret', misspelt({ sede: 1 })),
  ],
  [
    'disagreement',
    'run',
    'runs',
    async () => disagreement(await call('ret'), 'ret', misspelt({ run: 1 })),
  ],
  [
    'explore',
    'sigature',
    'signature',
    () => explore('ret', misspelt({ signature: 'void()', sigature: 'void()' })),
  ],
  ['linkCode', 'external', 'externals', () => linkCode(RET, misspelt({ external: {} }))],
  ['an object of it', 'byte', 'bytes', () => linkCode(misspelt({ name: 'a.o', byte: RET }))],
  [
    'code with relocations',
    'relocation',
    'relocations',
    () => linkCode(misspelt({ arch: 'i386', code: RET, relocation: [] })),
  ],
  [
    'a relocation',
    'addnd',
    'addend',
    () =>
      linkCode({
        arch: 'i386',
        code: RET,
        relocations: [misspelt({ offset: 0, type: 'rel8', symbol: 'a', addnd: 1 })],
      }),
  ],
  ['compareWithHost', 'arhc', 'arch', () => compareWithHost('ret', [], misspelt({ arhc: 'i386' }))],
  [
    'its cases',
    'regs',
    'registers',
    () => compareCpus('ret', [misspelt({ regs: {} })], unreachable),
  ],
  [
    'pointers in its cases',
    'offst',
    'offset',
    () =>
      compareCpus(
        'ret',
        [{ registers: { rdi: misspelt({ buffer: 'a', offst: 1 }) } }],
        unreachable,
        { buffers: { a: 8 } },
      ),
  ],
  ['runProbe', 'onli', 'only', () => runProbe(misspelt({ onli: ['heap-rx'] }))],
  [
    'its surroundings',
    'protectionKey',
    'protectionKeys',
    () => runProbe({ surroundings: misspelt({ protectionKey: true }) }),
  ],
  ['identify', 'candidate', 'candidates', () => identify('', misspelt({ candidate: [] }))],
  ['assemble', 'adress', 'address', () => assemble('ret', misspelt({ arch: 'i386', adress: 0 }))],
  [
    'assembleProgram',
    'semicolons',
    'semicolon',
    () => assembleProgram('_start: ret', misspelt({ arch: 'i386', semicolons: 'comment' })),
  ],
  ['disassemble', 'cuont', 'count', () => disassemble(RET, misspelt({ arch: 'i386', cuont: 1 }))],
  [
    'failureText',
    'makr',
    'mark',
    async () => failureText(await call('ret'), '', misspelt({ makr: 0n })),
  ],
  ['formatListing', 'marks', 'mark', () => formatListing([], misspelt({ marks: 0n }))],
  [
    'loadScenario',
    'inclde',
    'include',
    () => loadScenario('', misspelt({ file: 'a.s', inclde: 1 })),
  ],
  ['runScenario', 'onyl', 'only', () => runScenario('', misspelt({ file: 'a.s', onyl: [] }))],
  [
    'matrixRows',
    'polices',
    'policies',
    () => matrixRows('', misspelt({ file: 'a.s', policies: [], polices: [] })),
  ],
  ['explain', 'programms', 'programs', () => explain({}, misspelt({ programms: [] }))],
  [
    'definePolicy',
    'mprotcet',
    'mprotect',
    () => definePolicy(misspelt({ name: 'own', mprotcet: 1 })),
  ],
  [
    'the effects of a policy',
    'tasksize',
    'taskSize',
    () =>
      definePolicy(misspelt({ name: 'own', effects: { tasksize: 1n }, fault: () => undefined })),
  ],
  [
    'the answer of a policy',
    'reson',
    'reason',
    async () => {
      const own = definePolicy({ name: 'own', mmapRegion: () => misspelt({ reson: 'no' }) });
      using sandbox = await Sandbox.create({ policy: own });
      sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0);
    },
  ],
  ['registerValue', 'bit', 'bits', () => registerValue(misspelt({ bit: 8 }))],
  ['integer', 'sign', 'signed', () => integer(misspelt({ sign: false }))],
  ['arbitrary bytes', 'minLenght', 'minLength', () => bytes(misspelt({ minLenght: 1 }))],
  ['an arbitrary buffer', 'maxLenght', 'maxLength', () => buffer(misspelt({ maxLenght: 1 }))],
];

describe('an unknown option', () => {
  it.each(DOORS)('of %s: %s', async (_door, wrong, right, use) => {
    const failure = await Promise.resolve()
      .then(use)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(failure).toBeInstanceOf(Error);
    expect(String(failure)).toContain(`'${wrong}'`);
    expect(String(failure)).toContain(`did you mean '${right}'?`);
  });

  it('options that are no object are named too', async () => {
    await expect(Kit.open(misspelt('mdwe'))).rejects.toThrow(
      "Kit.open: the options are 'mdwe': expected an object of arch, os, policy, memory",
    );
  });
});
