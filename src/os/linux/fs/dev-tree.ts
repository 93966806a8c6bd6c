/** /dev: the memory devices and the links that programs expect there. */
import type { Meter } from '../../../base/meter.js';
import type { KernelDevice } from '../../../kernel/kernel-device.js';
import type { MemoryObject } from '../../../memory/object.js';
import { FullDevice, NullDevice, RandomDevice, ZeroDevice } from './devices.js';
import type { FileSystem } from './file-system.js';
import { Directory, Symlink } from './inode.js';
import { KernelDeviceFile } from './kernel-device-file.js';

export function populateDev(
  files: FileSystem,
  zero: MemoryObject,
  random: (length: number) => Uint8Array,
): void {
  const on = files.devtmpfs;
  const dev = files.directory(files.root, 'dev', on, 0o755);
  // Its number is the one that mappings of it show.
  dev.insert('zero', files.add(new ZeroDevice(on, zero.inode, zero)));
  dev.insert('null', files.add(new NullDevice(on, files.newNumber())));
  dev.insert('full', files.add(new FullDevice(on, files.newNumber())));
  dev.insert('random', files.add(new RandomDevice(on, files.newNumber(), 8, random)));
  dev.insert('urandom', files.add(new RandomDevice(on, files.newNumber(), 9, random)));
  dev.insert('fd', files.add(new Symlink(on, files.newNumber(), '/proc/self/fd')));
  dev.insert('stdin', files.add(new Symlink(on, files.newNumber(), '/proc/self/fd/0')));
  dev.insert('stdout', files.add(new Symlink(on, files.newNumber(), '/proc/self/fd/1')));
  dev.insert('stderr', files.add(new Symlink(on, files.newNumber(), '/proc/self/fd/2')));
  files.directory(dev, 'shm', files.shm, 0o1777);
}

/** /dev/kernel, of a process beside a kernel in ring 0. */
export function addKernelDevice(files: FileSystem, kernel: KernelDevice, meter: Meter): void {
  const dev = files.root.lookup('dev');
  if (!(dev instanceof Directory)) return;
  const on = files.devtmpfs;
  dev.insert('kernel', files.add(new KernelDeviceFile(on, files.newNumber(), kernel, meter)));
}
