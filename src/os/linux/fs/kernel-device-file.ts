/** /dev/kernel: what is written goes to the kernel in ring 0 beside the process, which may do with it what it likes. */

import { errnoName } from '../../../abi/linux/errno.js';
import { S_IFCHR } from '../../../abi/linux/fcntl.js';
import type { Meter } from '../../../base/meter.js';
import { fail, ok, type Result } from '../../../base/result.js';
import type { KernelDevice } from '../../../kernel/kernel-device.js';
import { Inode, type Mount } from './inode.js';

/** A misc device (major 10) with a number that is for local use. */
const RDEV = { major: 10, minor: 240 } as const;

export class KernelDeviceFile extends Inode {
  readonly #kernel: KernelDevice;
  readonly #meter: Meter;

  constructor(mount: Mount, number: number, kernel: KernelDevice, meter: Meter) {
    super(mount, number, S_IFCHR | 0o666);
    this.#kernel = kernel;
    this.#meter = meter;
  }

  override get rdev(): { readonly major: number; readonly minor: number } {
    return RDEV;
  }

  override get seekable(): boolean {
    return false;
  }

  override write(_offset: number, bytes: Uint8Array): Result<number> {
    const { value, blocks } = this.#kernel.write(bytes);
    this.#meter.chargeBlocks(blocks);
    return value < 0 ? fail(errnoName(-value) ?? 'EIO') : ok(Math.min(value, bytes.length));
  }
}
