/** How a run ended, in a few words. */
import { type Outcome, otherEndText, statusName } from '../../index.js';

export function endingText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `exited with ${outcome.code}`;
    case 'signal':
      return `killed by ${outcome.signal}`;
    case 'return':
      return `returned ${outcome.value}`;
    case 'exception':
      return `ended by ${statusName(outcome.status)} (0x${outcome.status.toString(16)})`;
    default:
      return otherEndText(outcome);
  }
}
