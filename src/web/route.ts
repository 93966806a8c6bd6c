/** Where in the page one is, as the URL's fragment says. */
import { useEffect, useState } from 'preact/hooks';
import { isLink } from '../link/codec.js';

export type Route =
  | { readonly view: 'front' }
  | { readonly view: 'lesson'; readonly file: string }
  /** With a permalink's fragment, or with what was there last. */
  | { readonly view: 'lab'; readonly link: string | undefined }
  | { readonly view: 'unknown'; readonly fragment: string };

export function routeOf(hash: string): Route {
  const fragment = hash.replace(/^#/, '');
  if (fragment === '' || fragment === '/') return { view: 'front' };
  const [, file] = /^\/lesson\/((?:[\w.%~-]+\/)+[\w.%~-]+\.md)$/i.exec(fragment) ?? [];
  if (file !== undefined) return { view: 'lesson', file: decoded(file) };
  if (fragment === '/lab') return { view: 'lab', link: undefined };
  if (isLink(fragment)) return { view: 'lab', link: fragment };
  return { view: 'unknown', fragment };
}

/** A name of somebody's own file may have blanks in it. */
export function lessonHash(file: string): string {
  return `#/lesson/${file.split('/').map(encodeURIComponent).join('/')}`;
}

function decoded(file: string): string {
  try {
    return decodeURIComponent(file);
  } catch {
    return file;
  }
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
