/**
 * Feeds every shape to every parser: node feed-parsers.mjs LIBRARY. What is refused is refused in one short line (a
 * MayexecError); anything else that is thrown is printed as JSON, with the slowest. Runs as a process of its own, so
 * that a hang or a heap that grows is one test's failure.
 */
import { argv, cpuUsage, stdout } from 'node:process';
import { FILES, LINES, TEXTS } from './text-shapes.mjs';

const library = await import(argv[2]);
const { assemble, linkCode, loadScenario, parseProbe, runScenario, Sandbox } = library;

const HEADER = 'mayexec-probe 1 x86-64 Linux 6.18.0 x86_64\n';
const lesson = (front, body) =>
  `---\ntitle: x\npolicies: [nx]\n${front}\n---\n\`\`\`asm\n_start: ret\n${body}\n\`\`\`\n`;
const create = async (options) => (await Sandbox.create(options)).close();
const include = () => undefined;

/** By what they read. A scenario is read, not run: what its programs do is another matter. */
const OF_TEXT = {
  'a source': (text) => assemble(text, { arch: 'x86-64', include }),
  'a source in AT&T syntax': (text) => assemble(text, { arch: 'i386', syntax: 'att', include }),
  'a lesson': (text) => loadScenario(text, { file: 'a.md', include }),
  'a source with directives': (text) => loadScenario(text, { file: 'a.s', include }),
  'results of a probe': (text) => parseProbe(text),
};
const OF_LINES = {
  ...OF_TEXT,
  'an operand': (line) => assemble(`mov rax, ${line}`, { arch: 'x86-64' }),
  'an address': (line) => assemble(`mov rax, [${line}]`, { arch: 'x86-64' }),
  'an operand in AT&T syntax': (line) =>
    assemble(`mov $${line}, %eax`, { arch: 'i386', syntax: 'att' }),
  data: (line) => assemble(`.byte ${line}`, { arch: 'x86-64' }),
  'a string': (line) => assemble(`.ascii "${line}"`, { arch: 'x86-64' }),
  'a floating-point number': (line) => assemble(`.double ${line}`, { arch: 'x86-64' }),
  'a section': (line) => assemble(`.section ${line}`, { arch: 'x86-64' }),
  'a macro': (line) => assemble(`.macro ${line}\n.endm\nm ${line}`, { arch: 'x86-64' }),
  "a macro's argument": (line) =>
    assemble(`.macro m a, b=1, c:vararg\nnop\n.endm\nm ${line}`, { arch: 'x86-64' }),
  'a condition': (line) =>
    assemble(`.if ${line}\n.endif\n.ifdef ${line}\n.endif`, { arch: 'x86-64' }),
  'an included name': (line) => assemble(`.include "${line}"`, { arch: 'x86-64', include }),
  'a value of front matter': (line) =>
    loadScenario(lesson(`arguments: ${line}`, ''), { file: 'a.md' }),
  'a list of front matter': (line) =>
    loadScenario(lesson(`arguments: [${line}]`, ''), { file: 'a.md' }),
  'a line of front matter': (line) => loadScenario(lesson(line, ''), { file: 'a.md' }),
  'a map of front matter': (line) =>
    loadScenario(lesson(`xattrs:\n  ${line}: ${line}`, ''), { file: 'a.md' }),
  'a directive': (line) => loadScenario(lesson('', `;@ ${line}`), { file: 'a.md' }),
  'a heading of a source': (line) =>
    loadScenario(`;@ title ${line}\n;@ policy ${line}\n`, { file: 'a.s' }),
  'a row of a table': (line) =>
    loadScenario(
      `${lesson('', '')}| policy | outcome | why |\n| --- | --- | --- |\n| ${line} |\n`,
      { file: 'a.md' },
    ),
  'a call': (line) => runScenario(`f: ret\n;@ call f(${line}) = ${line}\n`, { file: 'a.s' }),
  'a buffer': (line) =>
    runScenario(`f: ret\n;@ buffer ${line} = ${line}\n;@ call f() = 0\n`, { file: 'a.s' }),
  'a result of a probe': (line) => parseProbe(`${HEADER}${line}\n`),
  'a header of a probe': (line) => parseProbe(`mayexec-probe 1 x86-64 ${line} ${line} ${line}\n`),
  'a policy': (line) => create({ policy: line }),
  'an option of a policy': (line) => create({ policy: `pax:${line}` }),
  'an injection': (line) => create({ inject: line }),
  'a setting of an injection': (line) => create({ inject: `mmap:${line}` }),
  'a setting of the kernel': (line) => create({ sysctl: { [line]: 1 } }),
  'a layout': (line) => create({ layout: line }),
  'an option': (line) => create({ [line]: 1 }),
  'a mount': (line) => create({ mounts: { '/tmp': [line] } }),
};
const OF_FILES = {
  'an object': (bytes) => linkCode([{ name: 'a.o', bytes }]),
  'a program': (bytes) => create({ program: bytes }),
  'a program of Windows': (bytes) => create({ os: 'windows', program: bytes }),
};

const failures = [];
const times = [];

async function feed(parser, shape, work) {
  const before = cpuUsage();
  try {
    await work();
  } catch (error) {
    const name = error?.name ?? '';
    const known = error instanceof library.MayexecError;
    const lines = String(error?.message).split('\n');
    const longest = Math.max(...lines.map((line) => line.length));
    if (!known) failures.push(`${parser} of ${shape}: ${name}: ${lines[0].slice(0, 200)}`);
    else if (longest > 6000 || lines.length > 21) {
      failures.push(`${parser} of ${shape}: ${lines.length} lines, the longest of ${longest}`);
    }
  }
  const { user, system } = cpuUsage(before);
  times.push({ parser, shape, seconds: (user + system) / 1e6 });
}

for (const [shape, line] of Object.entries(LINES)) {
  for (const [parser, parse] of Object.entries(OF_LINES))
    await feed(parser, shape, () => parse(line));
}
for (const [shape, text] of Object.entries(TEXTS)) {
  for (const [parser, parse] of Object.entries(OF_TEXT))
    await feed(parser, shape, () => parse(text));
}
for (const [shape, bytes] of Object.entries(FILES)) {
  for (const [parser, parse] of Object.entries(OF_FILES))
    await feed(parser, shape, () => parse(bytes));
}
const slowest = times.sort((a, b) => b.seconds - a.seconds).slice(0, 5);
stdout.write(`${JSON.stringify({ fed: times.length, failures, slowest }, null, 1)}\n`);
