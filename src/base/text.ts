/** Text of a guest: C strings are bytes, in UTF-8 by habit only. */
import { MayexecError } from './mayexec-error.js';
import { spellOut, UNSEEN } from './unseen.js';

const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 when the bytes are that, else one character per byte, so that nothing is lost. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  }
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Text of a guest, a file or a link for a terminal: what a terminal would obey, or a reader would not see, is
 * spelt out (`\x1b`, `\u202e`, `\n`). Characters of `keep` stay as they are.
 */
export function visible(text: string, keep = ''): string {
  checkShown(text);
  checkShown(keep);
  return spellOut(text, keep);
}

function checkShown(text: unknown): void {
  if (typeof text === 'string') return;
  throw new MayexecError(`the text to show is of the type ${typeof text}: expected a string`);
}

/** The same for JSON, which has an escape of its own for any character; line ends between values stay. */
export function visibleJson(json: string): string {
  checkShown(json);
  return json.replace(UNSEEN, (char) => (char === '\n' ? char : units(char)));
}

function units(char: string): string {
  const codes = Array.from({ length: char.length }, (_, index) => char.charCodeAt(index));
  return codes.map((code) => `\\u${code.toString(16).padStart(4, '0')}`).join('');
}

/** The beginning of a long text, on one line: for messages that quote what they were given. */
export function shorten(text: string, most = 120): string {
  checkShown(text);
  if (typeof most !== 'number' || !(most >= 0)) {
    throw new MayexecError(
      `the most to show is of the type ${typeof most}: expected a number from 0`,
    );
  }
  const start = text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text;
  return visible(start);
}

/** With the terminating NUL. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}
