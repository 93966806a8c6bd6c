/** A lesson with an exercise, in two: what the reader sees first, and what is shown with the solution. */
import type { Root, RootContent } from 'mdast';
import { asmBlock, isOutcomeTable } from './body.js';
import type { OutlineExercise } from './lesson-file.js';

export interface ExerciseParts {
  readonly first: Root;
  /** The programs and policies, the table of outcomes, and what stands behind it. */
  readonly solution: Root;
}

export function exerciseParts(root: Root, exercise: OutlineExercise): ExerciseParts {
  const table = root.children.findIndex((node) => node.type === 'table' && isOutcomeTable(node));
  const before = table === -1 ? root.children : root.children.slice(0, table);
  const after = table === -1 ? [] : root.children.slice(table);
  return {
    first: { ...root, children: before.filter((node) => isShown(node, exercise)) },
    solution: { ...root, children: [...before.filter(isWork), ...after] },
  };
}

function isWork(node: RootContent): boolean {
  return node.type === 'code' && (node.lang === 'asm' || node.lang === 'policy');
}

/** The program or policy to begin with is in the editor of the exercise, its solution nowhere yet. */
function isShown(node: RootContent, exercise: OutlineExercise): boolean {
  if (node.type !== 'code') return true;
  if (node.lang === 'policy') return false;
  const program = asmBlock(node)?.program;
  return !('program' in exercise && [exercise.program, exercise.solution].includes(program ?? ''));
}
