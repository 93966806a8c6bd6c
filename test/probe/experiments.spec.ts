/** The experiments as data: names that results can rely on, labels that mean one thing. */
import { describe, expect, it } from 'vitest';
import { EXPERIMENTS } from '../../src/probe/experiments.js';

describe('experiments', () => {
  it('have names of their own, in kebab case', () => {
    const names = EXPERIMENTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
    expect(names).not.toContain('end');
  });

  it('say what they try in half a sentence', () => {
    const wrong = EXPERIMENTS.filter(
      ({ about }) => !/^[a-zA-Z'].*[^.]$/.test(about) || about.length > 100,
    );
    expect(wrong).toEqual([]);
  });

  // A result names its step by the label: 'the machine lacks it' must not be taken for 'it is refused'.
  it.each(EXPERIMENTS.map((experiment) => [experiment.name, experiment] as const))(
    '%s has no label for both a means and what is tried',
    (_name, { steps }) => {
      const means = new Set(steps.filter((step) => step.means).map(({ label }) => label));
      const tried = steps.filter((step) => !step.means).map(({ label }) => label);
      expect(tried.filter((label) => means.has(label))).toEqual([]);
    },
  );
});
