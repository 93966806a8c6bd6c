/** From a scenario that was read to what the page shows of it. */
import type { ReadyScenario } from '../../parts/scenario.js';
import type { LessonOutline } from './lesson-file.js';

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
