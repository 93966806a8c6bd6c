/** What the build makes: the engine's two forms, the bundles of dist/ and their types. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BROWSER_FORMS, esbuild, packagesIn, recordPackages, run } from './bundler.mjs';
import { meteredWasm } from './metered-wasm.mjs';
import { packageOf, writeNotices } from './notices.mjs';
import { BuildError, filesIn, path, writeWhole } from './project.mjs';
import { capture, ifChanged, node } from './steps.mjs';
import { instantiableScript } from './toolchain-script.mjs';
import { buildWeb, WEB_RECORD } from './web.mjs';

/** The library whole, and its parts: one build, so that what two of them need is there once. */
const LIBRARY = {
  index: 'src/index.ts',
  ...Object.fromEntries(
    ['sandbox', 'diagnosis', 'toolchain', 'kit', 'scenario', 'probe', 'link'].map((name) => [
      name,
      `src/parts/${name}.ts`,
    ]),
  ),
};
/** Front ends import the one copy of the library, dist/index.js. */
const FRONT_ENDS = {
  vitest: 'src/vitest/index.ts',
  'fast-check': 'src/fast-check/index.ts',
  native: 'src/native/index.ts',
  cli: 'src/cli/main.ts',
  'test-worker': 'src/cli/lessons/worker.ts',
};
/** What package.json exports. */
const TYPED = [
  ...Object.values(LIBRARY),
  ...['vitest', 'fast-check', 'native'].map((name) => FRONT_ENDS[name]),
];
const ENGINE_FILES = ['unicorn1.wasm', 'unicorn1-js.mjs'];
/** dist/toolchain holds each as an ES module with its WebAssembly, for Node and for pages. */
const TOOLCHAIN = ['keystone', 'capstone'];
const QUICKJS = 'node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm';
const ENGINE_INPUT = 'node_modules/@specy/x86/dist/x86/deps/unicorn-x86.min.js';

export async function buildAll() {
  await buildEngine();
  await buildBundles();
  await buildToolchain();
  await buildInterpreter();
  await buildTypes();
  await buildWeb();
  writeNotices(bundledPackages());
}

/** Packages whose code is in dist/: the engine's, the toolchain's, and what esbuild put into the bundles. */
function bundledPackages() {
  const recorded = ['index', ...Object.keys(FRONT_ENDS)].flatMap((name) =>
    packagesIn(`dist/${name}.js`),
  );
  const toolchain = TOOLCHAIN.map((name) => `@alexaltea/${name}-js`);
  return [packageOf(ENGINE_INPUT), ...toolchain, ...recorded, ...packagesIn(WEB_RECORD)];
}

/** Makes the engine's two forms, in .cache/engine for the sources and in dist/engine for the package. */
async function buildEngine() {
  // The patch of the engine names addresses of offsets.ts.
  const patched = ['src/engine/unicorn1/offsets.ts', 'src/build/outputs.mjs', ENGINE_INPUT];
  const inputs = [...filesIn('src/build/unicorn-wasm'), ...patched];
  const outputs = ['.cache', 'dist'].flatMap((top) =>
    ENGINE_FILES.map((name) => `${top}/engine/${name}`),
  );
  await ifChanged('engine', inputs, outputs, 'building the engine', async (log) => {
    const script = await bundle(
      'src/build/unicorn-wasm/build.ts',
      '.cache/bundled/unicorn-wasm.mjs',
    );
    const { buildUnicorn, patchLoads, patchMmuFault } = await import(
      pathToFileURL(path(script)).href
    );
    const outDir = path('.cache/engine');
    const cacheDir = path('.cache/unicorn-wasm');
    await buildUnicorn({
      input: path(ENGINE_INPUT),
      outDir,
      cacheDir,
      optimise: 'fast',
      patch: (source) => patchMmuFault(patchLoads(source)),
      log,
    });
    for (const file of filesIn('.cache/engine')) {
      writeWhole(file.replace('.cache', 'dist'), readFileSync(path(file)));
    }
  });
}

async function buildBundles() {
  const inputs = [...filesIn('src'), 'package-lock.json'];
  const outputs = Object.keys({ ...LIBRARY, ...FRONT_ENDS }).map((name) => `dist/${name}.js`);
  await ifChanged('bundles', inputs, outputs, 'bundling dist/', async () => {
    await bundleLibrary();
    for (const [name, entry] of Object.entries(FRONT_ENDS)) {
      await bundle(entry, `dist/${name}.js`, './index.js');
    }
    chmodSync(path('dist/cli.js'), 0o755);
  });
}

async function buildToolchain() {
  const inputs = ['package-lock.json', 'src/build/outputs.mjs', 'src/build/toolchain-script.mjs'];
  const outputs = TOOLCHAIN.flatMap((name) => [`${name}.js`, `${name}.wasm`]).map(
    (file) => `dist/toolchain/${file}`,
  );
  await ifChanged('toolchain', inputs, outputs, 'bundling dist/toolchain/', async () => {
    for (const name of TOOLCHAIN) {
      const scripts = `node_modules/@alexaltea/${name}-js/dist`;
      await esbuild({
        entryPoints: [`${scripts}/${name}.js`],
        outfile: `dist/toolchain/${name}.js`,
        platform: 'browser',
        target: 'es2022',
        external: ['node:*'],
        plugins: [changed(name)],
      });
      writeWhole(`dist/toolchain/${name}.wasm`, readFileSync(path(`${scripts}/${name}.wasm`)));
    }
  });
}

/** QuickJS with a counter in its loops. */
async function buildInterpreter() {
  const inputs = ['package-lock.json', 'src/build/metered-wasm.mjs'];
  const output = 'dist/toolchain/quickjs.wasm';
  await ifChanged('interpreter', inputs, [output], 'preparing QuickJS', async () => {
    writeWhole(output, await meteredWasm(readFileSync(path(QUICKJS))));
  });
}

function changed(name) {
  const load = ({ path: file }) => ({
    contents: instantiableScript(name, readFileSync(file, 'utf8')),
  });
  const filter = new RegExp(`[\\\\/]${name}\\.js$`);
  return { name: 'instantiable', setup: ({ onLoad }) => onLoad({ filter }, load) };
}

/** Declarations only: it is `npm run check` that checks types. */
async function buildTypes() {
  const inputs = [...filesIn('src'), 'tsconfig.json', 'package-lock.json'];
  await ifChanged(
    'types',
    inputs,
    TYPED.map((entry) => entry.replace(/^src(.*)\.ts$/, 'dist/types$1.d.ts')),
    'writing dist/types',
    async () => {
      const compilerOptions = {
        noEmit: false,
        noCheck: true,
        declaration: true,
        emitDeclarationOnly: true,
        rootDir: '../src',
        outDir: '../dist/types',
      };
      const config = {
        extends: '../tsconfig.json',
        compilerOptions,
        files: TYPED.map((entry) => `../${entry}`),
      };
      writeWhole('.cache/tsconfig.types.json', JSON.stringify({ ...config, include: [] }));
      const { status, output } = await capture(process.execPath, [
        'node_modules/typescript/bin/tsc',
        '-p',
        '.cache/tsconfig.types.json',
      ]);
      if (status !== 0) throw new BuildError(`tsc failed\n${output.trim()}`);
    },
  );
}

export async function bench(args) {
  const library = pathToFileURL(path('dist/index.js')).href;
  if (args.includes('--against')) {
    await bundle('test/bench/against/worker.ts', '.cache/bundled/bench-worker.mjs', library);
  }
  return node(
    path(await bundle('test/bench/main.ts', '.cache/bundled/bench.mjs', library)),
    ...args,
  );
}

/** Bundles `entry` into `outfile`; with `library`, imports of src/index.js become imports of that. */
function bundle(entry, outfile, library) {
  const elsewhere = {
    name: 'library',
    setup: ({ onResolve }) =>
      onResolve({ filter: /\/index\.js$/ }, ({ path: name, resolveDir }) =>
        join(resolveDir, name) === path('src/index.js') ? { path: library, external: true } : null,
      ),
  };
  return esbuild({
    entryPoints: [entry],
    outfile,
    plugins: library === undefined ? [] : [elsewhere],
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
}

/** One file for each part, and beside them (all in dist/, where the engine's files are looked for) what they share. */
async function bundleLibrary() {
  const { outputFiles, metafile } = await run({
    entryPoints: LIBRARY,
    outdir: 'dist',
    splitting: true,
    chunkNames: 'shared-[hash]',
    platform: 'node',
    target: 'node20',
    alias: BROWSER_FORMS,
  });
  mkdirSync(path('dist'), { recursive: true });
  const made = new Set(outputFiles.map(({ path: file }) => basename(file)));
  for (const file of readdirSync(path('dist'), { withFileTypes: true })) {
    if (/^shared-\w+\.js$/.test(file.name) && !made.has(file.name)) rmSync(path('dist', file.name));
  }
  recordPackages('dist/index.js', metafile);
  for (const { path: file, contents } of outputFiles)
    writeWhole(`dist/${basename(file)}`, contents);
}
