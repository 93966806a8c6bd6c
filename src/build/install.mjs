/** Dependencies: installed by npm when node_modules is not what package-lock.json says. */
import { writeFileSync } from 'node:fs';
import { BuildError, hashOf, path, readText } from './project.mjs';
import { capture, step } from './steps.mjs';

const MARKER = 'node_modules/.mayexec-lock';

/** Runs `npm ci` when node_modules is not what package-lock.json says; otherwise nothing. */
export async function install() {
  const wanted = `${hashOf(['package-lock.json'])} ${process.platform}-${process.arch}`;
  if (readText(MARKER) === wanted) return;
  if (!installedByHand()) {
    await step('installing dependencies with npm', () => npmCi());
  }
  writeFileSync(path(MARKER), wanted);
}

/** True when someone ran npm already: every package that npm recorded has the lock file's version. */
function installedByHand() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  const needed = Object.keys(wanted).filter((name) => name !== '' && !wanted[name].optional);
  return (
    needed.every((name) => name in found || wanted[name].peer) &&
    Object.keys(found).every((name) => found[name].version === wanted[name]?.version)
  );
}

function packagesOf(file) {
  return JSON.parse(readText(file) ?? '{}').packages ?? {};
}

async function npmCi() {
  // Under `npm start` npm names itself; started as `node build.mjs`, it is looked for on the path.
  const self = process.env.npm_execpath;
  const [command, first, shell] = self?.endsWith('.js')
    ? [process.execPath, [self], false]
    : ['npm', [], process.platform === 'win32'];
  // All dependencies are needed, whatever NODE_ENV or the user's settings leave out; none needs its scripts.
  const rest = ['ci', '--include=dev', '--include=optional', '--ignore-scripts'];
  const args = [...first, ...rest, '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, output, error } = await capture(command, args, shell);
  if (error) {
    throw new BuildError(
      `npm cannot be started (${error.code}): it comes with Node, and must be on the PATH`,
    );
  }
  if (status === 0) return;
  const offline = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NOTCACHED|NETUNREACH)/;
  const lines = output.trim().split('\n');
  throw new BuildError(
    offline.test(output)
      ? `npm could not reach its registry; the first start needs the network once\n${lines[0]}`
      : `npm ci failed (status ${status})\n${lines.slice(0, 12).join('\n')}`,
  );
}
