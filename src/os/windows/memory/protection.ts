/** PAGE_* values: which are valid, what they let a program do, what becomes of them where pages are copied. */
import {
  PAGE_ANY_COPY,
  PAGE_ANY_EXECUTE,
  PAGE_ANY_WRITE,
  PAGE_EXECUTE_READWRITE,
  PAGE_EXECUTE_WRITECOPY,
  PAGE_GUARD,
  PAGE_NOACCESS,
  PAGE_NOCACHE,
  PAGE_READWRITE,
  PAGE_TARGETS_INVALID,
  PAGE_WRITECOMBINE,
  PAGE_WRITECOPY,
} from '../../../abi/windows/memory.js';
import { done, type NtResult, refused, STATUS } from '../../../abi/windows/status.js';
import { HW_EXEC, HW_READ, HW_WRITE } from '../../../engine/engine.js';
import { RIGHT_EXEC, RIGHT_READ, RIGHT_WRITE } from '../../../memory/mapping.js';
import type { MemoryRules } from './rules.js';

const KNOWN = 0xff | PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_TARGETS_INVALID;

/** Exactly one of the eight basic protections. */
export function basicProtection(protect: number): number | undefined {
  const basic = protect & 0xff;
  return basic !== 0 && (basic & (basic - 1)) === 0 ? basic : undefined;
}

/** The protection as it is kept: modifiers that a system forgets are gone. */
export function checkedProtection(rules: MemoryRules, protect: number): NtResult<number> {
  const basic = basicProtection(protect);
  const invalid = refused(STATUS.INVALID_PAGE_PROTECTION);
  if (basic === undefined) return invalid;
  if (rules.strictModifiers && !agree(basic, protect)) return invalid;
  const kept = 0xff | PAGE_GUARD | PAGE_NOCACHE | (rules.keepsWriteCombine ? PAGE_WRITECOMBINE : 0);
  return done(protect & kept);
}

/** Of private memory, which nothing can be copied from. */
export function checkedPrivate(rules: MemoryRules, protect: number): NtResult<number> {
  return protect & PAGE_ANY_COPY && basicProtection(protect) !== undefined
    ? refused(STATUS.INVALID_PAGE_PROTECTION)
    : checkedProtection(rules, protect);
}

/** "cannot be used with", in the documentation of the memory protection constants. */
function agree(basic: number, protect: number): boolean {
  if ((protect & ~KNOWN) !== 0) return false;
  const modifiers = protect & (PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE);
  if (modifiers !== 0 && basic === PAGE_NOACCESS) return false;
  if ((modifiers & (modifiers - 1)) !== 0) return false;
  return !(protect & PAGE_TARGETS_INVALID) || (basic & PAGE_ANY_EXECUTE) !== 0;
}

/** HW_* bits; a guarded page has none. Without NX whatever may be read may be executed. */
export function hardwareRights(protect: number, nx: boolean): number {
  if (protect === 0 || protect & (PAGE_GUARD | PAGE_NOACCESS)) return 0;
  const write = protect & PAGE_ANY_WRITE ? HW_WRITE : 0;
  const exec = protect & PAGE_ANY_EXECUTE || !nx ? HW_EXEC : 0;
  return HW_READ | write | exec;
}

/** RIGHT_* bits as a mapping has them: what the protection says, whatever the processor can do. */
export function rightsOf(protect: number): number {
  const bits = hardwareRights(protect, true);
  return (
    (bits & HW_READ ? RIGHT_READ : 0) |
    (bits & HW_WRITE ? RIGHT_WRITE : 0) |
    (bits & HW_EXEC ? RIGHT_EXEC : 0)
  );
}

/** In an image or a copy view a writable page is one that is copied at the first write. */
export function copied(protect: number): number {
  const rest = protect & ~0xff;
  switch (protect & 0xff) {
    case PAGE_READWRITE:
      return rest | PAGE_WRITECOPY;
    case PAGE_EXECUTE_READWRITE:
      return rest | PAGE_EXECUTE_WRITECOPY;
    default:
      return protect;
  }
}

/** What WRITECOPY becomes when the page has its copy. */
export function written(protect: number): number {
  const rest = protect & ~0xff;
  switch (protect & 0xff) {
    case PAGE_WRITECOPY:
      return rest | PAGE_READWRITE;
    case PAGE_EXECUTE_WRITECOPY:
      return rest | PAGE_EXECUTE_READWRITE;
    default:
      return protect;
  }
}

/** May a page of a view that was mapped with `view` have `protect`? */
export function allowedInView(view: number, protect: number): boolean {
  const basic = protect & 0xff;
  if (basic === PAGE_NOACCESS) return true;
  if (basic & PAGE_ANY_EXECUTE && !(view & PAGE_ANY_EXECUTE)) return false;
  if (view & PAGE_NOACCESS) return false;
  const shared = PAGE_READWRITE | PAGE_EXECUTE_READWRITE;
  return !(basic & shared) || (view & PAGE_ANY_WRITE) !== 0;
}
