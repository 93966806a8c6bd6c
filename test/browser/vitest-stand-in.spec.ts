/** What runs a spec in a browser must fail where vitest fails. */
import { expect, it } from 'vitest';
import * as standIn from './vitest-stand-in.js';

it('runs hooks around each case, fills titles, and reports what fails and only that', async () => {
  const steps: string[] = [];
  standIn.describe('outer', () => {
    standIn.beforeEach(() => steps.push('before outer'));
    standIn.afterEach(() => steps.push('after outer'));
    standIn.describe.each(['a', 'b'])('in %s', (letter: string) => {
      standIn.beforeEach(() => steps.push(`before ${letter}`));
      standIn.it.each([
        [1, 2],
        [3, 3],
      ])('equals %d, %d', (one: number, other: number) => {
        steps.push(`${one}`);
        standIn.expect({ value: one }).toEqual({ value: other });
      });
    });
  });
  standIn.it('waits', async () => {
    await standIn.expect(Promise.resolve(1)).rejects.toThrow();
  });
  standIn.it('knows patterns', () => {
    standIn.expect('text').toEqual(standIn.expect.stringMatching(/^te/));
  });

  const results = await standIn.runCases();
  expect(results.map(({ name, error }) => [name, error !== undefined])).toEqual([
    ['outer > in a > equals 1, 2', true],
    ['outer > in a > equals 3, 3', false],
    ['outer > in b > equals 1, 2', true],
    ['outer > in b > equals 3, 3', false],
    ['waits', true],
    ['knows patterns', false],
  ]);
  const around = (letter: string, value: number) => [
    'before outer',
    `before ${letter}`,
    `${value}`,
    'after outer',
  ];
  expect(steps).toEqual([
    ...around('a', 1),
    ...around('a', 3),
    ...around('b', 1),
    ...around('b', 3),
  ]);
});
