/** Code in a process: which policies let it get there, how it is patched, and what that leaves behind. */
import { describe, expect, it } from 'vitest';
import { call, callback, Sandbox } from '../../../src/vitest/index.js'; // for you: 'mayexec/vitest'
import { CodeCache, RefusedError, STRATEGIES, type Strategy } from './code-cache.js';
import { compile } from './compiler.js';

const ADD = compile('i64(a, b): a + b');
const SCALE = compile('i64(a): a * @factor');
const TWICE = compile('i64(a): inner(inner(a))');
/** The inline cache of a property: the layout last seen and where it keeps the property, else the slow way. */
const PROPERTY = compile(
  'i64(object*, slow*): object.i64[0] == @layout ? object.i64[@slot] : slow(object.i64[0])',
);

/** Calls a function of the cache in its process. */
function enter(sandbox: Sandbox, cache: CodeCache, name: string, args: readonly number[]) {
  const signature = `i64(${args.map(() => 'i64').join(', ')})`;
  return call({ sandbox, address: cache.addressOf(name) }, args, { signature });
}

describe.each([
  ['flip', ['nx', 'wx', 'selinux', 'openbsd', 'freebsd']],
  ['dual', ['nx', 'wx', 'mdwe', 'selinux', 'pax', 'restricted-wx', 'openbsd', 'netbsd-mprotect']],
  ['rwx', ['nx', 'selinux', 'freebsd']],
] as const)('%s works', (strategy, policies) => {
  it.each(policies)('under %s', async (policy) => {
    using sandbox = await Sandbox.create({ policy });
    const cache = new CodeCache(sandbox, strategy);
    cache.add('add', ADD);
    expect(enter(sandbox, cache, 'add', [40, 2])).toReturn(42);
    if (strategy === 'rwx') expect(sandbox).not.toNeverBeWritableAndExecutable();
    else expect(sandbox).toNeverBeWritableAndExecutable();
  });
});

it.each([
  ['flip', 'mdwe', 'mdwe/gain-exec', 'mprotect: EACCES'],
  ['flip', 'pax', 'pax/mprotect-may', 'mprotect: EACCES'],
  ['flip', 'restricted-wx', 'restricted-wx/write-never-exec', 'mprotect: EACCES'],
  ['flip', 'netbsd-mprotect', 'netbsd-mprotect/beyond-maximum', 'mprotect: EACCES'],
  ['flip', 'hardenedbsd', 'hardenedbsd/gain-exec', 'mprotect: EACCES'],
  ['flip', 'selinux:execmem=deny', 'selinux/execmem', 'mprotect: EACCES'],
  ['rwx', 'wx', 'wx/write-exec', 'mmap: EACCES'],
  ['rwx', 'mdwe', 'mdwe/write-exec', 'mmap: EACCES'],
  ['rwx', 'pax', 'pax/mprotect-mmap', 'mmap: EPERM'],
  ['rwx', 'restricted-wx', 'restricted-wx/write-exec', 'mmap: EACCES'],
  ['rwx', 'openbsd', 'openbsd/write-exec', 'mmap: ENOTSUP'],
  ['rwx', 'selinux:execmem=deny', 'selinux/execmem', 'mmap: EACCES'],
] as const)('%s is refused under %s by %s', async (strategy, policy, rule, message) => {
  using sandbox = await Sandbox.create({ policy });
  const begin = (): void => {
    new CodeCache(sandbox, strategy).add('add', ADD);
  };
  expect(begin).toThrow(new RefusedError(message));
  expect(sandbox).toBeDeniedBy(rule);
});

describe.each(STRATEGIES)('with %s', (strategy: Strategy) => {
  it.each([3, -1, 0x7fff_ffff_ffffn, -(2n ** 63n)])('a constant becomes %s', async (factor) => {
    using sandbox = await Sandbox.create();
    const cache = new CodeCache(sandbox, strategy);
    cache.add('scale', SCALE);
    expect(enter(sandbox, cache, 'scale', [5])).toReturn(0);
    cache.setConstant('scale', 'factor', BigInt(factor));
    expect(enter(sandbox, cache, 'scale', [5])).toReturn(BigInt.asIntN(64, 5n * BigInt(factor)));
    cache.setConstant('scale', 'factor', 1n);
    expect(enter(sandbox, cache, 'scale', [5])).toReturn(5);
  });

  it('a call site reaches another function', async () => {
    using sandbox = await Sandbox.create();
    const cache = new CodeCache(sandbox, strategy);
    cache.add('inner', compile('i64(a): a + 1'));
    cache.add('other', compile('i64(a): a * 10'));
    cache.add('twice', TWICE);
    expect(enter(sandbox, cache, 'twice', [5])).toReturn(7);
    cache.redirect('twice', 'inner', 'other');
    const after = enter(sandbox, cache, 'twice', [5]);
    expect(after).toReturn(500);
    expect(after).toFollow('sysv');
  });

  it('patches still count after the cache has grown', async () => {
    using sandbox = await Sandbox.create();
    const cache = new CodeCache(sandbox, strategy);
    cache.add('scale', SCALE);
    for (let index = 0; index < 200; index++)
      cache.add(`f${index}`, compile('i64(a): a * @factor'));
    cache.setConstant('scale', 'factor', 6n);
    cache.setConstant('f199', 'factor', 7n);
    expect(enter(sandbox, cache, 'scale', [7])).toReturn(42);
    expect(enter(sandbox, cache, 'f199', [7])).toReturn(49);
  });

  it('an inline cache takes the slow way once', async () => {
    using sandbox = await Sandbox.create();
    const cache = new CodeCache(sandbox, strategy);
    const address = cache.add('property', PROPERTY);
    const look = (layout: bigint) => {
      const slow = callback('i64(i64)', () => 42n);
      const object = new Uint8Array(BigInt64Array.of(layout, 41n, 42n).buffer);
      return call({ sandbox, address }, [object, slow], { signature: 'i64(ptr, ptr)' });
    };
    const first = look(0x77n);
    expect(first).toReturn(42);
    expect(first.callbacks).toHaveLength(1);
    cache.setConstant('property', 'slot', 2n);
    cache.setConstant('property', 'layout', 0x77n);
    const second = look(0x77n);
    expect(second).toReturn(42);
    expect(second.callbacks).toHaveLength(0);
    expect(look(0x78n).callbacks).toHaveLength(1);
  });
});

describe('what goes wrong', () => {
  it('a store into running code faults, but for rwx', async () => {
    const source = 'i64(code*, value): code.i64[0] = value; 1';
    for (const strategy of STRATEGIES) {
      using sandbox = await Sandbox.create();
      const cache = new CodeCache(sandbox, strategy);
      const address = cache.add('poke', compile(source));
      const scratch = cache.add('other', ADD);
      const result = call({ sandbox, address }, [scratch, 0n], {
        signature: 'i64(ptr, i64)',
      });
      if (strategy === 'rwx') expect(result).not.toFault();
      else expect(result).toFault({ access: 'write', code: 'SEGV_ACCERR', address: scratch });
    }
  });

  it('a full cache says so', async () => {
    using sandbox = await Sandbox.create();
    const cache = new CodeCache(sandbox, 'flip');
    const fill = (): void => {
      for (let index = 0; index < 5000; index++) cache.add(`f${index}`, ADD);
    };
    expect(fill).toThrow('the cache is full');
    expect(enter(sandbox, cache, 'f0', [1, 2])).toReturn(3);
  });
});
