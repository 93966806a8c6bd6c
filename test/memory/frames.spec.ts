import { describe, expect, it } from 'vitest';
import { Frames } from '../../src/memory/frames.js';
import { FakeMemory } from '../os/linux/mm/fake-memory.js';

describe('Frames', () => {
  it('gives a frame back when its last owner releases it', () => {
    const memory = new FakeMemory();
    const frames = new Frames(memory);
    const frame = frames.allocate()!;
    frames.retain(frame);
    expect(frames.shared(frame)).toBe(true);
    frames.release(frame);
    expect([frames.shared(frame), memory.framesInUse]).toEqual([false, 1]);
    frames.release(frame);
    expect(memory.framesInUse).toBe(0);
  });

  it('copies the bytes and leaves the source alone', () => {
    const frames = new Frames(new FakeMemory());
    const source = frames.allocate()!;
    frames.bytes(source).fill(7);
    const copy = frames.copy(source)!;
    frames.bytes(copy)[0] = 9;
    expect([frames.bytes(source)[0], frames.bytes(copy)[1]]).toEqual([7, 7]);
  });

  it('says when no frame is left', () => {
    const frames = new Frames(new FakeMemory(1));
    const only = frames.allocate()!;
    expect(frames.allocate()).toBeUndefined();
    expect(frames.copy(only)).toBeUndefined();
    expect(frames.acquireZero()).toBeUndefined();
  });

  it('keeps one page of zeros for all who want it, as long as somebody does', () => {
    const memory = new FakeMemory();
    const frames = new Frames(memory);
    const first = frames.acquireZero()!;
    expect(frames.acquireZero()).toBe(first);
    expect(memory.framesInUse).toBe(1);
    frames.release(first);
    frames.release(first);
    expect(memory.framesInUse).toBe(0);
    expect(frames.acquireZero()).toBeDefined();
  });

  it('counts owners of frames with large numbers', () => {
    const frames = new Frames(new FakeMemory(5000));
    const last = Array.from({ length: 3000 }, () => frames.allocate()!).at(-1)!;
    expect(frames.owners(last)).toBe(1);
  });

  it('throws on a release too many, which is a bug of ours', () => {
    const frames = new Frames(new FakeMemory());
    const frame = frames.allocate()!;
    frames.release(frame);
    expect(() => frames.release(frame)).toThrow('released but free');
    expect(() => frames.retain(frame)).toThrow('retained but free');
  });
});
