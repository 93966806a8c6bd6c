/** What a lesson asks the reader to do: a form for each kind of exercise. */
import type { OutlineExercise } from '../../lessons/lesson-file.js';
import { AttemptForm } from './attempt.js';
import { GuessForm } from './guess.js';
import { WhichForm } from './which.js';
import type { ExerciseProps } from './work.js';

const TITLES: Readonly<Record<OutlineExercise['kind'], string>> = {
  guess: 'Guess the verdicts',
  repair: 'Repair it',
  break: 'Break it',
  which: 'Which policy is it?',
  write: 'Write the policy',
};

export function ExerciseView(props: ExerciseProps) {
  const { exercise } = props.lesson.outline;
  if (exercise === undefined) return null;
  return (
    <section class="exercise" aria-labelledby="exercise">
      <h2 id="exercise">{TITLES[exercise.kind]}</h2>
      {exercise.kind === 'guess' && <GuessForm {...props} />}
      {exercise.kind === 'which' && <WhichForm {...props} budget={exercise.budget} />}
      {(exercise.kind === 'repair' || exercise.kind === 'break') && (
        <AttemptForm {...props} start={exercise.start} language="assembly" name="program" />
      )}
      {exercise.kind === 'write' && (
        <>
          <AttemptForm {...props} start={exercise.start} language="text" name="policy" />
          <HookNotes />
        </>
      )}
    </section>
  );
}

function HookNotes() {
  return (
    <details>
      <summary class="ask">What a policy is asked, and may answer</summary>
      <p>
        <code>mmapFile(request)</code> before anything is mapped; <code>mmapRegion(request)</code>{' '}
        when the rights of a new mapping are known; <code>mprotect(vma, request)</code> when a
        mapping would change. A request has <code>flags</code> (VM_READ, VM_WRITE, VM_EXEC, and
        VM_MAYEXEC, which says what it may become), <code>prot</code>, <code>range</code> and{' '}
        <code>object</code>, the file with its <code>path</code>; a <code>vma</code> is the mapping
        as it is.
      </p>
      <p>
        Nothing means no objection. An object with a <code>reason</code> refuses with EACCES;{' '}
        <code>errno: 'EPERM'</code> says another error, <code>clear: VM_MAYEXEC</code> takes rights
        away without a word, <code>kill: 'SIGKILL'</code> ends the program.
      </p>
    </details>
  );
}
