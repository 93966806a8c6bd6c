/** Which DLLs a PE file asks for, for whoever has to bring them. */
import { checkBytes } from '../../base/arguments.js';
import { PeContent } from './content.js';
import { delayImportsOf, importsOf } from './directories.js';
import { parsePe } from './image.js';

/** Names as the file spells them, without repeats; none for what is no usable PE file. @throws MayexecError for malformed tables. */
export function importedDlls(bytes: Uint8Array): readonly string[] {
  checkBytes('importedDlls: the file', bytes);
  const parsed = parsePe(bytes);
  if (!parsed.ok) return [];
  const content = new PeContent(bytes, parsed.image);
  const dlls = [...importsOf(content), ...delayImportsOf(content)];
  return [...new Set(dlls.map(({ dll }) => dll))];
}
