/** Rights to a file, and who asks for them. */

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

export const ROOT_ID = 0;
/** Every guest runs as this user and group: an ordinary one, without capabilities. */
export const USER_ID = 1000;

/** Compare fs/namei.c:acl_permission_check() for a user without capabilities. */
export function permits(
  inode: { readonly mode: number; readonly uid: number; readonly gid: number },
  wanted: number,
): boolean {
  const shift = inode.uid === USER_ID ? 6 : inode.gid === USER_ID ? 3 : 0;
  return ((inode.mode >> shift) & wanted) === wanted;
}
