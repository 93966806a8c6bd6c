/** Of several mappings that lost rights by different rules, each call is refused by the rule of its own. */
import { describe, expect, it } from 'vitest';
import { firstDeniedCall } from '../../src/diagnosis/outcome/outcome-class.js';
import { Sandbox } from '../../src/sandbox/sandbox.js';
import type { SyscallEvent } from '../../src/trace/events.js';
import { TakenRights } from '../../src/trace/taken-rights.js';

describe('rights taken away', () => {
  it('are told by the mapping that the call is about, not by what was taken last', async () => {
    using sandbox = await Sandbox.create({ policy: 'restricted-wx' });
    const page = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
    const heap = sandbox.syscall('brk', 0).value;
    sandbox.syscall('brk', heap + 4096n);
    expect(sandbox.syscall('mprotect', page, 4096, 5).errno).toBe('EACCES');
    expect(firstDeniedCall(sandbox.trace)?.rule).toBe('restricted-wx/write-never-exec');
  });

  it('are of nobody once the mapping is gone and another is there', async () => {
    using sandbox = await Sandbox.create({ policy: 'restricted-wx' });
    const page = sandbox.syscall('mmap', 0, 4096, 3, 0x22, -1, 0).value;
    sandbox.syscall('munmap', page, 4096);
    const last = sandbox.trace.findLast((event) => event.type === 'syscall')!;
    const asked = { name: 'mprotect', errno: 'EACCES', args: [page, 4096n, 5n] } as const;
    const call = { ...last, ...asked } as SyscallEvent;
    const taken = new TakenRights();
    for (const event of [...sandbox.trace, call]) taken.see(event);
    expect(taken.by(call)).toBe(undefined);
  });
});
