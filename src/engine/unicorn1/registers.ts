/**
 * Registers by their manual's name. Most are plain fields of QEMU's CPU state and are read in place;
 * flags (kept lazily) and the two control words (from which rounding is derived) go through the API.
 */
import type { Arch } from '../../base/address.js';
import { MayexecError, unknownValue } from '../../base/errors.js';
import type { CpuProfile } from '../cpu-profile.js';
import { UC_X86_REG_EFLAGS, UC_X86_REG_FPCW, UC_X86_REG_MXCSR } from './api.js';
import { EFLAGS_USER } from './boot.js';
import { deriveControlFlags } from './control.js';
import type { Machine } from './machine.js';
import { ENV, SEGMENT, SEGMENT_FS, SEGMENT_GS } from './offsets.js';
import { loadSegment } from './segments.js';

interface Register {
  readonly bits: number;
  read(machine: Machine): bigint;
  write(machine: Machine, value: bigint, gdt: number): void;
}

/** CF PF AF ZF SF TF DF OF NT AC ID: the flags that user code may set. */
const EFLAGS_WRITABLE = 0x24_4dd5n;

const FLAG_ALWAYS_SET = 2n;

const QEMU_ORDER = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;
const SEGMENT_ORDER = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

/** A field of `env`, `bits` wide. `clears` more bits above it on a write (32-bit halves in long mode). */
function field(offset: number, bits: number, clears = 0): Register {
  const bytes = bits >>> 3;
  return {
    bits,
    read: ({ heap, env }) => readBytes(heap.view, env + offset, bytes),
    write: ({ heap, env }, value) => {
      writeBytes(heap.view, env + offset, bytes, value);
      if (clears > 0) writeBytes(heap.view, env + offset + bytes, clears >>> 3, 0n);
    },
  };
}

function readBytes(view: DataView, address: number, count: number): bigint {
  if (count === 8) return view.getBigUint64(address, true);
  if (count === 16)
    return (view.getBigUint64(address + 8, true) << 64n) | view.getBigUint64(address, true);
  if (count === 4) return BigInt(view.getUint32(address, true));
  let value = 0n;
  for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(address + i));
  return value;
}

function writeBytes(view: DataView, address: number, count: number, value: bigint): void {
  if (count === 8) view.setBigUint64(address, value, true);
  else
    for (let i = 0; i < count; i++)
      view.setUint8(address + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

/** A register that only the API reads or writes right. */
function viaApi(id: number, bits: number, prepare = (value: bigint) => value): Register {
  const access = ({ module, handle, heap, scratch }: Machine, value?: bigint): bigint => {
    heap.writeU64(scratch, value ?? 0n);
    if (value === undefined) module.uc.uc_reg_read(handle, id, scratch);
    else module.uc.uc_reg_write(handle, id, scratch);
    return BigInt.asUintN(bits, heap.readU64(scratch));
  };
  return {
    bits,
    read: (machine) => access(machine),
    write: (machine, value) => void access(machine, prepare(value)),
  };
}

function stackTop({ heap, env }: Machine): number {
  return heap.readU32(env + ENV.FPSTT);
}

/** st0 is the register at the top of the x87 stack, st1 the next. */
function x87(index: number): Register {
  const at = (machine: Machine) =>
    machine.env + ENV.FPREGS + 16 * ((stackTop(machine) + index) & 7);
  return {
    bits: 80,
    read: (machine) => readBytes(machine.heap.view, at(machine), 10),
    write: (machine, value) => writeBytes(machine.heap.view, at(machine), 10, value),
  };
}

const fpsw: Register = {
  bits: 16,
  read: (machine) => {
    const status = machine.heap.view.getUint16(machine.env + ENV.FPUS, true);
    return BigInt((status & ~0x3800) | ((stackTop(machine) & 7) << 11));
  },
  write: ({ heap, env }, value) => {
    heap.view.setUint16(env + ENV.FPUS, Number(value) & ~0x3800, true);
    heap.writeU32(env + ENV.FPSTT, (Number(value) >> 11) & 7);
  },
};

/** Two bits for each physical register: 3 empty, 1 zero, 2 special, 0 valid (SDM 1, 8.1.7). */
const fptag: Register = {
  bits: 16,
  read: ({ heap, env }) => {
    let word = 0;
    for (let i = 7; i >= 0; i--) {
      const mantissa = heap.readU64(env + ENV.FPREGS + 16 * i);
      const exponent = heap.view.getUint16(env + ENV.FPREGS + 16 * i + 8, true) & 0x7fff;
      word = (word << 2) | (heap.bytes[env + ENV.FPTAGS + i] ? 3 : tagOf(exponent, mantissa));
    }
    return BigInt(word);
  },
  write: ({ heap, env }, value) => {
    for (let i = 0; i < 8; i++)
      heap.bytes[env + ENV.FPTAGS + i] = ((value >> BigInt(2 * i)) & 3n) === 3n ? 1 : 0;
  },
};

function tagOf(exponent: number, mantissa: bigint): number {
  if (exponent === 0 && mantissa === 0n) return 1;
  return exponent === 0 || exponent === 0x7fff || mantissa >> 63n === 0n ? 2 : 0;
}

function segment(index: number): Register {
  return {
    ...field(ENV.SEGS + index * SEGMENT.BYTES + SEGMENT.SELECTOR, 16),
    write: (machine, value, gdt) => loadSegment(machine, gdt, index, Number(value)),
  };
}

function general(table: Map<string, Register>, wide: boolean): void {
  for (let i = 0; i < (wide ? 16 : 8); i++) {
    const at = ENV.REGS + 8 * i;
    const name = QEMU_ORDER[i];
    if (wide) table.set(name === undefined ? `r${i}` : `r${name}`, field(at, 64));
    table.set(name === undefined ? `r${i}d` : `e${name}`, field(at, 32, 32));
    table.set(name === undefined ? `r${i}w` : name, field(at, 16));
    if (i < 4) {
      table.set(`${name?.[0]}l`, field(at, 8));
      table.set(`${name?.[0]}h`, field(at + 1, 8));
    } else if (wide) table.set(name === undefined ? `r${i}b` : `${name}l`, field(at, 8));
  }
}

function makeTable(arch: Arch): ReadonlyMap<string, Register> {
  const table = new Map<string, Register>();
  const wide = arch === 'x86-64';
  general(table, wide);
  if (wide) table.set('rip', field(ENV.EIP, 64));
  table.set('eip', field(ENV.EIP, 32, 32));
  const eflags = viaApi(
    UC_X86_REG_EFLAGS,
    32,
    (value) => (value & EFLAGS_WRITABLE) | BigInt(EFLAGS_USER),
  );
  table.set('eflags', eflags);
  if (wide) table.set('rflags', { ...eflags, bits: 64 });
  SEGMENT_ORDER.forEach((name, index) => {
    table.set(name, segment(index));
  });
  const width = wide ? 64 : 32;
  for (const [name, index] of [
    ['fs_base', SEGMENT_FS],
    ['gs_base', SEGMENT_GS],
  ] as const)
    table.set(name, field(ENV.SEGS + index * SEGMENT.BYTES + SEGMENT.BASE, width, 64 - width));
  for (let i = 0; i < (wide ? 16 : 8); i++) table.set(`xmm${i}`, field(ENV.XMM + 16 * i, 128));
  for (let i = 0; i < 8; i++) table.set(`st${i}`, x87(i));
  table.set('fpcw', { ...viaApi(UC_X86_REG_FPCW, 16), read: field(ENV.FPUC, 16).read });
  table.set('fpsw', fpsw);
  table.set('fptag', fptag);
  table.set('mxcsr', { ...viaApi(UC_X86_REG_MXCSR, 32), read: field(ENV.MXCSR, 32).read });
  return table;
}

/** A control register from which QEMU derives hidden flags. */
function control(offset: number): Register {
  const { bits, read, write } = field(offset, 64);
  return {
    bits,
    read,
    write: (machine, value, gdt) => {
      write(machine, value, gdt);
      deriveControlFlags(machine);
    },
  };
}

/** Those that only privilege level 0 sees. */
function withControl(table: ReadonlyMap<string, Register>): ReadonlyMap<string, Register> {
  const flags: Register = {
    ...table.get('eflags')!,
    write: viaApi(UC_X86_REG_EFLAGS, 32, (value) => value | FLAG_ALWAYS_SET).write,
  };
  return new Map<string, Register>([
    ...table,
    ['eflags', flags],
    ...(table.has('rflags') ? [['rflags', { ...flags, bits: 64 }] as const] : []),
    ['cr0', control(ENV.CR0)],
    ['cr2', field(ENV.CR2, 64)],
    ['cr3', field(ENV.CR3, 64)],
    ['cr4', control(ENV.CR4)],
    ['efer', field(ENV.EFER, 64)],
    ['gdtr_base', field(ENV.GDT + SEGMENT.BASE, 64)],
    ['gdtr_limit', field(ENV.GDT + SEGMENT.LIMIT, 16)],
    ['idtr_base', field(ENV.IDT + SEGMENT.BASE, 64)],
    ['idtr_limit', field(ENV.IDT + SEGMENT.LIMIT, 16)],
    ['tr', field(ENV.TR + SEGMENT.SELECTOR, 16)],
    ['tr_base', field(ENV.TR + SEGMENT.BASE, 64)],
    ['tr_limit', field(ENV.TR + SEGMENT.LIMIT, 32)],
  ]);
}

/** Of a processor with AVX: 32 bytes each. */
function withVectors(table: ReadonlyMap<string, Register>): ReadonlyMap<string, Register> {
  const all = new Map(table);
  for (let i = 0; table.has(`xmm${i}`); i++) {
    const low = field(ENV.XMM + 16 * i, 128);
    const high = field(ENV.YMM_UPPER + 16 * i, 128);
    all.set(`ymm${i}`, {
      bits: 256,
      read: (machine) => (high.read(machine) << 128n) | low.read(machine),
      write: (machine, value, gdt) => {
        low.write(machine, BigInt.asUintN(128, value), gdt);
        high.write(machine, value >> 128n, gdt);
      },
    });
  }
  return all;
}

const USER_TABLES: Readonly<Record<Arch, ReadonlyMap<string, Register>>> = {
  i386: makeTable('i386'),
  'x86-64': makeTable('x86-64'),
};
const KERNEL_TABLES: Readonly<Record<Arch, ReadonlyMap<string, Register>>> = {
  i386: withControl(USER_TABLES.i386),
  'x86-64': withControl(USER_TABLES['x86-64']),
};

const AVX_TABLES: Readonly<Record<Arch, ReadonlyMap<string, Register>>> = {
  i386: withVectors(USER_TABLES.i386),
  'x86-64': withVectors(USER_TABLES['x86-64']),
};

/** What of a CPU's profile decides which registers there are. */
type Registers = Pick<CpuProfile, 'arch' | 'privilege'> & Partial<Pick<CpuProfile, 'extensions'>>;

function tableOf({ arch, privilege, extensions }: Registers): ReadonlyMap<string, Register> {
  if (privilege === 0) return KERNEL_TABLES[arch];
  return (extensions?.has('avx') ? AVX_TABLES : USER_TABLES)[arch];
}

export function registerNames(profile: Registers): readonly string[] {
  return [...tableOf(profile).keys()];
}

export function readRegister(machine: Machine, profile: Registers, name: string): bigint {
  return find(profile, name).read(machine);
}

/** The value must fit: as an unsigned number, or as a negative one of that width. */
export function writeRegister(
  machine: Machine,
  profile: Registers,
  gdt: number,
  name: string,
  value: bigint,
): void {
  const register = find(profile, name);
  if (
    BigInt.asUintN(register.bits, value) !== value &&
    BigInt.asIntN(register.bits, value) !== value
  )
    throw new MayexecError(`${value} does not fit register ${name} (${register.bits} bits)`);
  register.write(machine, BigInt.asUintN(register.bits, value), gdt);
}

function find(profile: Registers, name: string): Register {
  const table = tableOf(profile);
  const register = table.get(name);
  if (register === undefined) throw unknownValue('register', name, [...table.keys()]);
  return register;
}
