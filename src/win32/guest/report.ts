/** What a user of Windows is told of a program that died of an exception. */
import { statusName } from '../../abi/windows/status.js';
import type { Addr } from '../../base/address.js';
import type { Outcome } from '../../base/outcome.js';
import { type ListedMapping, permsText } from '../../memory/mapping.js';

type ExceptionOutcome = Extract<Outcome, { readonly kind: 'exception' }>;

const ACCESS_VIOLATION = 0xc000_0005;
const GUARD_PAGE_VIOLATION = 0x8000_0001;
const EXECUTE = 8n;

/** Lines without line ends: the exception, what it accessed, and what lies there. */
export function exceptionReport(
  outcome: ExceptionOutcome,
  mappings: readonly ListedMapping[],
  log: readonly string[],
): string[] {
  const { status, parameters, pc } = outcome;
  const lines = [`exception ${statusName(status)} (${hex(BigInt(status))}) at ${hex(pc)}`];
  const [access, address] = parameters;
  const tells = status === ACCESS_VIOLATION || status === GUARD_PAGE_VIOLATION;
  if (tells && access !== undefined && address !== undefined) {
    const verb = access === EXECUTE ? 'execute' : access === 1n ? 'write' : 'read';
    lines.push(`  it tried to ${verb} ${hex(address)}: ${placeText(mappings, address)}`);
    if (status === ACCESS_VIOLATION && access === EXECUTE && isCommitted(mappings, address)) {
      lines.push('  Data Execution Prevention: the page has no EXECUTE protection');
    }
  }
  const asked = log.findLast((line) => line.startsWith('Data Execution Prevention: '));
  if (asked !== undefined && access === EXECUTE) lines.push(`  ${asked}`);
  const last = log.at(-1);
  if (!tells && last !== undefined) lines.push(`  ${last}`);
  return lines;
}

function hex(value: Addr): string {
  return `0x${value.toString(16)}`;
}

function find(mappings: readonly ListedMapping[], address: Addr): ListedMapping | undefined {
  return mappings.find(({ start, end }) => address >= start && address < end);
}

function isCommitted(mappings: readonly ListedMapping[], address: Addr): boolean {
  return find(mappings, address)?.attributes[0] === 'MEM_COMMIT';
}

function placeText(mappings: readonly ListedMapping[], address: Addr): string {
  const mapping = find(mappings, address);
  if (mapping === undefined) return 'free memory';
  const name = mapping.name === '' ? '' : ` of ${mapping.name}`;
  const { attributes } = mapping;
  const isWindows = attributes[0]?.startsWith('MEM_');
  return `${isWindows ? attributes.slice(0, 3).join(' ') : permsText(mapping)}${name}`;
}
