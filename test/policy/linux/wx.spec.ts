import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../src/policy/registry.js';
import { change, facts, mapping, text, vma } from '../support.js';

const wx = parsePolicy('wx').policies[0]!;
const nx = parsePolicy('nx').policies[0]!;
const none = parsePolicy('none').policies[0]!;

describe('wx', () => {
  it.each([
    ['rwx', 'EACCES wx/write-exec'],
    ['wx', 'EACCES wx/write-exec'],
    ['rx', 'ok'],
    ['x', 'ok'],
    ['rw', 'ok'],
    ['', 'ok'],
  ])('mmap of %j: %s', (rights, expected) => {
    expect(text(wx.mmapRegion?.(mapping(rights), facts()))).toBe(expected);
  });

  it.each([
    ['rw', 'rwx', 'EACCES wx/write-exec'],
    ['rwx', 'rwx', 'EACCES wx/write-exec'],
    ['rw', 'rx', 'ok'],
    ['rx', 'rw', 'ok'],
    ['rwx', 'rx', 'ok'],
  ])('mprotect of %s to %s: %s', (before, after, expected) => {
    const old = vma(`${before} RWX`);
    expect(text(wx.mprotectRights?.(old, change(old, after), facts()))).toBe(expected);
  });

  it('takes execute from a heap or stack that would be both', () => {
    const heap = mapping('rwx', { origin: 'brk' });
    expect(text(wx.implicit?.(heap, facts()))).toBe('narrow rw RW');
    expect(text(wx.implicit?.(mapping('rw', { origin: 'stack' }), facts()))).toBe('ok');
  });
});

describe('nx and none', () => {
  it('refuse no call', () => {
    for (const policy of [nx, none]) {
      expect(policy.mmapRegion ?? policy.mmapFile ?? policy.mmapFlags).toBeUndefined();
      expect(policy.mprotect ?? policy.mprotectRights ?? policy.implicit).toBeUndefined();
    }
  });

  it('nx names itself as the cause of a fetch fault in a page without execute, and of no other', () => {
    const rw = vma('rw RWX');
    expect(text(nx.fault?.(rw, rw.start, 'exec', facts()))).toBe('note nx/no-exec');
    expect(text(nx.fault?.(rw, rw.start, 'write', facts()))).toBe('ok');
    expect(text(nx.fault?.(undefined, 0n, 'exec', facts()))).toBe('ok');
    expect(text(nx.fault?.(vma('rx RX'), 0n, 'exec', facts()))).toBe('ok');
  });
});
