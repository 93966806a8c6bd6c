/**
 * The entry of a table under a name that a user, a file or a guest chose. What every object inherits
 * (`constructor`, `__proto__`) is none.
 */
export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined;
}
