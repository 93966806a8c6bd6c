/** Steps of the build: skipped when nothing changed, told while they last, and the programs they run. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { hashOf, path, ROOT, readText, writeWhole } from './project.mjs';

/** Runs a step unless its inputs are those of its last success and its outputs exist. */
export async function ifChanged(name, inputs, outputs, title, action) {
  const stamp = `.cache/stamps/${name}`;
  const hash = hashOf(inputs);
  if (readText(stamp) === hash && outputs.every((file) => existsSync(path(file)))) return;
  rmSync(path(stamp), { force: true });
  await step(title, action);
  writeWhole(stamp, hash);
}

/** Says what is going on, and how long it took when that was long; a terminal shows the seconds go by. */
export async function step(title, action) {
  const { stderr } = process;
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  const clear = stderr.isTTY ? '\r\x1b[K' : '';
  const show = (text) => stderr.write(clear ? `${clear}${text}` : `${text}\n`);
  show(`${title} ...`);
  const timer = setInterval(() => show(`${title} ... ${seconds()} s`), clear ? 1000 : 15_000);
  try {
    await action((line) => stderr.write(`${clear}  ${line}\n`));
    stderr.write(clear);
    if (seconds() > 0) stderr.write(`${title}: done in ${seconds()} s\n`);
  } catch (error) {
    stderr.write(`${clear}${title}: failed\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Runs a program of ours with the terminal's own streams; the exit status is passed on. */
export function node(...args) {
  const { status, signal, error } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    cwd: ROOT,
  });
  if (error) throw error;
  return status ?? 128 + constants.signals[signal];
}

/** Runs a program without blocking the progress line; its two streams come back as one text. */
export function capture(command, args, shell = false) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ status: 127, output, error }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}
