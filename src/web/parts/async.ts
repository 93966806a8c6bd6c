/** A promise as state of a component. */
import { useEffect, useState } from 'preact/hooks';

export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'here'; readonly value: T }
  | { readonly state: 'failed'; readonly error: string };

/** Starts again when `key` changes; what comes too late is dropped. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [loaded, setLoaded] = useState<{ key: string; value: Loaded<T> }>();
  useEffect(() => {
    let wanted = true;
    const set = (value: Loaded<T>): void => {
      if (wanted) setLoaded({ key, value });
    };
    load().then(
      (value) => set({ state: 'here', value }),
      (error) => set({ state: 'failed', error: messageOf(error) }),
    );
    return () => {
      wanted = false;
    };
  }, [key]);
  return loaded?.key === key ? loaded.value : { state: 'loading' };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
