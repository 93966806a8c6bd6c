/** Resource limits. Those of memory are the address space's own; the others are kept here. */
import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RTPRIO,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from '../../../abi/linux/process.js';
import { fail, ok, type Result } from '../../../base/result.js';
import { type Saved, saved } from '../../../kernel/snapshot.js';

export const RLIM_INFINITY = (1n << 64n) - 1n;
export const RLIM_NLIMITS = 16;

export interface ResourceLimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/** Soft limits of an address space by resource number. */
const MEMORY_LIMITS = {
  [RLIMIT_DATA]: 'data',
  [RLIMIT_STACK]: 'stack',
  [RLIMIT_MEMLOCK]: 'memlock',
  [RLIMIT_AS]: 'as',
} as const;
type MemoryLimit = (typeof MEMORY_LIMITS)[keyof typeof MEMORY_LIMITS];

function memoryLimit(resource: number): MemoryLimit | undefined {
  return MEMORY_LIMITS[resource as keyof typeof MEMORY_LIMITS];
}

/** What a login on a plain machine has. */
const DEFAULTS: readonly ResourceLimit[] = Array.from({ length: RLIM_NLIMITS }, (_, resource) => {
  const both = (soft: bigint, hard = soft): ResourceLimit => ({ soft, hard });
  switch (resource) {
    case RLIMIT_STACK:
      return both(8n << 20n, RLIM_INFINITY);
    case RLIMIT_CORE:
      return both(0n, RLIM_INFINITY);
    case RLIMIT_NPROC:
    case RLIMIT_SIGPENDING:
      return both(15_000n);
    case RLIMIT_NOFILE:
      return both(1024n, 524_288n);
    case RLIMIT_MEMLOCK:
      return both(8n << 20n);
    case RLIMIT_MSGQUEUE:
      return both(819_200n);
    case RLIMIT_NICE:
    case RLIMIT_RTPRIO:
      return both(0n);
    default:
      return both(RLIM_INFINITY);
  }
});

export class ResourceLimits {
  #limits = DEFAULTS;
  readonly #memory: () => Record<MemoryLimit, bigint>;

  constructor(memory: () => Record<MemoryLimit, bigint>) {
    this.#memory = memory;
  }

  get(resource: number): Result<ResourceLimit> {
    const limit = this.#limits[resource];
    if (limit === undefined) return fail('EINVAL');
    const name = memoryLimit(resource);
    return ok(name === undefined ? limit : { ...limit, soft: this.#memory()[name] });
  }

  /** Compare kernel/sys.c:do_prlimit(), for a task without CAP_SYS_RESOURCE. */
  set(resource: number, { soft, hard }: ResourceLimit): Result<0> {
    const old = this.#limits[resource];
    if (old === undefined || soft > hard) return fail('EINVAL');
    if (hard > old.hard) return fail('EPERM');
    this.#limits = this.#limits.with(resource, { soft, hard });
    const name = memoryLimit(resource);
    if (name !== undefined) this.#memory()[name] = soft;
    return ok(0);
  }

  soft(resource: number): bigint {
    return this.#limits[resource]?.soft ?? RLIM_INFINITY;
  }

  /** A child's are its parent's; those of memory go with the memory. */
  copyFrom(other: ResourceLimits): void {
    this.#limits = other.#limits;
  }

  save(): Saved {
    const limits = this.#limits;
    const memory = { ...this.#memory() };
    return saved(() => {
      this.#limits = limits;
      for (const name of Object.values(MEMORY_LIMITS)) this.#memory()[name] = memory[name];
    });
  }
}
