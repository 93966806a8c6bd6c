import { afterEach, describe, expect, it } from 'vitest';
import { engineAssets } from '../../src/engine/assets.js';
import { linuxProfile } from '../../src/engine/cpu-profile.js';
import { boot } from '../../src/engine/unicorn1/boot.js';
import { Machine } from '../../src/engine/unicorn1/machine.js';
import { Ram } from '../../src/engine/unicorn1/ram.js';
import { settleTranslator } from '../../src/engine/unicorn1/settle-translator.js';
import { startWasmModule } from '../../src/engine/unicorn1/wasm-module.js';

const compiled = await WebAssembly.compile(await (await engineAssets()).bytes('unicorn1.wasm'));

describe.each(['x86-64', 'i386'] as const)('the translator compiled ahead (%s)', (arch) => {
  const told: string[] = [];
  afterEach(() => {
    told.length = 0;
  });
  const tiering = {
    hold: () => void told.push('hold'),
    release: () => void told.push('release'),
  };

  function machine(): { machine: Machine; ram: Ram } {
    const made = new Machine(startWasmModule(compiled), arch);
    const ram = new Ram(made);
    boot(made, ram.pointers[0] ?? 0, linuxProfile(arch));
    return { machine: made, ram };
  }

  it('is called between hold and release, and nothing else of the guest runs', () => {
    const { machine: made, ram } = machine();
    const before = made.heap.bytes.slice(made.env, made.env + 128);
    const entered: string[] = [];
    settleTranslator(made, ram, {
      hold: () => {
        entered.push(`${made.heap.bytes[(ram.pointers[1] ?? 0) + 4095]}`);
        tiering.hold();
      },
      release: tiering.release,
    });
    // Once for a first fetch that is refused, once out of the translator, once in any case.
    expect(told).toEqual(['release', 'hold', 'release', 'release']);
    expect(entered).toEqual(['184']);
    expect(made.heap.bytes.slice(made.env, made.env + 128)).toEqual(before);
    expect(made.heap.bytes[(ram.pointers[1] ?? 0) + 4095]).toBe(0);
    expect(made.client).toBeUndefined();
  });

  it('lets go when the host throws', () => {
    const { machine: made, ram } = machine();
    const broken = {
      hold: () => {
        throw new Error('no');
      },
      release: tiering.release,
    };
    expect(() => settleTranslator(made, ram, broken)).toThrow('no');
    expect(told.at(-1)).toBe('release');
    expect(made.client).toBeUndefined();
  });
});
