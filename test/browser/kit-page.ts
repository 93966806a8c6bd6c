/** A user of the kit in the built library, as a module for a page or a worker. */
import type * as Library from '../../src/index.js';
import type { Where } from './library-page.js';

/** Calls code by two conventions, with a callback, and lets a check fail. */
export async function testCode({ url }: Where): Promise<unknown> {
  const kit = (await import(new URL(url, import.meta.url).href)) as typeof Library;
  const { call, callback, checkPreserves, checkReturn, explore } = kit;
  const seven = callback('i32()', () => 7);
  const asm = 'sub rsp, 40; call rcx; add rsp, 40; ret';
  const called = await call(asm, [seven], { abi: 'win64', returns: 'i32', policy: 'mdwe' });
  const clobbers = await call('mov ebx, 1; mov eax, 2; ret', [], { abi: 'cdecl' });
  const found = await explore('mov eax, edi; cdq; idiv esi; ret', { signature: 'i32(i32, i32)' });
  return {
    value: called.value,
    returns: checkReturn(clobbers, 2).pass,
    message: checkPreserves(clobbers, 'callee-saved').message(),
    found: found?.result.outcome.kind,
  };
}
