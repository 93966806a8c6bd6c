/** Characters that a terminal would obey, or a reader would not see. */

/** Controls of both sets, format characters (zero width, direction of writing), separators of lines, lone surrogates. */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/** `\x1b`, `\u202e`, `\n` for those of `text`; characters of `keep` stay as they are. */
export function spellOut(text: string, keep: string): string {
  return text.replace(UNSEEN, (char) => (keep.includes(char) ? char : spelt(char)));
}

function spelt(char: string): string {
  const code = char.codePointAt(0)!;
  const digits = code.toString(16);
  if (code < 256) return SHORT[char] ?? `\\x${digits.padStart(2, '0')}`;
  return code < 65536 ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`;
}
