/** Handles that stand for the caller's own process. */
import type { ApiCall } from '../calls/call.js';

/** Argument `index` is GetCurrentProcess(), or a real handle of it. */
export function isSelf(call: ApiCall, index: number): boolean {
  const { process } = call;
  const pseudo = process.wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  const handle = call.word(index);
  if (handle === pseudo) return true;
  const object = process.handles.get(Number(handle & 0xffff_ffffn));
  return object?.kind === 'process' && object.pid === process.pid;
}
