/**
 * What the page remembers on this computer. Storage may be full or forbidden: then it is remembered as long as the page
 * is open, and `onTrouble` is told once.
 */
const PREFIX = 'mayexec.';

const memory = new Map<string, string>();
let trouble: ((sentence: string) => void) | undefined;
let told = false;

export function onStorageTrouble(listener: (sentence: string) => void): void {
  trouble = listener;
}

export function recall<T>(key: string): T | undefined {
  const text = memory.get(key) ?? stored(key);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

export function remember(key: string, value: unknown): void {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(PREFIX + key, text);
    memory.delete(key);
  } catch {
    memory.set(key, text);
    if (!told)
      trouble?.(
        'This browser stores nothing for this page: your work stays only while the page is open.',
      );
    told = true;
  }
}

export function forget(key: string): void {
  memory.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing is stored where nothing can be.
  }
}

function stored(key: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + key) ?? undefined;
  } catch {
    return undefined;
  }
}
