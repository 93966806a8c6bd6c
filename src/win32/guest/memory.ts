/** The memory of a process, as the host uses it. */
import type { Addr } from '../../base/address.js';
import { MayexecError } from '../../base/errors.js';
import type { Fault } from '../../base/outcome.js';
import type { GuestMemory } from '../../kernel/guest.js';
import type { Win32Process } from '../process/process.js';

export function memoryOf(live: () => Win32Process): GuestMemory {
  const fault = (address: Addr, length: number, access: 'read' | 'write'): Fault => {
    const { memory, space, pc } = live();
    const at = memory.refusal(address, length, access) ?? address;
    const mapped = space.vm.vads.find(Number(at >> 12n)) !== undefined;
    return { address: at, access, code: mapped ? 'SEGV_ACCERR' : 'SEGV_MAPERR', pc };
  };
  const nothing = (what: string, address: Addr): MayexecError =>
    new MayexecError(`${what}: nothing is committed at 0x${address.toString(16)}`);
  return {
    load: (address, length) =>
      live().memory.tryRead(address, length) ?? fault(address, length, 'read'),
    store: (address, bytes) =>
      live().memory.tryWrite(address, bytes) ? null : fault(address, bytes.length, 'write'),
    peek: (address, length) => {
      const bytes = live().space.vm.pages.peek(address, length);
      if (bytes === undefined) throw nothing('peek', address);
      return bytes;
    },
    poke: (address, bytes) => {
      if (!live().space.vm.pages.poke(address, bytes)) throw nothing('poke', address);
    },
  };
}
