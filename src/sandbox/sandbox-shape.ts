/** The check of functions that are given a sandbox. */
import { checkShape, satisfies } from '../base/shape.js';
import { Sandbox } from './sandbox.js';

const A_SANDBOX = satisfies('a Sandbox', (value) => value instanceof Sandbox);

/** @throws MayexecError for what is no sandbox. */
export function checkSandbox(door: string, sandbox: unknown): void {
  checkShape(`${door}: the sandbox`, sandbox, A_SANDBOX);
}
