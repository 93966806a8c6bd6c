/** System V shared memory (include/uapi/linux/ipc.h, shm.h, asm-generic/hugetlb_encode.h). */
export const IPC_PRIVATE = 0;
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;
/** Commands of shmctl, and the mode bits that IPC_STAT shows. */
export const SHM_LOCK = 11;
export const SHM_UNLOCK = 12;
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

export const SHM_R = 0o400;
export const SHM_W = 0o200;
export const SHM_HUGETLB = 0o4000;
export const SHM_NORESERVE = 0o10000;
export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;
export const SHM_EXEC = 0o100000;
export const SHMLBA = 4096;

/** Numbers of the i386 `ipc` call, which stands for the whole family. */
export const IPCOP_SHMAT = 21;
export const IPCOP_SHMDT = 22;
export const IPCOP_SHMGET = 23;
export const IPCOP_SHMCTL = 24;
