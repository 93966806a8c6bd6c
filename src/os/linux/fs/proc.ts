/** /proc: what processes and the C library read there. Compare fs/proc/base.c and fs/proc/root.c. */

import { S_IFREG } from '../../../abi/linux/fcntl.js';
import { InvariantError } from '../../../base/errors.js';
import { cString, encodeText } from '../../../base/text.js';
import type { FileSystem } from './file-system.js';
import { GeneratedFile } from './generated-file.js';
import { Directory, type Inode, MagicLink, Symlink } from './inode.js';
import { USER_ID } from './mode.js';
import type { DescriptorTable, OpenFile } from './open-file.js';
import { MemoryFile } from './proc-mem.js';
import { numberOfEntry, ThreadsDirectory } from './proc-task.js';
import { smapsText, statusText } from './proc-text.js';
import type { ProcessView } from './process-view.js';
import { RegularFile } from './regular-file.js';

const SYSCTLS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '0',
  'vm/max_map_count': '65530',
  'vm/mmap_min_addr': '65536',
  'vm/memfd_noexec': '0',
  'kernel/osrelease': '6.18.0',
  'kernel/ostype': 'Linux',
  'kernel/pid_max': '4194304',
  'kernel/randomize_va_space': '2',
};

/** /proc itself, with the process that looks as /proc/self. */
export function populateProc(
  files: FileSystem,
  current: () => ProcessView,
  sysctls: Readonly<Record<string, string>> = {},
): void {
  const on = files.procfs;
  const proc = files.directory(files.root, 'proc', on, 0o555);
  proc.insert('self', files.add(new Symlink(on, files.newNumber(), () => String(current().pid))));
  const thread = (): string => `${current().pid}/task/${current().tid}`;
  proc.insert('thread-self', files.add(new Symlink(on, files.newNumber(), thread)));
  proc.insert('mounts', files.add(new Symlink(on, files.newNumber(), 'self/mounts')));
  for (const [path, value] of Object.entries({ ...SYSCTLS, ...sysctls })) {
    addSysctl(files, proc, path, value);
  }
}

function addSysctl(files: FileSystem, proc: Directory, path: string, value: string): void {
  const [area = '', name = ''] = path.split('/');
  const open = (parent: Directory, child: string): Directory => {
    const existing = parent.lookup(child);
    return existing instanceof Directory
      ? existing
      : files.directory(parent, child, files.procfs, 0o555);
  };
  const directory = open(open(proc, 'sys'), area);
  directory.insert(
    name,
    generated(files, 0o644, 0, () => `${value}\n`),
  );
}

/** Lines of an entry of smaps, and the shortest line of either file. */
const SMAPS_LINES = 25;
const LEAST_LINE = 25;

function procOf(files: FileSystem): Directory {
  const proc = files.root.lookup('proc');
  if (!(proc instanceof Directory)) throw new InvariantError('/proc is not there');
  return proc;
}

export function removeProcess(files: FileSystem, pid: number): void {
  const proc = procOf(files);
  const directory = proc.lookup(String(pid));
  proc.remove(String(pid));
  if (!(directory instanceof Directory)) return;
  for (const [, inode] of directory.entriesNow()) files.forget(inode);
  files.forget(directory);
}

/** /proc/PID. */
export function addProcess(files: FileSystem, view: ProcessView): void {
  const proc = procOf(files);
  const on = files.procfs;
  const directory = files.directory(proc, String(view.pid), on, 0o555, USER_ID);
  const add = (name: string, permissions: number, text: () => string | Uint8Array): void =>
    directory.insert(name, generated(files, permissions, USER_ID, text));
  const link = (name: string, target: () => string): void =>
    directory.insert(name, files.add(new Symlink(on, files.newNumber(), target)));
  // What the text of so many mappings costs, and takes at least.
  const addMaps = (name: string, lines: number, text: () => string): void => {
    const count = (): number => view.mm.list.length * lines;
    const render = (): string => {
      files.pool.meter.charge('mapsLine', count());
      return text();
    };
    directory.insert(
      name,
      generated(files, 0o444, USER_ID, render, () => count() * LEAST_LINE),
    );
  };
  addMaps('maps', 1, () => view.mm.mapsText());
  addMaps('smaps', SMAPS_LINES, () => smapsText(view.mm));
  addMaps('status', 1, () => statusText(view));
  add('comm', 0o644, () => `${view.comm}\n`);
  add('cmdline', 0o444, () => strings(view.program.argv));
  add('environ', 0o400, () => strings(view.program.envp));
  add('mounts', 0o444, () => mountsText(files));
  add('personality', 0o400, () => `${(view.mm.personality >>> 0).toString(16).padStart(8, '0')}\n`);
  link('exe', () => view.program.path);
  link('cwd', () => view.cwd.path);
  link('root', () => '/');
  const memory = files.add(new MemoryFile(on, files.newNumber(), () => view.mm));
  memory.uid = USER_ID;
  memory.gid = USER_ID;
  directory.insert('mem', memory);
  const fds = files.add(
    new DescriptorDirectory(files, files.newNumber(), directory, () => view.files),
  );
  const threads = files.add(new ThreadsDirectory(files, files.newNumber(), directory, view));
  for (const [name, made] of [
    ['fd', fds],
    ['task', threads],
  ] as const) {
    made.uid = USER_ID;
    made.gid = USER_ID;
    directory.insert(name, made);
  }
}

function generated(
  files: FileSystem,
  permissions: number,
  owner: number,
  text: () => string | Uint8Array,
  least?: () => number,
): GeneratedFile {
  const render = (): Uint8Array => {
    const made = text();
    return typeof made === 'string' ? encodeText(made) : made;
  };
  const mode = S_IFREG | permissions;
  const file = files.add(
    new GeneratedFile(files.procfs, files.newNumber(), mode, {
      generator: { render, least },
      pool: files.pool,
    }),
  );
  file.uid = owner;
  file.gid = owner;
  return file;
}

function strings(texts: readonly string[]): Uint8Array {
  const parts = texts.map(cString);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function mountsText(files: FileSystem): string {
  const rows = [
    ['/dev/root', '/', files.disk],
    ['devtmpfs', '/dev', files.devtmpfs],
    ['proc', '/proc', files.procfs],
    ['tmpfs', '/dev/shm', files.shm],
    ['tmpfs', '/tmp', files.tmpfs],
    ...[...files.mounted].map(([path, on]) => ['tmpfs', path, on] as const),
  ] as const;
  const lines = rows.map(([source, path, { type, options, readOnly }]) => {
    const others = [...options].filter((option) => option !== 'ro' && option !== 'rw');
    const shown = [readOnly ? 'ro' : 'rw', ...others, 'relatime'].join(',');
    return `${source} ${path} ${type} ${shown} 0 0\n`;
  });
  return lines.join('');
}

/** /proc/PID/fd: a link per descriptor, to the file itself. */
class DescriptorDirectory extends Directory {
  readonly #files: FileSystem;
  readonly #table: () => DescriptorTable;

  constructor(files: FileSystem, number: number, parent: Directory, table: () => DescriptorTable) {
    super(files.procfs, number, 0o500, 'fd', parent);
    this.#files = files;
    this.#table = table;
  }

  override lookup(name: string): Inode | undefined {
    if (!/^(0|[1-9]\d*)$/.test(name)) return undefined;
    const file = this.#table().any(Number(name));
    return file.ok ? this.#link(Number(name), file.value) : undefined;
  }

  override list(): readonly (readonly [string, Inode])[] {
    return [...this.#table().entries()].map(([fd, file]) => [String(fd), this.#link(fd, file)]);
  }

  /** Made for one look: it has no life of its own. Programs skip entries without a number. */
  #link(fd: number, { inode, path }: OpenFile): Symlink {
    const number = numberOfEntry(this.number, fd);
    const itself = inode instanceof RegularFile || inode instanceof Directory;
    return itself
      ? new MagicLink(this.#files.procfs, number, path, inode)
      : new Symlink(this.#files.procfs, number, path);
  }
}
