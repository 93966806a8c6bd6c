/** Runs a call suite: each call under each of its policies, judged both ways. */
import { MayexecError } from '../../base/errors.js';
import type { OutcomeClass } from '../../diagnosis/outcome/outcome-class.js';
import { checkFollows, checkPreserves } from '../../kit/checks/convention.js';
import { checkTouches, checkWithin } from '../../kit/checks/cost.js';
import { checkDenied, checkFault } from '../../kit/checks/policy.js';
import { checkLeaves, checkReturn } from '../../kit/checks/value.js';
import type { CheckVerdict } from '../../kit/checks/verdict.js';
import { kitFor } from '../../kit/pool.js';
import type { CallResult } from '../../kit/run/call-result.js';
import { failureText, outcomeText } from '../../kit/watch/failure.js';
import { ownPoliciesOf, withOwnPolicies } from '../../policy/own-policies.js';
import type { PolicyChoice } from '../../sandbox/options.js';
import { firstRefusal } from '../../trace/print-cause.js';
import type { Difference } from '../judge/difference.js';
import type { LoadOptions } from '../read/load.js';
import { Problems, ScenarioError } from '../read/scenario-error.js';
import type { FileReport, RunReport } from '../report/report.js';
import type { CallCheck } from './call-directive.js';
import { type CallSuite, loadCallSuite, type SuiteCall } from './call-suite.js';

/** What is wrong with the file is in the report; only a bug of ours throws. */
export async function runCallSuite(
  text: string,
  options: LoadOptions & { readonly only?: readonly string[] },
): Promise<FileReport> {
  const { file, only } = options;
  const own = ownPoliciesOf(options.ownPolicies);
  const problems = new Problems(file, own);
  const suite = await loadCallSuite(text, options, problems);
  if (suite === undefined) {
    const { problems: sorted } = new ScenarioError(problems.list);
    return { file, title: file, arch: '', runs: [], problems: sorted, updated: undefined };
  }
  const { title, arch } = suite;
  const runs: RunReport[] = [];
  for (const policy of suite.policies) {
    if (only !== undefined && !only.includes(policy.name) && !only.includes(policy.spec)) continue;
    const calls = suite.calls.filter((call) => call.runs.includes(policy.name));
    const choice = withOwnPolicies(policy.spec, own);
    for (const call of calls) runs.push(runOne(suite, call, policy, choice));
  }
  return { file, title, arch, runs, problems: [], updated: undefined };
}

function runOne(
  { arch, code, buffers }: CallSuite,
  call: SuiteCall,
  { name, spec }: CallSuite['policies'][number],
  choice: PolicyChoice,
): RunReport {
  const start = performance.now();
  const kit = kitFor(arch, choice);
  const type = call.check.kind === 'returns' ? call.check.type : undefined;
  const head = { program: call.text, run: name, policy: spec, refused: undefined };
  try {
    const options = { abi: call.abi, entry: call.label, buffers, returns: type };
    const result = kit.call(code, call.args, options);
    const differences = judge(result, call);
    return {
      ...head,
      result: differences.length === 0 ? 'pass' : 'fail',
      outcome: classOf(result),
      ending: outcomeText(result),
      rule: undefined,
      rules: rulesOf(result),
      differences,
      error: undefined,
      milliseconds: performance.now() - start,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      ...head,
      ...{ result: 'error', outcome: 'crashes', ending: 'error', rule: undefined, rules: [] },
      differences: [],
      error: message,
      milliseconds: performance.now() - start,
    };
  }
}

function classOf({ outcome }: CallResult): OutcomeClass {
  if (outcome.kind === 'return') return 'works';
  return outcome.kind === 'exit' || outcome.kind === 'refused' ? 'errors' : 'crashes';
}

function rulesOf({ trace }: CallResult): string[] {
  const rules = trace.flatMap((event) =>
    event.type === 'verdict' && event.verdict.rule !== undefined ? [event.verdict.rule] : [],
  );
  return [...new Set(rules)];
}

/** The check, and both ways: a denial or an end that the check does not name fails too. */
function judge(result: CallResult, { check, text, position }: SuiteCall): Difference[] {
  const { pass, message } = verdictOf(result, check);
  const expected = `call ${text}`;
  const ended = outcomeText(result);
  if (!pass) return [difference(message(), { position, expected, actual: ended })];
  const refusal = check.kind === 'denied' ? undefined : firstRefusal(result.trace)?.sentence;
  if (refusal !== undefined) {
    return [{ position, message: 'no call expects this denial', expected, actual: refusal }];
  }
  const ends = ['faults', 'killed', 'denied'].includes(check.kind);
  if (ends || result.outcome.kind === 'return') return [];
  const why = failureText(result, `the code did not return: ${ended}`);
  return [difference(why, { position, expected, actual: ended })];
}

/** The first line says what differs, the others show it. */
function difference(text: string, rest: Omit<Difference, 'message'>): Difference {
  const [message = '', ...details] = text.split('\n');
  return { ...rest, message, details };
}

function verdictOf(result: CallResult, check: CallCheck): CheckVerdict {
  switch (check.kind) {
    case 'returns':
      return checkReturn(result, check.value);
    case 'preserves':
      return checkPreserves(result, check.what);
    case 'follows':
      return checkFollows(result);
    case 'faults': {
      const { access, code, label } = check;
      return checkFault(result, {
        access,
        ...(code === undefined ? {} : { code }),
        ...(label === undefined ? {} : { at: label }),
      });
    }
    case 'killed':
      return killed(result, check.signal);
    case 'within':
      return checkWithin(result, { instructions: check.instructions });
    case 'touches':
      return checkTouches(result, check.buffers);
    case 'leaves':
      return leaves(result, check.name, check.value);
    default:
      return checkDenied(result, check.rule);
  }
}

function killed(result: CallResult, signal: string): CheckVerdict {
  const { outcome } = result;
  const pass = outcome.kind === 'signal' && outcome.signal === signal;
  const headline = `expected the code to be killed by ${signal}, but ${outcomeText(result)}`;
  return { pass, message: () => failureText(result, headline) };
}

/** Of a buffer its first bytes are compared. */
function leaves(result: CallResult, name: string, value: bigint | Uint8Array): CheckVerdict {
  if (!(value instanceof Uint8Array)) return checkLeaves(result, { [name]: value });
  const whole = result.buffers[name]?.slice() ?? value;
  if (value.length > whole.length) {
    throw new MayexecError(`buffer '${name}' has ${whole.length} bytes, ${value.length} are given`);
  }
  whole.set(value);
  return checkLeaves(result, { memory: { [name]: whole } });
}
