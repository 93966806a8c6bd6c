/** An open file as mmap sees it. */

import type { MemoryObject } from '../../../memory/object.js';
import type { MappedFile } from '../mm/address-space.js';
import type { OpenFile } from './open-file.js';

/** Stands for what cannot be mapped: a directory, a pipe. Policies see it before ENODEV is told. */
function unmappable({ inode, path }: OpenFile): MemoryObject {
  return {
    kind: 'special',
    path,
    inode: inode.number,
    device: '00:00',
    superblock: inode.mount.superblock,
    inodePrivate: false,
    label: { type: 'unlabeled_t', class: 'file' },
    size: 0,
    readsAsZero: false,
    read: () => new Uint8Array(),
    write: () => ({ ok: false, errno: 'EINVAL' }),
    truncate: () => ({ ok: false, errno: 'EINVAL' }),
    frame: () => undefined,
  };
}

export function mappedFile(file: OpenFile): MappedFile {
  const { inode } = file;
  return {
    object: inode.object ?? unmappable(file),
    readable: file.readable,
    writable: file.writable,
    // chattr +a does not exist here.
    appendOnly: false,
    noexecMount: inode.mount.noexec,
    mappable: inode.object !== undefined,
    description: file,
  };
}
