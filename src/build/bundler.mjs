/** esbuild as this build uses it: ES modules, errors in its own words, and a record of the packages that went in. */
import { packageOf } from './notices.mjs';
import { BuildError, ROOT, readText, writeWhole } from './project.mjs';

/** Packages in the form that needs nothing of Node. */
export const BROWSER_FORMS = {
  fflate: 'fflate/browser',
  '@jitl/quickjs-wasmfile-release-sync/emscripten-module':
    './node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.browser.mjs',
};

/** Where the packages that a bundle contains are noted. */
const recordOf = (outfile) => `.cache/packages/${outfile.replaceAll('/', '_')}`;

/** Names of the packages in a bundle that was built. */
export function packagesIn(outfile) {
  return (readText(recordOf(outfile))?.split('\n') ?? []).filter((name) => name !== '');
}

/** Writes one ES module, and returns its name. */
export async function esbuild(options) {
  const { outputFiles, metafile } = await run(options);
  recordPackages(options.outfile, metafile);
  writeWhole(options.outfile, outputFiles[0].contents);
  return options.outfile;
}

export function recordPackages(outfile, { inputs }) {
  const packages = new Set(Object.keys(inputs).map(packageOf));
  packages.delete(undefined);
  writeWhole(recordOf(outfile), [...packages].join('\n'));
}

export async function run(options) {
  const { build, formatMessages } = await import('esbuild');
  const fixed = { bundle: true, write: false, format: 'esm', logLevel: 'silent', metafile: true };
  const work = build({ absWorkingDir: ROOT, ...fixed, ...options });
  return work.catch(async ({ errors, message }) => {
    const lines = await formatMessages(errors ?? [{ text: message }], { kind: 'error' });
    const [entry] = Object.values(options.entryPoints);
    throw new BuildError(`${entry} does not build\n${lines.join('').trim()}`);
  });
}
