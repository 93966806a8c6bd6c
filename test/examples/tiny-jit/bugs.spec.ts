/**
 * Ten bugs, each planted in the compiler or its cache: one matcher catches each, in words that name the cause.
 * The words stand in the table of README.md, which is read here.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { call, callback, pointerTo, Sandbox } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { BUGS, type Bug } from './bugs.js';
import { CodeCache } from './code-cache.js';
import { compile } from './compiler.js';
import { codeOf, run } from './run.js';

type Check = (bugs: readonly Bug[]) => void;

const f = () =>
  callback('i64(i64, i64)', function f(a: bigint, b: bigint) {
    return a + b;
  });
const LOOP = 'i64(n): let s = 0; let i = 0; while (i < n) { s = s + i; i = i + 1; } s';
const ACROSS_CALLS = Array.from({ length: 8 }, (_, index) => `let v${index} = a * ${index + 2};`);
const SPILLED = `i64(f*, a): ${ACROSS_CALLS.join(' ')} let r = f(a, a); r + v0 + v1 + v2 + v3 + v4 + v5 + v6 + v7`;
const TURNS = 0x2000_0ff8n;

/** A patched constant in a cache that has grown in the meantime. */
function patched(bugs: readonly Bug[], check: (sandbox: Sandbox, address: bigint) => void): void {
  using sandbox = Sandbox.createLoaded();
  const strategy = bugs.includes('writable-and-executable') ? 'flip' : 'dual';
  const cache = new CodeCache(sandbox, strategy, bugs);
  const address = cache.add('scale', compile('i64(a): a * @factor'));
  for (let index = 0; index < 200; index++) cache.add(`f${index}`, compile('i64(a): a * 3 + 1'));
  cache.setConstant('scale', 'factor', 6n);
  check(sandbox, address);
}

const CHECKS: Readonly<Record<Bug, { readonly matcher: string; readonly check: Check }>> = {
  'clobbered-callee-saved': {
    matcher: "toPreserve('callee-saved')",
    check: (bugs) =>
      expect(run('i64(f*, a): f(a, 1) + a', [f(), 5], { bugs })).toPreserve('callee-saved'),
  },
  'misaligned-stack': {
    matcher: "toFollow('sysv')",
    check: (bugs) => expect(run('i64(f*): f(1, 2)', [f()], { bugs })).toFollow('sysv'),
  },
  'branch-off-by-one': {
    matcher: 'toReturn',
    check: (bugs) => expect(run(LOOP, [5], { bugs })).toReturn(10),
  },
  'stale-patch': {
    matcher: 'toDisassembleTo',
    check: (bugs) =>
      patched(bugs, (sandbox, address) => {
        const result = call({ sandbox, address, length: 24 }, [7], { signature: 'i64(i64)' });
        const padding = 'nop;'.repeat(6);
        expect(result).toDisassembleTo(
          `${padding} movabs rsi, 6; imul rdi, rsi; mov rax, rdi; ret`,
        );
        expect(result).toReturn(42);
      }),
  },
  'writable-and-executable': {
    matcher: 'toNeverBeWritableAndExecutable',
    check: (bugs) => patched(bugs, (sandbox) => expect(sandbox).toNeverBeWritableAndExecutable()),
  },
  'red-zone-overwrite': {
    matcher: "toPreserve('red-zone')",
    check: (bugs) => expect(run(SPILLED, [f(), 3], { bugs })).toPreserve('red-zone'),
  },
  'wrong-sign-extension': {
    matcher: 'toBehaveLike',
    check: (bugs) => {
      const signature = 'i64(ptr)';
      const result = run('i64(p*): p.i32[0]', [Uint8Array.of(1, 0, 0, 0)], {
        bugs,
        signature,
      });
      expect(result).toBehaveLike('movsxd rax, dword ptr [rdi]; ret');
    },
  },
  'flags-clobbered': {
    matcher: "toPreserve('flags')",
    check: (bugs) => {
      const code = compile(LOOP, { bugs, turns: TURNS });
      const entry = { entry: 'count', buffers: { turns: 8 }, flags: { CF: true, ZF: true } };
      expect(call(codeOf(code), [], entry)).toPreserve('flags');
    },
  },
  'x87-leak': {
    matcher: "toFollow('sysv')",
    check: (bugs) => expect(run('i64(a): sqrt(a)', [49], { bugs })).toFollow('sysv'),
  },
  'write-beyond-buffer': {
    matcher: "toTouchOnly({ write: ['p'] })",
    check: (bugs) =>
      expect(
        run('i64(p*): p.i32[1] = 7; 1', [pointerTo('p')], { bugs, buffers: { p: 8 } }),
      ).toTouchOnly({ write: ['p'] }),
  },
};

/** Rows of the table: bug, matcher, words of the message. */
const ROWS = new Map(
  readFileSync(new URL('./README.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replace(/^`+|`+$/g, '')))
    .map(([, bug, matcher, message]) => [bug, { matcher, message }] as const),
);

describe.each(BUGS)('%s', (bug) => {
  const { matcher, check } = CHECKS[bug];

  it(`passes ${matcher} when the compiler is right`, () => check([]));

  it(`is caught by ${matcher}, which names the cause`, () => {
    expect(ROWS.get(bug)?.matcher).toBe(matcher);
    expect(() => check([bug])).toThrow(ROWS.get(bug)?.message);
  });
});
