/** Policies as text: they judge as those of definePolicy do, see nothing but their hooks, and end. */
import { describe, expect, it } from 'vitest';
import { assembleProgram, Sandbox } from '../../src/index.js';
import { policyFromText } from '../../src/interpreter/policy-text.js';
import { VM_EXEC, VM_READ, VM_WRITE } from '../../src/os/linux/mm/vmas/vma.js';
import { include } from '../scenario/files.js';

const SOURCE = '.include "x86-64/jit-mmap-mprotect.s"\n';

/** Asks the hook of all that runs first. */
async function ask(body: string): Promise<unknown> {
  const policy = await policyFromText(
    `definePolicy({ name: 'mine', syscall: (name, args, facts) => { ${body} } })`,
  );
  return policy.syscall?.('mmap', [1n, 2n ** 63n], {
    ...{ arch: 'x86-64', nx: true, personality: 0, startBrk: 1n, brk: 2n, startStack: 3n },
    ...{ stackPointer: 4n, restrictedWx: false, mdwe: 0 },
  });
}

const says = (words: string): Promise<unknown> =>
  ask(`return { reason: String(${words}) };`).then(
    (verdict) => (verdict as { reason: string }).reason,
  );

describe('a policy as text', () => {
  it('refuses what it says, in a sandbox', async () => {
    const policy = await policyFromText(`
      definePolicy({
        name: 'no-gain',
        mprotect: (vma, { flags }) =>
          !(vma.flags & VM_EXEC) && flags & VM_EXEC
            ? { rule: 'gain-exec', reason: 'memory created without execute stays so', errno: 'EPERM' }
            : undefined,
      });`);
    const { elf: program } = await assembleProgram(SOURCE, { arch: 'x86-64', include });
    using sandbox = await Sandbox.create({ program, policy });
    sandbox.run();
    const call = sandbox.trace.find(
      (event) => event.type === 'syscall' && event.name === 'mprotect',
    );
    expect(call).toMatchObject({ errno: 'EPERM', cause: { rule: 'no-gain/gain-exec' } });
  });

  it('is shown numbers of 64 bits and takes bits away', async () => {
    expect(await says('args[1] === 2n ** 63n')).toBe('true');
    const policy = await policyFromText(
      `definePolicy({ name: 'mine', mmapRegion: ({ flags }) =>
        flags & VM_WRITE ? { clear: VM_MAYEXEC, reason: 'written memory is never code' } : undefined })`,
    );
    const flags = VM_READ | VM_WRITE | VM_EXEC | 0x70;
    expect(policy.mmapRegion?.({ flags } as never, {} as never)).toMatchObject({
      kind: 'narrow',
      flags: VM_READ | VM_WRITE | 0x30,
    });
  });

  it('is shown the arguments of each hook, without what is not data', async () => {
    const policy = await policyFromText(`definePolicy({
      name: 'mine',
      mprotectArguments: (prot, { start }) => ({ reason: prot + ' ' + start }),
      entryStack: (vma, stackPointer) => ({ reason: 'sp ' + stackPointer }),
      fault: (vma, address, access, facts, context) => ({ reason: 'pc ' + context.pc }),
      mmapRegion: ({ object }) => ({ reason: Object.keys(object).join(' ') }),
    })`);
    const hooks = policy as unknown as Record<string, (...args: unknown[]) => unknown>;
    const vma = { start: 0n, end: 4096n };
    const context = { pc: 77n, stackPointer: 0n };
    const object = { kind: 'file', path: '/x', size: 3, frames: [1], read: () => 1 };
    expect(hooks.mprotectArguments!(5, { start: 4096n }, {})).toMatchObject({ reason: '5 4096' });
    expect(hooks.entryStack!(vma, 99n, {})).toMatchObject({ reason: 'sp 99' });
    expect(hooks.fault!(vma, 1n, 'exec', {}, context)).toMatchObject({ reason: 'pc 77' });
    expect(hooks.mmapRegion!({ flags: 4, object }, {})).toMatchObject({ reason: 'kind path size' });
  });

  it.each([
    'process',
    'require',
    'globalThis.fetch',
    'Date',
    'setTimeout',
    'WebAssembly',
    'Math.random',
    'console',
  ])('sees no %s', async (name) => {
    expect(await says(`typeof ${name}`)).toBe('undefined');
  });

  it('cannot get at the host by a constructor', async () => {
    expect(await says('facts.constructor.constructor("return typeof process")()')).toBe(
      'undefined',
    );
  });

  it.each([
    ['a loop', 'for (;;);'],
    ['a loop that catches', 'for (;;) try { for (;;); } catch {}'],
    ['a search of the engine itself', 'return [].indexOf.call({ length: 2 ** 53 }, 1);'],
    [
      'a long search',
      'const a = "a".repeat(500000); return a.indexOf(a + "b") + (a + a).indexOf(a + "b");',
    ],
    ['long numbers', 'let n = 3n; for (;;) n = n * n;'],
    ['a pattern', 'return /^(a+)+$/.test("a".repeat(40) + "b");'],
    ['memory', 'const all = []; for (;;) all.push(new Array(1000).fill(1));'],
    ['a stack', 'const f = () => f() + 1; return f();'],
  ])(
    'ends: %s',
    async (_, body) => {
      await expect(ask(body)).rejects.toThrow(
        /did not come to an end|gave up|out of memory|stack overflow|too large|threw|no reason/,
      );
    },
    60_000,
  );

  it('answers no more once it has been stopped', async () => {
    const policy = await policyFromText(
      `let calls = 0; definePolicy({ name: 'mine', syscall() { if (calls++ === 0) for (;;); } })`,
    );
    for (let i = 0; i < 2; i++)
      expect(() => policy.syscall?.('read', [], {} as never)).toThrow('did not come to an end');
  });

  it('ends as a whole when every call stays below the limit', async () => {
    const policy = await policyFromText(
      `definePolicy({ name: 'mine', syscall() { for (let i = 0; i < 1e6; i++); } })`,
    );
    const facts = {} as never;
    expect(() => {
      for (let i = 0; i < 100_000; i++) policy.syscall?.('read', [], facts);
    }).toThrow('did not come to an end');
  }, 60_000);

  it.each([
    ['definePolicy({ name: "mine", mprotec() {} })', "unknown field of policy 'mine' 'mprotec'"],
    ['\n\nnonsense(', 'line 3: SyntaxError'],
    ['\nnonsense()', "line 2: ReferenceError: 'nonsense' is not defined"],
    ['1', 'defines no policy'],
    ['definePolicy({ name: "Mine", exec() {} })', 'kebab case'],
    [`// ${'x'.repeat(20_000)}`, 'at most 20000'],
    ['globalThis.describe = () => "}"; ', 'something that is no data'],
    ['JSON = undefined; definePolicy({ name: "mine" })', 'has no hook'],
    ['definePolicy({ name: "mine", mprotect: 5 })', 'mprotect'],
  ])('%j is refused by name', async (text, message) => {
    await expect(policyFromText(text)).rejects.toThrow(message);
  });

  it('names the line of what a hook throws', async () => {
    await expect(ask('\n throw new Error("no");')).rejects.toThrow(
      /syscall.*mine.*line 2: Error: no/,
    );
  });

  it('answers what is no answer: a mistake of the policy, said so', async () => {
    await expect(ask('return { reason: 7 };')).rejects.toThrow('answers without a reason');
    await expect(ask('return () => 1;')).resolves.toMatchObject({ kind: 'allow' });
    await expect(ask('globalThis.ask = 1; return 2n ** 64n;')).rejects.toThrow('BigInt');
  });
});
