/** Registers as properties of one object: `regs.rax`, `regs.rax = 1n`. */
import { integerOf } from '../base/arguments.js';
import { unknownValue } from '../base/errors.js';
import type { GuestRegisters } from '../kernel/guest.js';
import { toWord } from './options.js';

export interface Registers {
  [name: string]: bigint;
}

/**
 * `check` throws when they may no longer be used; `written` is told of each that the host writes. An unknown name throws
 * and names the nearest.
 */
export function registersOf(
  guest: GuestRegisters,
  check: () => void,
  written: (name: string, value: number | bigint) => void,
): Registers {
  const known = new Set(guest.registers);
  const nameOf = (name: string): string => {
    check();
    if (!known.has(name)) throw unknownValue('register', name, guest.registers);
    return name;
  };
  return new Proxy<Registers>(Object.create(null) as Registers, {
    get(_target, name) {
      if (known.has(name as string)) {
        check();
        return guest.readRegister(name as string);
      }
      return isProtocol(name) ? undefined : guest.readRegister(nameOf(name));
    },
    set(_target, name, value: number | bigint) {
      const register = nameOf(String(name));
      guest.writeRegister(
        register,
        wide(register) ? integerOf(register, value) : toWord(register, value),
      );
      written(register, value);
      return true;
    },
    has: (_target, name) => typeof name === 'string' && known.has(name),
    ownKeys: () => [...known],
    getOwnPropertyDescriptor(_target, name) {
      if (typeof name !== 'string' || !known.has(name)) return undefined;
      return {
        configurable: true,
        enumerable: true,
        writable: true,
        value: guest.readRegister(name),
      };
    },
  });
}

/** Names that await, JSON and assertion libraries ask any object for; none is a misspelt register. */
function isProtocol(name: string | symbol): name is symbol {
  return typeof name === 'symbol' || /[^a-z0-9_]|^(then|constructor|inspect)$/.test(name);
}

/** Registers of more than 64 bits. */
function wide(name: string): boolean {
  return name.startsWith('xmm') || name.startsWith('st');
}
