/** All that is wrong with a scenario file, each mistake with its place. */
import { MayexecError } from '../../base/errors.js';
import { NO_OWN_POLICIES, type OwnPolicies } from '../../policy/own-policies.js';
import {
  type AssemblyProblem,
  firstOfEachKind,
  problemList,
} from '../../toolchain/assembly-error.js';

export class ScenarioError extends MayexecError {
  override readonly name = 'ScenarioError';
  readonly problems: readonly AssemblyProblem[];

  constructor(problems: readonly AssemblyProblem[]) {
    const sorted = firstOfEachKind(problems);
    super(problemList(sorted));
    this.problems = sorted;
  }
}

/** Collects what is wrong, so that a file is refused once with everything. */
export class Problems {
  readonly file: string;
  readonly list: AssemblyProblem[] = [];
  /** Those that the file may name. */
  readonly ownPolicies: OwnPolicies;

  constructor(file: string, ownPolicies = NO_OWN_POLICIES) {
    this.file = file;
    this.ownPolicies = ownPolicies;
  }

  add(line: number, column: number, message: string, text = ''): void {
    this.list.push({ file: this.file, line, column, message, text });
  }

  /** Runs what may find a user's mistake; undefined when it did. */
  attempt<T>(line: number, column: number, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof MayexecError)) throw error;
      this.add(line, column, error.message);
      return undefined;
    }
  }
}
