/** Where in the page one is, as the URL's fragment says. */
import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { readonly view: 'front' }
  | { readonly view: 'lesson'; readonly file: string }
  | { readonly view: 'unknown'; readonly fragment: string };

export function routeOf(hash: string): Route {
  const fragment = hash.replace(/^#/, '');
  if (fragment === '' || fragment === '/') return { view: 'front' };
  const [, file] = /^\/lesson\/([\w-]+\/[\w-]+\.md)$/.exec(fragment) ?? [];
  if (file !== undefined) return { view: 'lesson', file };
  return { view: 'unknown', fragment };
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => {
      setHash(location.hash);
      scrollTo(0, 0);
      document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return routeOf(hash);
}
