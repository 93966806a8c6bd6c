/** Sandboxes come and go: nothing grows, nothing is printed, and a broken engine takes nobody with it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Machine } from '../../src/engine/unicorn1/machine.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';

/** mov eax, 42; ret */
const FUNCTION = Uint8Array.of(0xb8, 42, 0, 0, 0, 0xc3);

// What waits to be collected is no growth, and how much that is depends on the machine.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** V8 frees the memory of array buffers beside the program, a little later. */
async function memoryInUse(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage();
}

function callFunction(sandbox: Sandbox): unknown {
  const page = sandbox.syscall('mmap', 0, 4096, 7, 0x22, -1, 0).value;
  sandbox.store(page, FUNCTION);
  return sandbox.call(page);
}

describe('sandboxes come and go', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('1,000 times without growth, and without a word', async () => {
    const written = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockReturnValue(true),
    );
    const once = async (): Promise<void> => {
      using sandbox = await Sandbox.create({ policy: 'nx' });
      callFunction(sandbox);
      sandbox.call(0x10); // dies
    };
    for (let i = 0; i < 20; i++) await once();
    const before = await memoryInUse();
    for (let i = 0; i < 1000; i++) await once();
    const after = await memoryInUse();
    const calls = written.flatMap((spy) => spy.mock.calls);
    expect(calls).toEqual([]);
    // One engine's memory is 16 MiB and more.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 << 20);
    expect(after.external - before.external).toBeLessThan(8 << 20);
  });

  it('an engine that aborts is discarded with a clear error, and the next sandbox works', async () => {
    using broken = await Sandbox.create({ policy: 'nx' });
    using other = await Sandbox.create({ policy: 'nx' });
    vi.spyOn(Machine.prototype, 'start').mockImplementationOnce(() => {
      throw new Error('unreachable');
    });
    const message = 'the CPU engine broke and was discarded: unreachable';
    expect(() => callFunction(broken)).toThrow(message);
    expect(() => callFunction(broken)).toThrow(message);
    expect(callFunction(other)).toEqual({ kind: 'return', value: 42n });
    broken.close();
    using next = await Sandbox.create({ policy: 'nx' });
    expect(callFunction(next)).toEqual({ kind: 'return', value: 42n });
  });
});

it('spells out what a terminal would obey in the name of a file', async () => {
  const create = (path: string, content: unknown) =>
    Sandbox.create({ files: { [path]: content as Uint8Array } });
  await expect(create('/a\x1b', 5)).rejects.toThrow("file '/a\\x1b' is 5");
  await expect(create('a\x1b', FUNCTION)).rejects.toThrow("file 'a\\x1b': expected the absolute");
});
