/** What a source of the page may include: the files of asm/, by path or name, and nothing else. */

/** For the option `include` of the assembler, which asks for the path beside the including file first. */
export function includeFrom(
  texts: Readonly<Record<string, string>>,
): (path: string) => string | undefined {
  return (path) => (Object.hasOwn(texts, path) ? texts[path] : undefined);
}
