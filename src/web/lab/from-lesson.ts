/** A program of a lesson under one of its policies, as a case for the laboratory. */
import type { RootContent } from 'mdast';
import { LINKED_ARCHES, LINKED_SYSTEMS, type WorkshopCase } from '../../link/workshop-case.js';
import { asmBlock } from '../lessons/body.js';
import type { LessonOutline } from '../lessons/lesson-file.js';

/** Undefined for a run that the lesson has not, and for a kernel, which a case cannot hold. */
export function caseOfLesson(
  nodes: readonly RootContent[],
  { os, arch, runs, settings }: LessonOutline,
  program: string,
  run: string,
): WorkshopCase | undefined {
  const found = runs.find(({ name }) => name === run);
  if (found === undefined || settings.kernel !== undefined || os === 'kernel') return undefined;
  const some = <T extends object>(value: T): T | undefined =>
    Object.keys(value).length === 0 ? undefined : value;
  return {
    source: sourceOf(nodes, program),
    name: `${program}.s`,
    os: LINKED_SYSTEMS.find((each) => each === os) ?? 'linux',
    arch: LINKED_ARCHES.find((each) => each === arch) ?? 'x86-64',
    policy: found.policy,
    inject: found.inject,
    seed: settings.seed,
    schedule: settings.schedule,
    layout: settings.layout,
    cpu: settings.cpu,
    stdin: settings.stdin,
    arguments: settings.arguments.length === 0 ? undefined : settings.arguments,
    xattrs: some(settings.xattrs),
    mounts: some(settings.mounts),
    protectionKeys: settings.protectionKeys ? true : undefined,
  };
}

/** All blocks of the program, without what the lesson expects. */
function sourceOf(nodes: readonly RootContent[], program: string): string {
  const blocks = nodes.flatMap((node) => (node.type === 'code' ? (asmBlock(node) ?? []) : []));
  const text = blocks
    .filter((block) => block.program === program)
    .map((block) => block.text)
    .join('\n\n');
  const lines = text.split('\n').flatMap((line) => {
    const at = line.indexOf(';@');
    if (at === -1) return [line];
    const code = line.slice(0, at).trimEnd();
    return code === '' ? [] : [code];
  });
  return `${lines.join('\n').trimEnd()}\n`;
}
