/** `--shard` and `--merge`: what several jobs of a CI ran is put together to what one would have said. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFolder } from '../cli/command.js';
import { lesson } from './files.js';

const EXIT = `_start:
    xor edi, edi
    mov eax, SYS_exit_group
    syscall
    ;@ exited 0`;
const TABLE = '| policy | outcome | why |\n|---|---|---|\n| plain | works | |';
const NAMES = ['a', 'b', 'c', 'd', 'e'];

let folder: CommandFolder;

beforeAll(() => {
  folder = new CommandFolder();
  for (const name of NAMES) {
    const text = name === 'd' ? EXIT.replace('exited 0', 'exited 1') : EXIT;
    folder.write(`lessons/${name}.md`, lesson(text, { table: TABLE }));
  }
});

afterAll(() => folder[Symbol.dispose]());

/** Runs the shards, keeps their reports, and returns the reports' names. */
function shards(count: number, ...args: string[]): string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `${args[0]}-${index + 1}-of-${count}.json`;
    const { stdout } = folder.mayexec([...args, '--shard', `${index + 1}/${count}`]);
    writeFileSync(join(folder.path, name), stdout);
    return name;
  });
}

const untimed = (text: string): string => text.replace(/"milliseconds": [\d.]+|time="[\d.]+"/g, '');

describe('mayexec test', () => {
  it.each([2, 3, 7])('says of %i shards what it says of all', (count) => {
    const reports = shards(count, 'test', 'lessons', '--reporter', 'json');
    for (const reporter of ['pretty', 'json', 'junit', 'tap']) {
      const whole = folder.mayexec(['test', 'lessons', '--reporter', reporter]);
      const merged = folder.mayexec(['test', '--merge', ...reports, '--reporter', reporter]);
      expect(untimed(merged.stdout), reporter).toBe(untimed(whole.stdout));
      expect([merged.status, merged.stderr], reporter).toEqual([1, '']);
    }
  });

  it('runs every file in one shard', () => {
    const files = shards(3, 'test', 'lessons', '--reporter', 'json').map((name) => {
      const { stdout } = folder.mayexec(['test', '--merge', name, '--reporter', 'tap']);
      const found = [...stdout.matchAll(/lessons\/(\w)\.md/g)];
      return [...new Set(found.map(([, letter]) => letter))];
    });
    expect(files).toEqual([['a', 'd'], ['b', 'e'], ['c']]);
  });

  it.each([
    [['--shard', '0/3'], /--shard is '0\/3': expected K\/N, such as 1\/3/],
    [['--shard', '4/3'], /expected K\/N/],
    [['--shard', '1'], /expected K\/N/],
    [['--merge', '--jobs', '2', 'x.json'], /--merge runs nothing: it takes no --jobs/],
    [['--merge'], /--merge: expected the JSON reports/],
    [['--merge', 'none.json'], /none\.json: no such file/],
    [['--merge', 'lessons/a.md'], /lessons\/a\.md: is no JSON/],
    [['--merge', 'other.json'], /other\.json: is no report of mayexec test --reporter json/],
    [['--merge', 'null.json'], /null\.json: is no report of mayexec test --reporter json/],
  ])('refuses %j', (args, message) => {
    folder.write('other.json', '{"files": [{"file": 5}]}');
    folder.write('null.json', 'null');
    const { status, stderr } = folder.mayexec(['test', ...args]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).toMatch(/^mayexec: /);
  });
});

describe('mayexec matrix', () => {
  it.each([[[]], [['--policies', 'nx,acg']]])(
    'says of shards what it says of all, with %j',
    (given) => {
      const reports = shards(2, 'matrix', 'lessons', '--json', ...given);
      for (const form of [[], ['--json']]) {
        const whole = folder.mayexec(['matrix', 'lessons', ...given, ...form]);
        const merged = folder.mayexec(['matrix', '--merge', ...reports, ...form]);
        expect([merged.status, merged.stderr]).toEqual([0, '']);
        expect(merged.stdout).toBe(whole.stdout);
      }
    },
  );

  it('refuses what is no shard of one matrix', () => {
    const [one] = shards(1, 'matrix', 'lessons', '--json', '--policies', 'nx');
    writeFileSync(
      join(folder.path, 'two.json'),
      folder.mayexec(['matrix', 'lessons', '--json', '--policies', 'wx']).stdout,
    );
    const { status, stderr } = folder.mayexec(['matrix', '--merge', one!, 'two.json']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('two.json has other policies')]);
    folder.write('rows.json', '[{}]');
    expect(folder.mayexec(['matrix', '--merge', 'rows.json']).stderr).toContain(
      'rows.json: is no report of mayexec matrix --json',
    );
  });
});
