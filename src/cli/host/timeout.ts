/**
 * `--timeout SECONDS`: the command as a process of its own, which is ended when the time is up, whatever it is
 * at. It is the one end of a run that depends on the speed of the host.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Given, UsageError } from '../arguments.js';
import { LIMIT } from '../status.js';
import { stderr } from '../terminal/output.js';

/** Set for the process that does the work. */
const INSIDE = 'MAYEXEC_WITHIN_TIMEOUT';
/** Timers count milliseconds in 31 bits. */
const MOST_SECONDS = 2_000_000;

export async function runWithin(given: Given, work: () => Promise<number>): Promise<number> {
  const text = given.values.get('timeout');
  if (text === undefined || process.env[INSIDE] === '1') return work();
  const seconds = secondsOf(text);
  const { status, late } = await endsWithin(seconds);
  if (!late) return status;
  const time = `${seconds} ${seconds === 1 ? 'second' : 'seconds'}`;
  stderr.lines([
    `mayexec: stopped after ${time} (--timeout): how far it came depends on this machine; --limit-blocks ends a run at the same place everywhere`,
  ]);
  return LIMIT;
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= MOST_SECONDS) return seconds;
  throw new UsageError(`--timeout is '${text}': expected seconds, such as 10 or 0.5`);
}

/** The same command line again, with the same streams. */
function endsWithin(seconds: number): Promise<{ status: number; late: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    // Who ends this process means the work; an interrupt from a keyboard reaches both.
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', pass).on('SIGINT', pass);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('SIGTERM', pass).off('SIGINT', pass);
      resolve({ status: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), late });
    });
  });
}
