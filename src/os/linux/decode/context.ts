/** What arguments are decoded with. */
import type { UserMemory } from '../../../kernel/user-memory.js';

export interface DecodeContext {
  readonly memory: UserMemory;
  readonly word: 4 | 8;
}
