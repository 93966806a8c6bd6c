/** dist/THIRD-PARTY-NOTICES: the licence of every package whose code dist/ holds, as the package ships it. */
import { readdirSync } from 'node:fs';
import { BuildError, path, readText, writeWhole } from './project.mjs';

const OUTPUT = 'dist/THIRD-PARTY-NOTICES';
const LICENCE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

/** The package that a file of node_modules belongs to; undefined for a file of ours. */
export function packageOf(file) {
  const [, name] = file.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)\//) ?? [];
  return name;
}

/** Writes the notices of `packages` (names), unless they are what is there. @throws BuildError for one without a licence. */
export function writeNotices(packages) {
  const parts = [...new Set(packages)].sort().map(noticeOf);
  const text = `mayexec is GPL-2.0-only. This folder holds code of these packages:\n\n${parts.join('\n')}`;
  if (readText(OUTPUT) !== text) writeWhole(OUTPUT, text);
}

function noticeOf(name) {
  const folder = `node_modules/${name}`;
  const { version, license, repository } = JSON.parse(readText(`${folder}/package.json`));
  const files = readdirSync(path(folder)).filter((file) => LICENCE.test(file));
  if (files.length === 0) {
    throw new BuildError(`${name} is bundled, and has no licence file to pass on`);
  }
  const source = typeof repository === 'string' ? repository : repository?.url;
  const line = '='.repeat(78);
  const head = `${line}\n${name} ${version} (${license})\n${source ?? ''}\n${line}\n`;
  return head + files.map((file) => `\n${readText(`${folder}/${file}`).trim()}\n`).join('');
}
