/**
 * The memory manager against recordings of a real kernel (native/judge.c made them): 150 random
 * sequences of memory calls, each result, fault and mapping with its VmFlags.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Replay } from './native/replay.js';

interface Recorded {
  readonly call: string;
  readonly result: string;
  readonly maps: string;
}

const text = readFileSync(new URL('./native/linux-6.18.txt', import.meta.url), 'utf8');
const sequences = text.split('\nbegin\n').slice(1).map(parse);

/** Call and result lines alternate; '=' stands for the mappings of the line before. */
function parse(block: string): Recorded[] {
  const lines = block.trimEnd().split('\n');
  const recorded: Recorded[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const answer = lines[i + 1]!;
    const at = answer.indexOf(' | ');
    const same = answer.startsWith('=');
    recorded.push({
      call: lines[i]!,
      result: answer.slice(2, at < 0 ? undefined : at),
      maps: same ? (recorded.at(-1)?.maps ?? '') : at < 0 ? '' : answer.slice(at),
    });
  }
  return recorded;
}

describe('recorded sequences of Linux 6.18', () => {
  it('holds 150 of them', () => {
    expect(sequences).toHaveLength(150);
    expect(sequences.flat().length).toBe(2700);
  });

  it.each(sequences.map((sequence, index) => [index, sequence] as const))(
    'sequence %i gives the same results, faults and mappings',
    (_index, sequence) => {
      const replay = new Replay();
      for (const { call, result, maps } of sequence) {
        expect({ call, ...replay.step(call) }).toEqual({ call, result, maps });
      }
      replay.close();
      expect(replay.space.memory.framesInUse).toBe(0);
    },
  );
});
