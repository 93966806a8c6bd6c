/** How a run ended, in the words of links: what a link expects is compared with this. */
import { type Outcome, otherEndText } from '../base/outcome.js';
import { OUTCOME } from '../base/outcome-shape.js';
import { checkShape } from '../base/shape.js';

export function linkedEnding(outcome: Outcome): string {
  checkShape('linkedEnding: the outcome', outcome, OUTCOME);
  switch (outcome.kind) {
    case 'exit':
      return `exited with ${outcome.code}`;
    case 'signal':
      return `killed by ${outcome.signal} (${outcome.code})`;
    case 'return':
      return `returned ${outcome.value}`;
    case 'exception':
      return `ended by exception 0x${outcome.status.toString(16)}`;
    case 'limit':
      return `stopped at the limit of ${outcome.limit}`;
    default:
      return otherEndText(outcome);
  }
}
