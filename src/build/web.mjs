/**
 * dist/web/: the workshop, a page of static files for any path of any host. Scripts and styles are bundled from
 * src/web, the lessons are assembled beforehand, and the engine and the toolchain lie beside them.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BROWSER_FORMS, esbuild, recordPackages, run } from './bundler.mjs';
import { filesIn, hashOf, path, readText, writeWhole } from './project.mjs';
import { ifChanged } from './steps.mjs';

const OUT = 'dist/web';
/** Where the packages of the page's bundles are noted. */
export const WEB_RECORD = `${OUT}/app.js`;

const ENTRIES = {
  app: 'src/web/main.tsx',
  worker: 'src/web/worker/main.ts',
  style: 'src/web/style.css',
};
const STATIC = ['index.html', 'icon.svg'];
const BROWSER = {
  platform: 'browser',
  target: 'es2022',
  minify: true,
  external: ['node:*', '@alexaltea/unicorn-js/*'],
  alias: BROWSER_FORMS,
};

/** Sources that decide what an assembled lesson is. */
const READS_LESSONS = /^src[\\/](base|abi|formats|toolchain|scenario|policy|web[\\/]lessons)[\\/]/;

export async function buildWeb() {
  await buildLessons();
  await buildPage();
  copyFolder('dist/engine', `${OUT}/engine`);
  copyFolder('dist/toolchain', `${OUT}/toolchain`);
  await buildServiceWorker();
}

async function buildPage() {
  const inputs = [...filesIn('src'), 'package-lock.json'];
  const outputs = [...STATIC, 'app.js', 'worker.js', 'style.css'].map((name) => `${OUT}/${name}`);
  await ifChanged('web', inputs, outputs, 'bundling dist/web/', async () => {
    const { outputFiles, metafile } = await run({
      ...BROWSER,
      entryPoints: ENTRIES,
      outdir: OUT,
      splitting: true,
      chunkNames: 'chunk-[hash]',
    });
    removeChunks(outputFiles.map((file) => basename(file.path)));
    recordPackages(WEB_RECORD, metafile);
    for (const file of outputFiles) writeWhole(`${OUT}/${basename(file.path)}`, file.contents);
    for (const name of STATIC) writeWhole(`${OUT}/${name}`, readFileSync(path('src/web', name)));
  });
}

function removeChunks(made) {
  for (const name of filesIfThere(OUT)) {
    if (/^chunk-\w+\.js$/.test(name) && !made.includes(name)) rmSync(path(OUT, name));
  }
}

function filesIfThere(folder) {
  try {
    return readdirSync(path(folder));
  } catch {
    return [];
  }
}

/** Assembled with the library from the sources: the bundle finds the assembler in dist/toolchain. */
async function buildLessons() {
  const inputs = [
    ...['scenarios', 'asm'].flatMap(filesIn),
    ...filesIn('src').filter((file) => READS_LESSONS.test(file)),
  ];
  await ifChanged(
    'lessons',
    inputs,
    [`${OUT}/lessons.json`],
    'assembling the lessons',
    async () => {
      const script = await esbuild({
        entryPoints: ['src/web/lessons/prepare.ts'],
        outfile: '.cache/bundled/prepare-lessons.mjs',
        platform: 'node',
        target: 'node20',
        packages: 'external',
      });
      const { prepareLessons } = await import(pathToFileURL(path(script)).href);
      const sources = Object.fromEntries(
        ['scenarios', 'asm'].map((folder) => [folder, textsOf(folder)]),
      );
      rmSync(path(OUT, 'lessons'), { recursive: true, force: true });
      for (const [name, content] of Object.entries(await prepareLessons(sources))) {
        writeWhole(`${OUT}/${name}`, JSON.stringify(content));
      }
    },
  );
}

/** Path within the folder to text. */
function textsOf(folder) {
  return Object.fromEntries(
    filesIn(folder).map((file) => [
      file
        .split('\\')
        .join('/')
        .slice(folder.length + 1),
      readText(file),
    ]),
  );
}

function copyFolder(from, to) {
  for (const file of filesIn(from)) {
    const bytes = readFileSync(path(file));
    const copy = file.replace(from, to);
    if (!filesIfThere(to).includes(basename(file)) || !bytes.equals(readFileSync(path(copy)))) {
      writeWhole(copy, bytes);
    }
  }
}

/** It knows every file, and the hash of all of them: a new build is a new cache. */
async function buildServiceWorker() {
  const files = filesIn(OUT).filter((file) => !file.endsWith('/sw.js'));
  const names = files.map((file) => file.slice(OUT.length + 1));
  const hash = hashOf([...files, 'src/web/service-worker.ts']).slice(0, 16);
  if (readText(`${OUT}/sw.js`)?.includes(hash)) return;
  await esbuild({
    ...BROWSER,
    entryPoints: ['src/web/service-worker.ts'],
    outfile: `${OUT}/sw.js`,
    define: { FILES: JSON.stringify(names), VERSION: JSON.stringify(hash) },
  });
}
