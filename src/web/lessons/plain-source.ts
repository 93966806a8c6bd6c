/** A program as a reader sees it who must not see what is expected of it. */

/** Lines end where a directive begins, and no more than one empty line stands between others. */
export function plainSource(source: string): string {
  const lines = source.split('\n').map(withoutDirective);
  const kept = lines.filter((line) => line !== undefined);
  return `${kept
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+|\s+$/g, '')}\n`;
}

/** Undefined for a line that held nothing else. */
function withoutDirective(line: string): string | undefined {
  const start = line.indexOf(';@');
  if (start === -1) return line.trimEnd();
  return line.slice(0, start).trimEnd() || undefined;
}
