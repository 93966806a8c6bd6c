import { describe, expect, it } from 'vitest';
import {
  integerOf,
  type OptionSpec,
  parseArguments,
  sizeOf,
  UsageError,
} from '../../src/cli/arguments.js';

const OPTIONS: OptionSpec[] = [
  { name: 'policy', value: 'SPEC', once: 'join them by +', help: '' },
  { name: 'seed', value: 'N', help: '' },
  { name: 'trace', help: '' },
  { name: 'maps', inline: 'KIND', help: '' },
  { name: 'inject', value: 'SPEC', join: '+', help: '' },
];

const parse = (...args: string[]) => parseArguments(OPTIONS, args);

describe('parseArguments', () => {
  it('sorts positionals, values and switches in any order', () => {
    for (const args of [
      ['prog', '--policy', 'nx', '--trace'],
      ['--trace', '--policy=nx', 'prog'],
    ]) {
      const { positionals, values, switches, rest } = parse(...args);
      expect(positionals).toEqual(['prog']);
      expect([...values]).toEqual([['policy', 'nx']]);
      expect([...switches]).toEqual(['trace']);
      expect(rest).toEqual([]);
    }
  });

  it('takes a value of a switch behind = only', () => {
    expect([...parse('--maps=all', 'prog').values]).toEqual([['maps', 'all']]);
    const { positionals, values, switches } = parse('--maps', 'prog');
    expect([positionals, values.size, [...switches]]).toEqual([['prog'], 0, ['maps']]);
  });

  it('joins the values of an option that may be repeated', () => {
    const { values } = parse('--inject', 'a', '--seed', '1', '--inject', 'b');
    expect([values.get('inject'), values.get('seed')]).toEqual(['a+b', '1']);
  });

  it('leaves everything after -- to the program, options and a second -- too', () => {
    const { positionals, rest, switches } = parse('prog', '--', '--trace', '--', '-x', 'y');
    expect(positionals).toEqual(['prog']);
    expect(rest).toEqual(['--trace', '--', '-x', 'y']);
    expect(switches.size).toBe(0);
  });

  it.each<[string[], string]>([
    [
      ['--polcy', 'nx'],
      "unknown option '--polcy': expected one of --policy, --seed, --trace, --maps, --inject, --help; did you mean '--policy'?",
    ],
    [
      ['-p'],
      "unknown option '-p': expected one of --policy, --seed, --trace, --maps, --inject, --help",
    ],
    [['--policy'], '--policy needs a value: --policy SPEC'],
    [['--policy='], '--policy needs a value: --policy SPEC'],
    [['--policy', '--trace'], '--policy needs a value: --policy SPEC'],
    [['--maps='], '--maps= needs a value: --maps=KIND'],
    [['--policy', 'nx', '--policy=wx'], '--policy is given twice; join them by +'],
    [['--seed', '1', '--seed', '1'], '--seed is given twice'],
    [['--maps=all', '--maps=mm'], '--maps is given twice'],
    [['--trace=yes'], "--trace takes no value, but 'yes' is given"],
  ])('refuses %j', (args, message) => {
    expect(() => parse(...args)).toThrow(new UsageError(message));
  });
});

describe('integerOf', () => {
  it('reads decimal and hexadecimal, and nothing when the option is not given', () => {
    expect(integerOf(parse('--seed', '12'), 'seed')).toBe(12);
    expect(integerOf(parse('--seed', '0xff'), 'seed')).toBe(255);
    expect(integerOf(parse(), 'seed')).toBeUndefined();
  });

  it.each(['-1', '1.5', 'one', '1e3', ' 1'])('refuses %j', (text) => {
    expect(() => integerOf(parse(`--seed=${text}`), 'seed')).toThrow(
      `--seed is '${text}': expected an integer`,
    );
  });
});

describe('sizeOf', () => {
  it.each([
    ['4096', 4096],
    ['64K', 65536],
    ['2m', 2 << 20],
    ['1G', 2 ** 30],
    ['0x1000', 4096],
  ])('reads %s', (text, bytes) => {
    expect(sizeOf(parse('--seed', text), 'seed')).toBe(bytes);
  });

  it.each(['K', '64KB', '1.5M', '-1K'])('refuses %s', (text) => {
    expect(() => sizeOf(parse(`--seed=${text}`), 'seed')).toThrow(
      `--seed is '${text}': expected bytes, such as`,
    );
  });
});
