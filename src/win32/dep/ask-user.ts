/** The user has the last word where Windows would close a program for DEP, as far as it can be switched off. */
import { STATUS } from '../../abi/windows/status.js';
import type { ExceptionRecord } from '../exceptions/context.js';
import { baseName } from '../files.js';
import type { Win32Process } from '../process/process.js';
import { depIsOn, WITHOUT_DEP } from './mitigations.js';

const EXECUTE = 8n;
const ALWAYS_ON = 1;

/** True: the program has been exempted, and the fetch is tried again. */
export function userExempts(process: Win32Process, { code, parameters }: ExceptionRecord): boolean {
  const { system, space, wide, path } = process;
  const [access, address = 0n] = parameters;
  const isDep =
    system.traits.os === 'windows' &&
    code === STATUS.ACCESS_VIOLATION &&
    access === EXECUTE &&
    depIsOn(space.mitigations) &&
    space.mappingAt(address)?.rights !== 0 &&
    space.mappingAt(address) !== undefined;
  if (!isDep) return false;
  const name = baseName(path);
  const canExempt = !wide && space.nxPolicy !== ALWAYS_ON;
  const answer = system.askDep?.({ name, address, canExempt });
  const why = answer === undefined ? 'nobody was asked' : `the answer was '${answer}'`;
  if (answer !== 'allow' || !canExempt) {
    const never = canExempt ? '' : '; DEP cannot be switched off for it';
    system.note(`Data Execution Prevention: ${name} is closed: ${why}${never}`);
    return false;
  }
  space.mitigations.executeFlags = WITHOUT_DEP;
  space.rightsChanged();
  system.note(`Data Execution Prevention: ${name} is exempted and goes on: ${why}`);
  return true;
}
