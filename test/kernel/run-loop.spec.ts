/** The run loop over an engine that stops as it is told. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/base/outcome.js';
import type { Engine, RunOptions, Stop } from '../../src/engine/engine.js';
import { runToEnd, type StopHandler } from '../../src/kernel/run-loop.js';

interface Step {
  readonly stop: Stop;
  readonly blocks: number;
}

/** Plays a script, and notes what it was asked for. */
function scripted(steps: readonly Step[]) {
  const asked: RunOptions[] = [];
  let blocks = 0;
  const engine = {
    get blocks() {
      return blocks;
    },
    run(options: RunOptions): Stop {
      const step = steps[asked.length % steps.length]!;
      asked.push(options);
      blocks += step.blocks;
      return step.stop;
    },
  };
  return { engine: engine as unknown as Engine, asked };
}

function handler(
  engine: Engine,
  outcomes: readonly (Outcome | undefined)[] = [],
  charge = 0,
): StopHandler & { seen: Stop[] } {
  const seen: Stop[] = [];
  return {
    seen,
    enter: () => undefined,
    stopped: (stop) => {
      seen.push(stop);
      return outcomes[seen.length - 1];
    },
    spent: () => engine.blocks + seen.length * charge,
  };
}

const SYSCALL: Stop = { kind: 'syscall', via: 'syscall', pc: 1n };

describe('the run loop', () => {
  it('goes on until the handler has an outcome, on what is left of the budget', () => {
    const { engine, asked } = scripted([{ stop: SYSCALL, blocks: 10 }]);
    const exit: Outcome = { kind: 'exit', code: 3 };
    expect(runToEnd(engine, handler(engine, [undefined, undefined, exit]), { blocks: 100 })).toBe(
      exit,
    );
    expect(asked.map(({ blocks }) => blocks)).toEqual([100, 90, 80]);
  });

  it('ends where it is to return, and when the engine runs out', () => {
    const until = scripted([{ stop: { kind: 'until', pc: 5n }, blocks: 1 }]);
    expect(runToEnd(until.engine, handler(until.engine), { blocks: 9, until: 5n })).toBe('until');
    expect(until.asked).toEqual([{ blocks: 9, until: 5n }]);
    const budget = scripted([{ stop: { kind: 'budget', pc: 5n }, blocks: 9 }]);
    expect(runToEnd(budget.engine, handler(budget.engine), { blocks: 9 })).toBe('blocks');
  });

  it('ends a guest whose stops begin no block, by what each of them costs', () => {
    const { engine, asked } = scripted([{ stop: SYSCALL, blocks: 0 }]);
    expect(runToEnd(engine, handler(engine, [], 1), { blocks: 50 })).toBe('blocks');
    expect(asked).toHaveLength(50);
  });

  it('ends a guest sooner whose calls cost the kernel work', () => {
    const { engine, asked } = scripted([{ stop: SYSCALL, blocks: 1 }]);
    const limited = runToEnd(engine, handler(engine, [], 9), { blocks: 50 });
    expect(limited).toBe('blocks');
    expect(asked.map(({ blocks }) => blocks)).toEqual([50, 40, 30, 20, 10]);
  });

  it('asks before it runs: what is pending may end it', () => {
    const { engine, asked } = scripted([{ stop: SYSCALL, blocks: 1 }]);
    const dead: Outcome = { kind: 'exit', code: 1 };
    expect(runToEnd(engine, { ...handler(engine), enter: () => dead }, { blocks: 5 })).toBe(dead);
    expect(asked).toHaveLength(0);
  });
});
