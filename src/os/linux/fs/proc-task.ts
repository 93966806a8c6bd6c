/**
 * /proc/PID/task: a directory for each thread, with what is its own. Made for one look each, since threads come and go
 * more often than anybody looks. Compare fs/proc/base.c:proc_task_lookup().
 */
import { S_IFREG } from '../../../abi/linux/fcntl.js';
import { encodeText } from '../../../base/text.js';
import type { FileSystem } from './file-system.js';
import { GeneratedFile } from './generated-file.js';
import { Directory, type Inode } from './inode.js';
import { USER_ID } from './mode.js';
import { statusText } from './proc-text.js';
import type { ProcessView } from './process-view.js';

/** What a thread's directory has, by name. */
const FILES: Readonly<Record<string, (view: ProcessView) => string>> = {
  comm: ({ comm }) => `${comm}\n`,
  status: statusText,
  maps: ({ mm }) => mm.mapsText(),
};

function owned<I extends Inode>(inode: I): I {
  inode.uid = USER_ID;
  inode.gid = USER_ID;
  return inode;
}

/** Inode numbers of what is made for one look: above all that files are given one after the other. */
export function numberOfEntry(directory: number, entry: number): number {
  return (directory + 1) * 2 ** 22 + entry;
}

export class ThreadsDirectory extends Directory {
  readonly #files: FileSystem;
  readonly #process: ProcessView;

  constructor(files: FileSystem, number: number, parent: Directory, process: ProcessView) {
    super(files.procfs, number, 0o555, 'task', parent);
    this.#files = files;
    this.#process = process;
  }

  override lookup(name: string): Inode | undefined {
    const thread = this.#process.threads.find(({ tid }) => String(tid) === name);
    return thread && this.#directory(thread);
  }

  override list(): readonly (readonly [string, Inode])[] {
    return this.#process.threads.map((thread) => [String(thread.tid), this.#directory(thread)]);
  }

  #directory(thread: ProcessView): Directory {
    const { procfs, pool } = this.#files;
    const number = numberOfEntry(this.number, thread.tid);
    const directory = new Directory(procfs, number, 0o555, String(thread.tid), this);
    for (const [index, [name, text]] of Object.entries(FILES).entries()) {
      const render = (): Uint8Array => {
        pool.meter.charge('mapsLine', name === 'maps' ? thread.mm.list.length : 1);
        return encodeText(text(thread));
      };
      const generator = { render };
      const file = new GeneratedFile(procfs, number + index, S_IFREG | 0o444, { generator, pool });
      directory.insert(name, owned(file));
    }
    return owned(directory);
  }
}
