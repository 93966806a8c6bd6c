/** The policies that an option lists, and those that stand for all. */
import { listPolicies } from '../../index.js';

/** `selinux:execmem=deny,execmod=deny,nx` is two specs: a part such as `execmod=deny` goes on with the one before. */
export function splitSpecs(text: string | undefined): string[] | undefined {
  return text?.split(/,(?![\w-]+=)/);
}

/** Each as it is by default. */
export function allPolicies(): string[] {
  return listPolicies().map(({ name }) => name);
}

/** Those that govern programs of Linux. */
export function linuxPolicies(): string[] {
  return listPolicies().flatMap(({ name, os }) => (os.includes('linux') ? [name] : []));
}
