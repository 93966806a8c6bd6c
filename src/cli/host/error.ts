/** What the host says when a file or a stream cannot be read or written, in words. */

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADF: 'is closed',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'larger than files may be here',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'no such file (part of the path is a file)',
  EROFS: 'the file system is read-only',
};

/** `own`: words for codes that mean something else here. */
export function reasonOf(error: unknown, own: Readonly<Record<string, string>> = {}): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const words = { ...REASONS, ...own };
  return Object.hasOwn(words, code) ? words[code]! : message;
}
