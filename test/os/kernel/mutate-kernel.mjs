/** Bundles mutant-judge.ts once for each mutant of mutants.mjs and runs it: Node alone cannot read TypeScript. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { MUTANTS } from './mutants.mjs';

/**
 * Mutation check of what a kernel's protection rests on: the decisions of the MMU, and the library of asm/lib. Each mutant is one place
 * changed; a lesson of scenarios/post-init, or the comparison of page walks with the model, has to fail.
 *
 * After a build, from the project's folder; words limit it to mutants whose name has one of them:
 *   node test/os/kernel/mutate-kernel.mjs [WORD...]
 */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The file with its one place changed. */
function changed({ name, file, from, to }) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (text.split(from).length !== 2) {
    throw new Error(`mutant '${name}': its place is not exactly once in ${file}`);
  }
  return text.replace(from, () => to);
}

async function judge(index, mutant) {
  const outfile = join(ROOT, `.cache/bundled/mutant-${process.pid}-${index}.mjs`);
  const inTypeScript = mutant?.file.endsWith('.ts') ?? false;
  await build({
    entryPoints: [join(HERE, 'mutant-judge.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
    plugins: [
      {
        name: 'mutant',
        setup({ onLoad }) {
          if (!inTypeScript) return;
          onLoad({ filter: /\.ts$/ }, ({ path }) =>
            path === join(ROOT, mutant.file)
              ? { contents: changed(mutant), loader: 'ts' }
              : undefined,
          );
        },
      },
    ],
  });
  try {
    const { firstFailure } = await import(pathToFileURL(outfile).href);
    const source =
      mutant === undefined || inTypeScript
        ? undefined
        : { file: mutant.file, text: changed(mutant) };
    return await firstFailure(source);
  } finally {
    rmSync(outfile, { force: true });
  }
}

const words = process.argv.slice(2);
const wanted = MUTANTS.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);
const clean = await judge('clean', undefined);
if (clean !== undefined) throw new Error(`without any mutant: ${clean}`);
const surviving = [];
for (const [index, mutant] of wanted.entries()) {
  const failure = await judge(index, mutant);
  if (failure === undefined) surviving.push(mutant.name);
  console.log(`${mutant.name.padEnd(58)} ${failure?.slice(0, 120) ?? 'SURVIVES'}`);
}
console.log(`\n${wanted.length} mutants; ${surviving.length} survive`);
process.exitCode = wanted.length > 0 && surviving.length === 0 ? 0 : 1;
