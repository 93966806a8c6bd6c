/** README and docs/ tell the truth: their commands run, their outputs are what they print, their code works, their links lead somewhere. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CLI = join(ROOT, 'dist/cli.js');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** `npm start` and `npm test` are what runs this file, or what the tests of the build run. */
const SET_UP = /^(npm (start|test|link|run bench)|node build\.mjs)\b/;

/** `<!-- output: COMMAND -->` before a block: the block is what the command prints, both streams together. */
const OUTPUT = /<!-- output: (.+?) -->\n```\n([\s\S]*?)```/g;

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, body]) => body!,
  );
}

interface Run {
  readonly output: string;
  readonly status: number | null;
}

/** A command stands among those of a page, and above its output, and in more than one page. */
const runs = new Map<string, Run>();

function run(command: string): Run {
  const [program, ...args] = command.split(/\s+/);
  const own = program === 'mayexec' || (program === 'node' && args[0] === 'dist/cli.js');
  if (!own) throw new Error(`the page has a command that this test cannot run: ${command}`);
  const rest = program === 'mayexec' ? args : args.slice(1);
  const known = runs.get(rest.join(' ')) ?? start(rest);
  runs.set(rest.join(' '), known);
  return known;
}

function start(args: readonly string[]): Run {
  const script = 'exec "$0" "$@" 2>&1';
  const result = spawnSync('sh', ['-c', script, process.execPath, CLI, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    input: '',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { output: result.stdout, status: result.status };
}

it('the README has commands and real output', () => {
  const text = read('README.md');
  expect(blocks(text, 'sh').length).toBeGreaterThan(1);
  expect(text).toMatch(OUTPUT);
});

describe.each(PAGES)('%s', (page) => {
  const text = read(page);
  const commands = blocks(text, 'sh')
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '' && !SET_UP.test(line));

  it.each(commands)('runs: %s', (command) => {
    const { output, status } = run(command);
    expect(output).not.toMatch(/^mayexec: unknown|Usage:|\n\s+at /m);
    expect(status, output).not.toBe(2);
  });

  const outputs = [...text.matchAll(OUTPUT)];

  // MAYEXEC_UPDATE_README=1 writes what the commands print now.
  it.each(outputs.map(([, command, body]) => [command!, body!]))(
    'shows what %s prints',
    (command, body) => {
      const { output } = run(command);
      if (process.env.MAYEXEC_UPDATE_README === '1') {
        const now = read(page);
        writeFileSync(
          join(ROOT, page),
          now.replace(`${command} -->\n\`\`\`\n${body}`, () => `${command} -->\n\`\`\`\n${output}`),
        );
      } else {
        expect(output).toBe(body);
      }
    },
  );

  it.each(blocks(text, 'ts').map((code, index) => [index + 1, code] as const))(
    'has an example %i that runs as it is',
    async (_number, code) => {
      const folder = mkdtempSync(join(tmpdir(), 'mayexec-readme-'));
      try {
        const library = pathToFileURL(join(ROOT, 'dist/index.js')).href;
        const { code: js } = transformSync(code.replaceAll("'mayexec'", `'${library}'`), {
          loader: 'ts',
        });
        const file = join(folder, 'example.mjs');
        writeFileSync(file, js);
        const { status, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
        expect(stderr).toBe('');
        expect(status).toBe(0);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('has links that lead somewhere, in the package too', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) =>
      normalize(join(dirname(page), link!)),
    );
    const packed = packedFiles();
    const inPackage = (link: string): boolean =>
      packed.has(link) ||
      [...packed].some((file) => file.startsWith(`${link.replace(/\/$/, '')}/`));
    expect(links.filter((link) => !existsSync(join(ROOT, link)) || !inPackage(link))).toEqual([]);
  });
});

let packedOnce: ReadonlySet<string> | undefined;

/** What `npm pack` takes along. */
function packedFiles(): ReadonlySet<string> {
  packedOnce ??= new Set(
    (
      JSON.parse(
        spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
          cwd: ROOT,
          encoding: 'utf8',
        }).stdout,
      ) as { files: { path: string }[] }[]
    )[0]!.files.map(({ path }) => path),
  );
  return packedOnce;
}
