import { describe, expect, it } from 'vitest';
import { MayexecError } from '../../src/base/errors.js';
import { describeEngines, engineInfo, openEngine } from '../../src/engine/open.js';

// Loads what the engines are made of, outside of any test.
const engines = await describeEngines();
const options = { arch: 'x86-64', memory: 1 << 20 } as const;
const SENTENCE = /^engine unicorn2 is not supported in this version of mayexec/;

describe('choosing an engine', () => {
  it('means unicorn1 as WebAssembly by default', async () => {
    expect(await engineInfo()).toMatchObject({ name: 'unicorn1', form: 'wasm' });
    const { engine, info } = await openEngine('auto', options);
    expect([engine.name, info.name]).toEqual(['unicorn1', 'unicorn1']);
    engine.close();
  });

  it('opens what was asked for, and says so', async () => {
    for (const [kind, form] of [
      ['unicorn1', 'wasm'],
      ['unicorn1-js', 'js'],
    ] as const) {
      const { engine, info } = await openEngine(kind, options);
      expect(info).toMatchObject({ form, why: 'asked for' });
      expect(engine.name).toBe(kind);
      engine.close();
    }
  });

  it('refuses unicorn2 in one sentence, the same that the list of engines shows', async () => {
    for (const attempt of [() => engineInfo('unicorn2'), () => openEngine('unicorn2', options)]) {
      await expect(attempt).rejects.toThrow(MayexecError);
      await expect(attempt).rejects.toThrow(SENTENCE);
    }
    const listed = engines.find(({ name }) => name === 'unicorn2');
    expect(listed).toMatchObject({ present: false, why: expect.stringMatching(SENTENCE) });
  });

  it('names the choices when it does not know one', async () => {
    await expect(engineInfo('unicorn3' as 'unicorn2')).rejects.toThrow(
      /unknown engine 'unicorn3'.*unicorn1-js/,
    );
  });
});
