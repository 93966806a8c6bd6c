/**
 * The policy database in the memory of a kernel: rules `allow SOURCE TARGET:CLASS { PERMISSIONS }` in a hash table of
 * access vectors. Linux security/selinux/ss/avtab.h and include/security.h: struct selinux_state, avtab, avtab_node.
 */
import { BrokenData, type KernelMemory, wordAt } from './kernel-memory.js';

export const STATE = 'selinux_state';

/** Types, as numbers of the database. */
export const TYPES = { unconfined_t: 1, file_t: 2 } as const;
/** SECCLASS_PROCESS and SECCLASS_FILE. */
export const CLASSES = { process: 2, file: 6 } as const;
/** Permission bits of each class (security/selinux/include/classmap.h). */
export const PERMISSIONS = {
  execmem: { class: 'process', bit: 1n << 25n },
  execstack: { class: 'process', bit: 1n << 26n },
  execheap: { class: 'process', bit: 1n << 27n },
  execute: { class: 'file', bit: 1n << 14n },
  execmod: { class: 'file', bit: 1n << 19n },
} as const;
export type DatabasePermission = keyof typeof PERMISSIONS;

/** AVTAB_ALLOWED. */
const ALLOWED = 1n;
const MOST_NODES = 64;

/** What the database says to one permission. */
export interface DatabaseAnswer {
  readonly allowed: boolean;
  /** Of the rule for the source, target and class; undefined: there is none. */
  readonly node: bigint | undefined;
  /** As a policy's source writes it: `allow unconfined_t self:process { execstack }`. */
  readonly rule: string;
}

/** False: permissive, what is missing is only told. @throws BrokenData where it cannot be read. */
export function isEnforcing(memory: KernelMemory): boolean {
  const state = memory.symbol(STATE);
  return state !== undefined && (wordAt(memory, state) & 0xffff_ffffn) !== 0n;
}

/** Before a policy is loaded everything is allowed. @throws BrokenData where it cannot be read. */
export function askDatabase(memory: KernelMemory, permission: DatabasePermission): DatabaseAnswer {
  const { class: kind, bit } = PERMISSIONS[permission];
  const [target, name] =
    kind === 'process' ? [TYPES.unconfined_t, 'self'] : [TYPES.file_t, 'file_t'];
  const state = memory.symbol(STATE);
  const database = state === undefined ? 0n : wordAt(memory, state + 8n);
  const ruleOf = (text: string): string => `allow unconfined_t ${name}:${kind} { ${text} }`;
  if (database === 0n) return { allowed: true, node: undefined, rule: ruleOf('...') };
  const node = nodeFor(memory, database, target, CLASSES[kind]);
  const vector = node === undefined ? 0n : wordAt(memory, node + 8n) & 0xffff_ffffn;
  const rule = ruleOf(node === undefined ? permission : permissionsText(kind, vector));
  return { allowed: (vector & bit) !== 0n, node, rule };
}

/** Those with a name here by name, the others together as a number. */
function permissionsText(kind: string, vector: bigint): string {
  const named = Object.entries(PERMISSIONS).filter(
    ([, each]) => each.class === kind && (vector & each.bit) !== 0n,
  );
  const rest = named.reduce((bits, [, { bit }]) => bits & ~bit, vector);
  const words = named.map(([name]) => name);
  return [...words, ...(rest === 0n ? [] : [`0x${rest.toString(16)}`])].join(' ');
}

/** AVTAB_HASH(), and the chain of that slot. */
function nodeFor(
  memory: KernelMemory,
  database: bigint,
  target: number,
  kind: number,
): bigint | undefined {
  const source = TYPES.unconfined_t;
  const slots = wordAt(memory, database);
  const mask = wordAt(memory, database + 8n);
  const hash = BigInt(kind + (target << 2) + (source << 9)) & mask;
  const key = BigInt(source) | (BigInt(target) << 16n) | (BigInt(kind) << 32n) | (ALLOWED << 48n);
  let at = wordAt(memory, slots + 8n * hash);
  for (let n = 0; at !== 0n; n++) {
    if (n === MOST_NODES) throw new BrokenData(at);
    if (wordAt(memory, at) === key) return at;
    at = wordAt(memory, at + 16n);
  }
  return undefined;
}
