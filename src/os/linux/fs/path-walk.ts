/**
 * From a path to an inode: links followed, rights to search checked at every directory. Compare
 * fs/namei.c:link_path_walk().
 */
import { fail, ok, type Result } from '../../../base/result.js';
import { encodeText } from '../../../base/text.js';
import { Directory, type Inode, MagicLink, Symlink } from './inode.js';
import { MAY_EXEC, permits } from './mode.js';

/** With the terminating NUL. */
export const PATH_MAX = 4096;
const NAME_MAX = 255;
const MAX_LINKS = 40;

export interface FoundPath {
  readonly parent: Directory;
  /** The last component; of '/' and '..' the directory's own name. */
  readonly name: string;
  /** Absolute, without links. */
  readonly path: string;
  /** Undefined: only the last component is missing. */
  readonly inode: Inode | undefined;
  /** The path ended in a slash. */
  readonly wantsDirectory: boolean;
}

interface Walk {
  directory: Directory;
  /** Components still to go. */
  pending: string[];
  wantsDirectory: boolean;
  links: number;
}

/** `stepped` is called for each component. `follow`: a link as the last component is followed too (a slash after it always does that). */
export function walk(
  root: Directory,
  from: Directory,
  path: string,
  follow: boolean,
  stepped: () => void = () => {},
): Result<FoundPath> {
  if (path === '') return fail('ENOENT');
  const state: Walk = {
    directory: path.startsWith('/') ? root : from,
    pending: components(path),
    wantsDirectory: path.endsWith('/'),
    links: 0,
  };
  for (;;) {
    const name = state.pending.shift();
    if (name === undefined) return ok(itself(state.directory));
    stepped();
    if (!permits(state.directory, MAY_EXEC)) return fail('EACCES');
    if (name === '.') continue;
    if (name === '..') {
      state.directory = state.directory.parent ?? state.directory;
      continue;
    }
    if (encodeText(name).length > NAME_MAX) return fail('ENAMETOOLONG');
    const found = step(root, state, name, follow);
    if (found !== undefined) return found;
  }
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function itself(directory: Directory): FoundPath {
  const parent = directory.parent ?? directory;
  const { name, path } = directory;
  return { parent, name, path, inode: directory, wantsDirectory: true };
}

/** Takes one name. A result ends the walk. */
function step(
  root: Directory,
  state: Walk,
  name: string,
  follow: boolean,
): Result<FoundPath> | undefined {
  const { directory } = state;
  const inode = directory.lookup(name);
  const last = state.pending.length === 0;
  if (inode instanceof Symlink && (!last || follow || state.wantsDirectory)) {
    return inode instanceof MagicLink
      ? jumpTo(state, inode, name)
      : followLink(root, state, inode.target, last);
  }
  if (last) {
    if (inode !== undefined && state.wantsDirectory && !(inode instanceof Directory)) {
      return fail('ENOTDIR');
    }
    const path = directory.pathOf(name);
    return ok({ parent: directory, name, path, inode, wantsDirectory: state.wantsDirectory });
  }
  if (inode === undefined) return fail('ENOENT');
  if (!(inode instanceof Directory)) return fail('ENOTDIR');
  state.directory = inode;
  return undefined;
}

/** Compare nd_jump_link(): no text is read. */
function jumpTo(
  state: Walk,
  { destination, target }: MagicLink,
  name: string,
): Result<FoundPath> | undefined {
  state.links++;
  if (state.links > MAX_LINKS) return fail('ELOOP');
  if (destination instanceof Directory) {
    state.directory = destination;
    return undefined;
  }
  const { directory: parent, wantsDirectory } = state;
  if (state.pending.length > 0 || wantsDirectory) return fail('ENOTDIR');
  return ok({ parent, name, path: target, inode: destination, wantsDirectory });
}

function followLink(
  root: Directory,
  state: Walk,
  target: string,
  last: boolean,
): Result<FoundPath> | undefined {
  state.links++;
  if (state.links > MAX_LINKS) return fail('ELOOP');
  if (target === '') return fail('ENOENT');
  if (target.startsWith('/')) state.directory = root;
  if (last && target.endsWith('/')) state.wantsDirectory = true;
  state.pending.unshift(...components(target));
  return undefined;
}
