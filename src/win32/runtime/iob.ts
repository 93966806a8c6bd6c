/** Where msvcrt's exported data lie in a process, and its three streams. */
import type { Win32Process } from '../process/process.js';

export function dataAddress(process: Win32Process, name: string): bigint {
  const msvcrt = process.modules.find('msvcrt.dll');
  return (msvcrt?.base ?? 0n) + BigInt(msvcrt?.exports.byName.get(name)?.rva ?? 0);
}
