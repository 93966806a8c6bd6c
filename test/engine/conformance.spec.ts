/** One suite for every CPU engine: what the port promises, measured on each that is present. */
import { describe, expect, it } from 'vitest';
import { describeEngines } from '../../src/engine/open.js';
import { addresses } from './conformance/addresses.js';
import { code } from './conformance/code.js';
import { cost } from './conformance/cost.js';
import { cpu } from './conformance/cpu.js';
import { extensions } from './conformance/extensions.js';
import { faults } from './conformance/faults.js';
import { flags } from './conformance/flags.js';
import { lifecycle } from './conformance/lifecycle.js';
import { pageCrossing } from './conformance/page-crossing.js';
import { profile } from './conformance/profile.js';
import { selfModification } from './conformance/self-modifying.js';
import { state } from './conformance/state.js';
import { stops } from './conformance/stops.js';
import { tlb } from './conformance/tlb.js';
import { translations } from './conformance/translations.js';
import { vectors } from './conformance/vectors.js';

const engines = await describeEngines();
const present = engines.filter((engine) => engine.present);
const absent = engines.filter((engine) => !engine.present);

describe('engines', () => {
  it(`has the default engine in both forms: ${present.map((engine) => engine.why).join(', ')}`, () => {
    expect(present.map((engine) => engine.name)).toEqual(
      expect.arrayContaining(['unicorn1', 'unicorn1-js']),
    );
  });

  for (const { name, why } of absent)
    it(`lacks ${name}, which was therefore not judged: ${why}`, () => {
      expect(why).not.toBe('');
    });
});

describe.each(present.map((engine) => engine.name))('%s', (name) => {
  faults(name);
  addresses(name);
  pageCrossing(name);
  code(name);
  selfModification(name);
  translations(name);
  cost(name);
  flags(name);
  stops(name);
  tlb(name);
  vectors(name);
  extensions(name);
  state(name);
  cpu(name);
  profile(name);
  lifecycle(name);
});
