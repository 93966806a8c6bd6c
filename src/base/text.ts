/** Text of a guest: C strings are bytes, in UTF-8 by habit only. */

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

/** With the terminating NUL. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}
