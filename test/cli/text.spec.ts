/** The pages and objects that commands print, from hand-made input. */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/cli/arguments.js';
import { demoTable } from '../../src/cli/commands/demo.js';
import { policyList, policyPage } from '../../src/cli/commands/policies.js';
import { overview, page } from '../../src/cli/help.js';
import { splitSpecs } from '../../src/cli/program/policy-list.js';
import { parseHex } from '../../src/cli/program/program.js';
import { toJson } from '../../src/cli/report/json.js';
import { exitStatus } from '../../src/cli/status.js';
import { terminalOf } from '../../src/cli/terminal/terminal.js';
import type { Outcome, PolicyInfo } from '../../src/index.js';

const plain = terminalOf({}, {});

const info: PolicyInfo = {
  name: 'locked',
  summary: 'nothing changes',
  os: ['linux'],
  optIn: 'Nothing to switch on.',
  options: [{ name: 'mode', summary: 'how much', values: ['on', 'off'], default: 'on' }],
  rules: { 'locked/no-change': 'a mapping stays as it was made' },
  description: 'First part.\nSecond part.',
  history: 'None.',
  workarounds: ['Do not change anything.'],
  source: ['a paper'],
};

describe('help', () => {
  const command: Command = {
    name: 'fly',
    summary: 'take off',
    usage: 'PLANE [--high]',
    options: [{ name: 'height', value: 'FEET', help: 'how high' }],
    details: 'More words.',
    examples: ['mayexec fly kite'],
    run: () => Promise.resolve(0),
  };

  it('lists commands with their summaries and one example each', () => {
    expect(overview([command])).toContain('  fly  take off\n');
    expect(overview([command])).toContain('  mayexec fly kite\n');
  });

  it('shows usage, options, details and an example', () => {
    expect(page(command)).toBe(
      [
        'Usage: mayexec fly PLANE [--high]',
        '',
        'take off',
        '',
        'Options:',
        '  --height FEET  how high',
        '  -h, --help     print this page',
        '',
        'More words.',
        '',
        'Example:',
        '  mayexec fly kite',
        '',
      ].join('\n'),
    );
  });
});

describe('policies', () => {
  it('lists name and summary, broken to the width', () => {
    const narrow = terminalOf({ isTTY: true, columns: 17 }, { NO_COLOR: '1' });
    expect(policyList([info], narrow).slice(0, 3)).toEqual([
      'locked  nothing',
      '        changes',
      '',
    ]);
  });

  it('explains options with values and default, rules, and where it comes from', () => {
    const text = policyPage(info, plain).join('\n');
    expect(text).toMatch(/^locked\n {2}nothing changes\n/);
    expect(text).toContain('\n  First part.\n  Second part.\n');
    expect(text).toContain('\n  mode=on|off\n      how much (default on)\n');
    expect(text).toContain('\n  locked/no-change\n      a mapping stays as it was made\n');
    expect(text).toContain('\n  - a paper');
  });

  it('leaves out what there is none of', () => {
    const text = policyPage({ ...info, options: [], workarounds: [] }, plain).join('\n');
    expect(text).not.toContain('Options');
    expect(text).not.toContain('What works');
  });
});

describe('toJson', () => {
  it("writes 64-bit values as hexadecimal strings, negative ones in two's complement", () => {
    const value = { a: 0x7fff_ffff_ffff_ffffn, b: [-1n, 0n], c: 3, d: null };
    expect(JSON.parse(toJson(value))).toEqual({
      a: '0x7fffffffffffffff',
      b: ['0xffffffffffffffff', '0x0'],
      c: 3,
      d: null,
    });
  });
});

describe('exitStatus', () => {
  const signal = (name: string): Outcome => ({
    kind: 'signal',
    signal: name,
    code: 'SI_KERNEL',
    address: 0n,
    pc: 0n,
  });

  it.each<[Outcome, number]>([
    [{ kind: 'exit', code: 0 }, 0],
    [{ kind: 'exit', code: 42 }, 42],
    [{ kind: 'exit', code: 256 + 7 }, 7],
    [{ kind: 'exit', code: -1 }, 255],
    [signal('SIGILL'), 132],
    [signal('SIGBUS'), 135],
    [signal('SIGKILL'), 137],
    [signal('SIGSEGV'), 139],
    [signal('SIGSYS'), 159],
    [{ kind: 'return', value: 1001n }, 0],
    [{ kind: 'limit', limit: 'blocks' }, 3],
    [{ kind: 'asleep', waiting: [{ pid: 1000, call: 'pause' }] }, 3],
    [{ kind: 'deadlock', waiting: [{ pid: 1000, call: 'futex' }] }, 3],
    [{ kind: 'stopped', signal: 'SIGSTOP', pid: 1000 }, 3],
    [{ kind: 'exception', status: 0xc0000005, parameters: [8n, 0n], pc: 0n }, 5],
    [{ kind: 'oops', message: 'BUG: ...', pc: 0n }, 4],
    [{ kind: 'triple-fault', pc: 0n }, 4],
    [{ kind: 'halt', pc: 0n }, 0],
  ])('of %o is %i', (outcome, status) => {
    expect(exitStatus(outcome)).toBe(status);
  });
});

describe('parseHex', () => {
  it.each([
    ['b8 e9 03 00 00 c3', 'b8e9030000c3'],
    ['b8e9030000\nc3\n', 'b8e9030000c3'],
    ['0xb8, 0xE9, 0x03', 'b8e903'],
    ['\\xb8\\xe9\\x03 ; mov eax', 'b8e903'],
    ['# a comment\nc3 // ret', 'c3'],
    ['', ''],
  ])('reads %j', (text, bytes) => {
    expect(Buffer.from(parseHex('x.hex', text)).toString('hex')).toBe(bytes);
  });

  it.each([
    ['c3\nzz', "x.hex:2: 'zz' is not made of hexadecimal bytes"],
    ['c', "x.hex:1: 'c' is not made of hexadecimal bytes"],
    ['90 0xc', "x.hex:1: '0xc' is not made of hexadecimal bytes"],
  ])('refuses %j with the line and the word', (text, message) => {
    expect(() => parseHex('x.hex', text)).toThrow(message);
  });
});

describe('splitSpecs', () => {
  it('splits between policies, not between the options of one', () => {
    expect(splitSpecs('nx,selinux:execmem=deny,execmod=deny+mdwe,wx')).toEqual([
      'nx',
      'selinux:execmem=deny,execmod=deny+mdwe',
      'wx',
    ]);
  });
});

describe('demoTable', () => {
  const result = { program: 'malloc', arch: 'x86-64', stdout: '', reason: undefined };
  const killed = {
    kind: 'signal',
    signal: 'SIGSEGV',
    code: 'SEGV_ACCERR',
    address: 0n,
    pc: 0n,
  } as const;

  it('has a row per program, a column per policy, and each reason once', () => {
    const reason = 'a fetch from [heap], which is rw-';
    const results = [
      {
        ...result,
        policy: 'none',
        outcome: { kind: 'exit', code: 0 } as const,
        stdout: 'f() = 1001',
      },
      { ...result, policy: 'nx', outcome: killed, reason },
      { ...result, policy: 'none', outcome: { kind: 'exit', code: 1 } as const, arch: 'i386' },
      { ...result, policy: 'nx', outcome: killed, reason, arch: 'i386' },
    ];
    expect(demoTable(results, ['none', 'nx'], plain)).toEqual([
      'program  arch    none        nx',
      'malloc   x86-64  f() = 1001  SIGSEGV [1]',
      'malloc   i386    exit 1      SIGSEGV [1]',
      '',
      '[1] a fetch from [heap], which is rw-',
    ]);
  });
});
