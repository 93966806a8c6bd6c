/** What a guest reads from its standard input. */
export function standardInput(
  given: Uint8Array | (() => Uint8Array) | undefined,
): (length: number) => Uint8Array {
  let input: Uint8Array | undefined;
  let at = 0;
  return (length) => {
    input ??= typeof given === 'function' ? given() : (given ?? new Uint8Array());
    const bytes = input.slice(at, at + length);
    at += bytes.length;
    return bytes;
  };
}
