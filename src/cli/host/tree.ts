/**
 * Files of the host that a program may see: the host's library folders, a root in their place, and what is bound. They
 * are read when the program comes by them and never written; everything else of the host does not exist for it.
 */
import {
  accessSync,
  constants,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { HostNode, HostTree } from '../../index.js';
import { MOST_BYTES } from './standard-input.js';

/** Where dynamic linkers look without being told. */
export const LIBRARY_FOLDERS: readonly string[] = [
  ...['/lib', '/lib32', '/lib64', '/libx32'],
  ...['/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/libx32', '/usr/local/lib'],
];

/** A file or folder of the host and where the program sees it. Both absolute. */
export interface Bound {
  readonly host: string;
  readonly guest: string;
}

export class SeenFiles implements HostTree {
  readonly #bounds: readonly Bound[];
  readonly #read = new Set<string>();

  /** Of two bounds that hold a path the longer one counts. */
  constructor(bounds: readonly Bound[]) {
    this.#bounds = [...bounds].sort((one, other) => other.guest.length - one.guest.length);
  }

  /** What the program sees, as it was given. */
  get bounds(): readonly Bound[] {
    return this.#bounds;
  }

  /** Files whose content was read so far, by their path on the host. */
  get read(): readonly string[] {
    return [...this.#read].sort();
  }

  node(path: string): HostNode | undefined {
    const bound = this.#boundOf(path);
    const found = bound === undefined ? undefined : this.#at(bound, path);
    if (found !== undefined) return found;
    // On the way to something that is bound.
    const leads = this.#bounds.some(({ guest }) => guest.startsWith(`${path}/`));
    return leads ? { kind: 'directory', mode: 0o755 } : undefined;
  }

  list(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const below = this.#bounds
      .filter(({ guest }) => guest.startsWith(prefix) && guest !== prefix)
      .map(({ guest }) => guest.slice(prefix.length).split('/')[0] ?? '');
    const bound = this.#boundOf(path);
    const own = bound === undefined ? [] : attempt(() => readdirSync(hostPath(bound, path)));
    return [...new Set([...below, ...(own ?? [])])].filter((name) => name !== '');
  }

  #boundOf(path: string): Bound | undefined {
    return this.#bounds.find(
      ({ guest }) => guest === '/' || path === guest || path.startsWith(`${guest}/`),
    );
  }

  #at(bound: Bound, path: string): HostNode | undefined {
    const host = hostPath(bound, path);
    return attempt(() => {
      // What is bound may be a link itself; below it, links are followed by the program, within what it sees.
      const own = path === bound.guest;
      const stats = lstatSync(own && !isLibraryFolder(bound) ? realpathSync(host) : host);
      if (!own && !isWithin(realpathSync(dirname(host)), realpathSync(bound.host)))
        return undefined;
      const mode = stats.mode & 0o777;
      if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(host) };
      if (stats.isDirectory()) return { kind: 'directory', mode };
      if (!stats.isFile() || stats.size > MOST_BYTES) return undefined;
      accessSync(host, constants.R_OK);
      const read = (): Uint8Array => this.#content(host, stats.size);
      return { kind: 'file', mode, size: stats.size, read };
    });
  }

  /** A file that has gone or shrunk meanwhile reads as zeros. */
  #content(host: string, size: number): Uint8Array {
    this.#read.add(host);
    const bytes = attempt(() => new Uint8Array(readFileSync(host))) ?? new Uint8Array();
    const whole = new Uint8Array(size);
    whole.set(bytes.subarray(0, size));
    return whole;
  }
}

function isLibraryFolder({ host, guest }: Bound): boolean {
  return host === guest && LIBRARY_FOLDERS.includes(guest);
}

function hostPath({ host, guest }: Bound, path: string): string {
  return join(host, path.slice(guest === '/' ? 0 : guest.length));
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Undefined for what the host's system refuses. */
function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
