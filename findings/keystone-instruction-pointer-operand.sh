#!/usr/bin/env bash
# Keystone takes the instruction pointer for the accumulator where an instruction cannot name it.
#
# One would have guessed: `mov rax, rip`, `pop rip` and `jmp rip` are no instructions of x86, so an assembler refuses
# them. What happens (@alexaltea/keystone-js 0.9.2): they assemble without an error, with register number 0 in the
# operand, and become `mov rax, rax`, `pop rax` and `jmp rax`. `lea eax, [eip + 4]` loses its base the same way and
# becomes `lea eax, [rax + 4]`, although `[rip + 4]` is encoded right. GNU as refuses the first three.
# Exits 0 while this is so, 1 when it has changed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @alexaltea/keystone-js@0.9.2
cat > see.cjs <<'END'
require('@alexaltea/keystone-js')().then((K) => {
  const assembler = new K.Keystone(K.ARCH_X86, K.MODE_64);
  const expected = {
    'mov rax, rip': '4889c0',
    'pop rip': '58',
    'jmp rip': 'ffe0',
    'lea eax, [eip + 4]': '8d4004',
    'lea rax, [rip + 4]': '488d0504000000',
  };
  for (const [text, bytes] of Object.entries(expected)) {
    const { mc, failed } = assembler.asm(text, 0x1000);
    const seen = failed ? 'refused' : Buffer.from(mc).toString('hex');
    console.log(`${text.padEnd(20)} ${seen}`);
    if (seen !== bytes) process.exitCode = 1;
  }
});
END
node see.cjs
# Seen:
#   mov rax, rip         4889c0
#   pop rip              58
#   jmp rip              ffe0
#   lea eax, [eip + 4]   8d4004
#   lea rax, [rip + 4]   488d0504000000
