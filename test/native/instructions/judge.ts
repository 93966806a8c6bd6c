/** What differs between two CPUs after the same instruction. */
import { disassemble } from '../../../src/toolchain/disassembly/disassembler.js';
import { undefinedAfter } from '../../../src/x86/undefined-flags.js';
import { type InstructionCase, type InstructionRecord, PLACES, REGISTERS } from './record.js';

export interface Difference {
  /** The instruction's name and what differs. */
  readonly kind: string;
  readonly text: string;
}

const APPROXIMATIONS = /^v?r(?:cp|sqrt)[ps]s/;
/** The manual's bound is 1.5 * 2^-12 of the true value, from both sides. */
const BOUND = 3 / 4096;

function near(a: Buffer, b: Buffer): boolean {
  return [0, 4, 8, 12].every((at) => {
    const [x, y] = [a.readFloatLE(at), b.readFloatLE(at)];
    return a.readUInt32LE(at) === b.readUInt32LE(at) || Math.abs(x - y) <= Math.abs(x) * BOUND;
  });
}

const SIGNALS: Readonly<Record<number, string>> = {
  4: 'ILL',
  5: 'TRAP',
  7: 'BUS',
  8: 'FPE',
  11: 'SEGV',
};

export async function differences(
  { code }: InstructionCase,
  host: InstructionRecord,
  ours: InstructionRecord,
): Promise<Difference | undefined> {
  const [instruction] = await disassemble(code, { arch: 'x86-64', address: PLACES.CODE });
  const { mnemonic = '(bad)', operands = '' } = instruction ?? {};
  const undefinedFlags = Number(undefinedAfter(mnemonic, operands, 0n));
  const found: [string, string, string][] = [];
  const note = (name: string, a: string, b: string): void => {
    if (a !== b) found.push([name, a, b]);
  };
  // A count beyond 16 bits leaves the result undefined.
  if (/^sh[lr]d/.test(mnemonic) && code.includes(0x66)) return undefined;
  note('end', end(host), end(ours));
  note('rip', hex(host.rip), hex(ours.rip));
  for (const [i, name] of REGISTERS.entries())
    note(name, hex(host.registers[i]!), hex(ours.registers[i]!));
  note('flags', hex(host.flags & ~undefinedFlags), hex(ours.flags & ~undefinedFlags));
  note('mxcsr', hex(host.fx.readUInt32LE(24)), hex(ours.fx.readUInt32LE(24)));
  for (let i = 0; i < 16; i++) {
    const [a, b] = [host.fx, ours.fx].map((fx) => fx.subarray(160 + 16 * i, 176 + 16 * i)) as [
      Buffer,
      Buffer,
    ];
    if (!APPROXIMATIONS.test(mnemonic) || !near(a, b)) note(`xmm${i}`, lane(a, 0), lane(b, 0));
  }
  for (let i = 0; i < 8; i++)
    note(
      `mm${i}`,
      host.fx.toString('hex', 32 + 16 * i, 42 + 16 * i),
      ours.fx.toString('hex', 32 + 16 * i, 42 + 16 * i),
    );
  note('x87', host.fx.toString('hex', 0, 5), ours.fx.toString('hex', 0, 5));
  for (let i = 0; i < 16; i++) {
    const [a, b] = [host, ours].map(({ upper }) => upper.subarray(16 * i, 16 * i + 16)) as [
      Buffer,
      Buffer,
    ];
    if (!APPROXIMATIONS.test(mnemonic) || !near(a, b)) note(`ymm${i}h`, lane(a, 0), lane(b, 0));
  }
  note('memory', Buffer.from(host.data).toString('hex'), Buffer.from(ours.data).toString('hex'));
  if (found.length === 0) return undefined;
  const names = [...new Set(found.map(([name]) => name.replace(/\d+/, '')))];
  const general = names.map((name) =>
    /^r[a-z]+$/.test(name) && name !== 'rip' ? 'register' : name,
  );
  const lines = found.slice(0, 3).map(([name, a, b]) => `${name} ${a} / ${b}`);
  return {
    kind: `${mnemonic} ${[...new Set(general)].join('+')}`,
    text: `${mnemonic} ${operands}: ${lines.join('; ')}`,
  };
}

function end({ signal, code, address, error, trap }: InstructionRecord): string {
  const where = signal === 5 && code === 2 ? '' : ` ${hex(address)}`;
  return `${SIGNALS[signal] ?? signal} ${code}${where} trap ${trap} error ${error}`;
}

const hex = (value: bigint | number): string => value.toString(16);

function lane(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.subarray(at, at + 16))
    .reverse()
    .toString('hex');
}
