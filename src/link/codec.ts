/**
 * Links: a case as the fragment of a URL. `m1.` and the JSON of the case, compressed (raw DEFLATE), in base64url. The
 * source comes first in the JSON, so that a link that was cut still holds the text, or a part of it.
 *
 * Version 1 is read for ever. A link of a later version says so.
 */
import { deflateSync, Inflate } from 'fflate';
import { checkText } from '../base/arguments.js';
import { MayexecError } from '../base/errors.js';
import { caseFrom, checkCase } from './check.js';
import type { WorkshopCase } from './workshop-case.js';

const VERSION = 1;
/** Of the fragment, in characters, and of the JSON in it, in bytes. */
const MOST_CHARACTERS = 4 << 20;
const MOST_BYTES = 8 << 20;

/** A link that cannot be opened; `saved` is the text of the program as far as it could be read. */
export class BrokenLink extends MayexecError {
  override readonly name = 'BrokenLink';
  readonly saved: string;

  constructor(message: string, saved = '') {
    super(message);
    this.saved = saved;
  }
}

/** The fragment without `#`. @throws MayexecError for a part that is not what it should be. */
export function encodeCase(linked: WorkshopCase): string {
  checkCase(linked);
  const { source, binary, ...rest } = linked;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const json = JSON.stringify({
    source,
    ...Object.fromEntries(given),
    ...(binary === undefined ? {} : { binary: toBase64(binary) }),
  });
  const packed = deflateSync(new TextEncoder().encode(json), { level: 9 });
  return `m${VERSION}.${toBase64(packed)}`;
}

/** Does the fragment look like a link, broken or not? */
export function isLink(fragment: string): boolean {
  checkText('the fragment', fragment);
  return /^m\d+\./.test(fragment);
}

/**
 * @param fragment With or without `#`, or a whole URL.
 * @throws BrokenLink for what is no link, is cut off or damaged, or comes from a later version.
 */
export function decodeCase(fragment: string): WorkshopCase {
  checkText('the link', fragment);
  if (fragment.length > MOST_CHARACTERS) {
    throw new BrokenLink(
      `this link has ${fragment.length} characters: more than ${MOST_CHARACTERS} are not read`,
    );
  }
  const [, version, text = ''] = /(?:^|#)m(\d+)\.([\w-]*)/.exec(fragment) ?? [];
  if (version === undefined) {
    throw new BrokenLink('this is no link of the workshop: those hold #m1. and a long text');
  }
  if (Number(version) !== VERSION) {
    throw new BrokenLink(
      `this link is of version ${version.slice(0, 9)}, and this workshop reads version ${VERSION}: a newer one will open it`,
    );
  }
  const { json, whole } = inflated(fromBase64(text));
  if (!whole) throw new BrokenLink('this link is cut off or damaged', savedSource(json));
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new BrokenLink('this link is damaged', savedSource(json));
  }
  try {
    return caseFrom(value, fromBase64);
  } catch (error) {
    if (!(error instanceof MayexecError)) throw error;
    throw new BrokenLink(`this link is damaged: ${error.message}`, savedSource(json));
  }
}

/** As far as it can be read. */
function inflated(bytes: Uint8Array): { json: string; whole: boolean } {
  const decoder = new TextDecoder();
  let json = '';
  let length = 0;
  let whole = false;
  const stream = new Inflate((chunk, final) => {
    length += chunk.length;
    if (length > MOST_BYTES) throw new BrokenLink(`this link holds more than ${MOST_BYTES} bytes`);
    json += decoder.decode(chunk, { stream: true });
    whole = final;
  });
  try {
    // In small pieces, so that what came before a damaged place is there.
    for (let at = 0; at < bytes.length; at += PIECE) {
      stream.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length);
    }
  } catch (error) {
    if (error instanceof BrokenLink) throw error;
    whole = false;
  }
  return { json, whole };
}

const PIECE = 256;

/** The value of "source", whose end may be missing. */
function savedSource(json: string): string {
  const [, text] =
    /^\{"source":"((?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*)/u.exec(json) ?? [];
  return text === undefined ? '' : (JSON.parse(`"${text}"`) as string);
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64(text: string): Uint8Array {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  // A cut may leave one character of the last group, which is no byte.
  const usable = plain.length % 4 === 1 ? plain.slice(0, -1) : plain;
  return Uint8Array.from(atob(usable), (char) => char.charCodeAt(0));
}
