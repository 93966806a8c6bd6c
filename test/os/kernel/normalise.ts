/**
 * A report of a kernel without what differs from boot to boot and from image to image: addresses, register contents,
 * processes, sizes of functions, code bytes but the marked one, the call trace between its marks, the machine's name. What
 * is left of a page-table line is the rights of its leaf.
 */
export function normaliseReport(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let trace = false;
  for (const line of lines) {
    if (line.startsWith('oopsmod:')) continue;
    if (/^ <(TASK|IRQ)>$/.test(line)) trace = true;
    else if (/^ <\/(TASK|IRQ)>$/.test(line)) trace = false;
    else if (trace) continue;
    kept.push(normaliseLine(line));
  }
  return kept;
}

const END_TRACE = '---[ end trace 0000000000000000 ]---';

/**
 * Of a boot with several oopses: as if it was the first. The registers at the end are those of the first in any case, and
 * are left out.
 */
export function asFirst(lines: readonly string[]): string[] {
  const end = lines.indexOf(END_TRACE);
  const shown = lines.filter((line, index) => end < 0 || index <= end || line.startsWith('note: '));
  return shown.map((line) =>
    line
      .replace(/\[#\d+\]/, '[#1]')
      .replace('Tainted: G      D     E', 'Tainted: G            E')
      .replace('Tainted: [D]=DIE, [E]', 'Tainted: [E]'),
  );
}

function normaliseLine(line: string): string {
  if (line.startsWith('PGD ')) return tableLine(line);
  if (line.startsWith('Hardware name: ')) return 'Hardware name: M';
  if (line.startsWith('RIP: ')) return instructionLine(line);
  if (line.startsWith('Code: ')) return codeLine(line);
  if (line.startsWith('WARNING: CPU')) return 'WARNING: CPU: 0 PID: N at F:L S';
  if (line.startsWith('WARNING: ')) return 'WARNING: F:L at S, CPU#0: cat/N';
  if (line.startsWith('CPA ')) return line.replace(/ range: .*/, ' range: X');
  if (/^(RSP|FS|R[A-Z0-9]{2}): /.test(line))
    return line.replace(/\b[0-9a-f]{16}\b/g, 'X').replace(/(EFLAGS: )\S+/, '$1X');
  if (/^CR2: \S+ CR3/.test(line))
    return line.replace(/(?!f{13})\b[0-9a-f]{16}/g, 'X').replace(/(CR[34]: )\S+/g, '$1X');
  return line
    .replace(/\b[0-9a-f]{16}\b/g, word)
    .replace(/(?<=usercopy\.c:)\d+/, 'L')
    .replace(/PID: \d+/, 'PID: N')
    .replace(/kworker\/\d:\d/, 'kworker')
    .replace(/\[\d+\] exited/, '[N] exited')
    .replace(/offset \d+/, 'offset N');
}

/** The module's functions have the sizes of the recorded ones. */
function instructionLine(line: string): string {
  if (/:0x[0-9a-f]+$/.test(line)) return /dead|0x0$/.test(line) ? line : 'RIP: 0010:0xX';
  const [, name, offset] = /:([\w.]+)\+(0x[0-9a-f]+)/.exec(line) ?? [];
  return name === 'store_ulong' || name === 'load_ulong'
    ? `RIP: 0010:${name}+${offset} [oopsmod]`
    : 'RIP: 0010:S';
}

/** Addresses of which the number is what it is about stay. */
function word(text: string): string {
  const value = BigInt(`0x${text}`);
  const isSmall = value < 0x1_0000n || value > 0xffff_ffff_ffff_f000n;
  return isSmall || text === '0000000080050033' ? text : 'X';
}

function codeLine(line: string): string {
  const marked = /<([0-9a-f]{2})>/.exec(line)?.[1];
  if (marked === undefined) return line.replace(/0x(?!ffffffffffffffd6)[0-9a-f]+/, '0xX');
  const shown = ['48', 'cc'].includes(marked) ? marked : 'xx';
  return `Code: ${line.split(' ').length - 1} bytes, <${shown}>`;
}

const PRESENT = 1;
const LARGE = 0x80;

/** `rights of the leaf: 121 NX`; a large page's size bit is of no interest. */
function tableLine(line: string): string {
  const leaf = BigInt(`0x${line.trim().split(' ').at(-1)}`);
  const flags = Number(leaf & 0xfffn);
  if (leaf === 0n) return 'PGD: not present';
  const shown = (line.includes('PTE') ? flags : flags & ~LARGE).toString(16);
  const inverted = (flags & PRESENT) === 0 ? ' inverted' : '';
  return `PGD: leaf ${shown}${leaf >> 63n === 1n ? ' NX' : ''}${inverted}`;
}
