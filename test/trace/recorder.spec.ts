/** The recorder: numbers, going back, and a bound. */
import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/trace/events.js';
import { Recorder } from '../../src/trace/recorder.js';

function end(code: number): NewEvent {
  return { type: 'end', pid: 1, pc: 0n, outcome: { kind: 'exit', code } };
}

function fill(recorder: Recorder, count: number): void {
  for (let i = 0; i < count; i++) recorder.record(end(i));
}

describe('a recorder', () => {
  it('numbers events from 0 and goes back to any of them', () => {
    const recorder = new Recorder();
    fill(recorder, 5);
    expect(recorder.events.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
    recorder.truncate(2);
    recorder.truncate(9);
    recorder.record(end(7));
    expect(recorder.events.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    recorder.clear();
    expect(recorder.count).toBe(0);
  });

  it('keeps the latest of a trace that is too long, under their own numbers', () => {
    const recorder = new Recorder(8);
    fill(recorder, 21);
    expect(recorder.events.length).toBeLessThanOrEqual(8);
    expect(recorder.events.at(-1)?.seq).toBe(20);
    expect(recorder.count).toBe(21);
    recorder.truncate(19);
    expect(recorder.events.at(-1)?.seq).toBe(18);
    recorder.truncate(3);
    expect(recorder.events).toHaveLength(0);
    recorder.record(end(0));
    expect(recorder.events.at(-1)?.seq).toBe(3);
  });
});
