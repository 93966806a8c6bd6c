/** From a scenario that was read to what the page shows of it. */
import type { ReadyScenario } from '../../parts/scenario.js';
import type { LessonOutline, OutlineExercise } from './lesson-file.js';
import { plainSource } from './plain-source.js';

export function outlineOf(scenario: ReadyScenario): LessonOutline {
  const { title, arch, os, difficulty, sources, runs, programs, settings } = scenario;
  return {
    title,
    arch,
    os,
    difficulty,
    sources,
    runs: runs.map(({ name, policy, inject }) => ({ name, policy, inject })),
    programs: programs.map((program) => ({
      name: program.name,
      runs: program.runs,
      checks: program.expectations.map((each) => ({
        line: each.position.line,
        text: each.text,
        runs: each.runs,
      })),
    })),
    exercise: exerciseOf(scenario),
    settings: {
      seed: settings.seed,
      schedule: settings.schedule,
      layout: settings.layout,
      cpu: settings.cpu,
      blocks: settings.blocks,
      arguments: settings.arguments,
      stdin: settings.stdin,
      xattrs: settings.xattrs,
      mounts: settings.mounts,
      protectionKeys: settings.protectionKeys,
      kernel: settings.kernel,
    },
  };
}

function exerciseOf({ exercise, parts }: ReadyScenario): OutlineExercise | undefined {
  switch (exercise?.kind) {
    case 'guess':
      return { kind: 'guess' };
    case 'repair':
    case 'break': {
      const { kind, program, solution } = exercise;
      const blocks = parts.filter((part) => part.kind === 'asm' && part.program === program);
      const start = plainSource(blocks.map(({ text }) => text).join('\n'));
      return { kind, program, solution, start };
    }
    case 'which':
      return { kind: 'which', budget: exercise.budget };
    case 'write':
      return { kind: 'write', start: exercise.start };
    case undefined:
      return undefined;
  }
}
