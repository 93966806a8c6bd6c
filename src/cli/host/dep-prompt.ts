/** The user whom Windows asks when Data Execution Prevention stops a program: at a terminal, or by --dep-prompt. */
import { closeSync, openSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DepAnswer, type DepQuestion, unknownValue } from '../../index.js';
import { stderr } from '../terminal/output.js';

const ANSWERS = ['allow', 'close'] as const;
const LONGEST = 256;

/** Undefined: nobody is asked, there being no terminal and no answer beforehand. */
export function depPrompt(
  given: string | undefined,
): ((question: DepQuestion) => DepAnswer) | undefined {
  if (given !== undefined) {
    const answer = ANSWERS.find((known) => known === given);
    if (answer === undefined) throw unknownValue('value of --dep-prompt', given, ANSWERS);
    return () => answer;
  }
  return isatty(0) && isatty(2) ? askAtTerminal : undefined;
}

/** What the dialog of XP SP2 says, in a few lines. */
function askAtTerminal({ name, address, canExempt }: DepQuestion): DepAnswer {
  stderr.lines([
    'mayexec: Data Execution Prevention stopped the program',
    `  name       ${name}`,
    '  publisher  unknown',
    `  at         0x${address.toString(16)}, a page without an EXECUTE protection`,
  ]);
  if (!canExempt) return 'close';
  stderr.print('Close it, or exempt it and let it go on? [close/allow] ');
  return /^\s*a/i.test(readLine()) ? 'allow' : 'close';
}

/** The program's own standard input stays untouched where there is a terminal of its own to read from. */
function readLine(): string {
  const path = process.platform === 'win32' ? '\\\\.\\CONIN$' : '/dev/tty';
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const bytes = new Uint8Array(LONGEST);
    return new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes)));
  } catch {
    // No terminal after all: nobody answers.
    return '';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
