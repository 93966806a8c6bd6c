/** A sandbox at one place, as plain data for the page. */
import { peekUpTo, symbolAt } from '../../../parts/diagnosis.js';
import type { Arch, MapsEntry, Sandbox } from '../../../parts/sandbox.js';
import { type AssembledProgram, disassemble } from '../../../parts/toolchain.js';
import type { InstructionView, MappingView, RegisterView } from '../../lab/view.js';

/** Instructions in the listing from the current one on, and source statements before it. */
const AHEAD = 20;
const BEHIND = 6;
const LONGEST_INSTRUCTION = 15;
/** Output beyond this is cut: a page is no terminal. */
const MOST_OUTPUT = 100_000;

export function pcOf({ arch, regs }: Sandbox): bigint {
  return (arch === 'i386' ? regs.eip : regs.rip) ?? 0n;
}

const WHOLE: Readonly<Record<Arch, RegExp>> = {
  'x86-64': /^(r[a-ds0-9][xip0-9]?|rip|rflags|[c-gs]s|[fg]s_base|mxcsr)$/,
  i386: /^(e[abcds][xip]|eflags|[c-gs]s|mxcsr)$/,
};

/** The general ones whole, the flags and segments, and vector registers that are not zero. */
export function registersOf(
  { regs, arch }: Sandbox,
  shown: ReadonlyMap<string, string>,
): RegisterView[] {
  return Object.keys(regs).flatMap((name): RegisterView[] => {
    const value = regs[name] ?? 0n;
    const isVector = /^(xmm|st|mm|ymm)\d/.test(name);
    if (isVector ? value === 0n : !WHOLE[arch].test(name)) return [];
    const text = value
      .toString(16)
      .padStart(isVector ? 32 : (DIGITS[name] ?? DIGITS[arch] ?? 16), '0');
    return [{ name, value: text, changed: shown.has(name) && shown.get(name) !== text }];
  });
}

/** Of a register by its name or, for all others, by the architecture. */
const DIGITS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['cs', 'ds', 'es', 'fs', 'gs', 'ss'].map((name) => [name, 4])),
  mxcsr: 4,
  i386: 8,
  'x86-64': 16,
};

/** The current instruction, what follows it, and what the source has before it. */
export async function listingOf(
  sandbox: Sandbox,
  lines: AssembledProgram['lines'],
): Promise<InstructionView[]> {
  const pc = pcOf(sandbox);
  const at = lines.findIndex(({ address }) => address === pc);
  const start = at === -1 ? pc : (lines[Math.max(at - BEHIND, 0)]?.address ?? pc);
  const from = pc - start > 400n || start > pc ? pc : start;
  const bytes = peekUpTo(sandbox, from, Number(pc - from) + (AHEAD + 1) * LONGEST_INSTRUCTION);
  const all = await disassemble(bytes, { arch: sandbox.arch, address: from });
  const current = all.findIndex(({ address }) => address === pc);
  return all.slice(0, Math.max(current, 0) + AHEAD).map(({ address, bytes: code, text }) => {
    const symbol = symbolAt(sandbox, address);
    return {
      address: address.toString(16),
      bytes: [...code].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      text,
      label: symbol?.address === address ? symbol.name : undefined,
      current: address === pc,
    };
  });
}

export function mappingsOf(sandbox: Sandbox): MappingView[] {
  return sandbox.maps().map((entry) => ({
    start: entry.start.toString(16),
    end: entry.end.toString(16),
    pages: Number((entry.end - entry.start) / 4096n),
    perms: entry.perms,
    may: mayOf(entry),
    name: entry.name,
    offset: Number(entry.offset),
    shared: entry.perms.endsWith('s'),
    history: sandbox.history(entry.start).map(({ cause, before, after, rule }) => {
      const change =
        before === undefined ? `made ${rights(after)}` : `${rights(before)} → ${rights(after)}`;
      return `${cause}: ${change}${rule === undefined ? '' : `, ${rule} took the rest`}`;
    }),
  }));
}

/** VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC, where the world says them. */
function mayOf({ vmFlags }: MapsEntry): string {
  if (vmFlags.length === 0) return '';
  const bit = (code: string, letter: string): string => (vmFlags.includes(code) ? letter : '-');
  return bit('mr', 'r') + bit('mw', 'w') + bit('me', 'x');
}

function rights(flags: number): string {
  return `${flags & 1 ? 'r' : '-'}${flags & 2 ? 'w' : '-'}${flags & 4 ? 'x' : '-'}`;
}

export function outputText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, MOST_OUTPUT));
  const more = bytes.length - MOST_OUTPUT;
  return more > 0 ? `${text}\n… and ${more} bytes more` : text;
}
