#!/usr/bin/env bash
# Keystone assembles a push of 0x80000000 in 64-bit mode as a push of 16 bits of zero.
#
# One would have guessed: a constant that no 32-bit immediate can hold sign-extended is refused, as it is in
# `cmp rax, 0xffffffff` and `imul rax, rbx, 0x80000000`. What happens (@alexaltea/keystone-js 0.9.2): `push 0x80000000`
# gives 66 68 00 00, which pushes two bytes, both zero: the stack pointer moves by 2 instead of 8, and the constant is
# gone. 0x7fffffff is right, and so is everything smaller.
# Exits 0 while this is so, 1 when it has changed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @alexaltea/keystone-js@0.9.2
cat > see.cjs <<'END'
require('@alexaltea/keystone-js')().then((K) => {
  const assembler = new K.Keystone(K.ARCH_X86, K.MODE_64);
  const expected = {
    'push 0x7fffffff': '68ffffff7f',
    'push 0x80000000': '66680000',
    'cmp rax, 0xffffffff': 'refused',
    'imul rax, rbx, 0x80000000': 'refused',
  };
  for (const [text, bytes] of Object.entries(expected)) {
    const { mc, failed } = assembler.asm(text, 0x1000);
    const seen = failed ? 'refused' : Buffer.from(mc).toString('hex');
    console.log(`${text.padEnd(26)} ${seen}`);
    if (seen !== bytes) process.exitCode = 1;
  }
});
END
node see.cjs
# Seen:
#   push 0x7fffffff            68ffffff7f
#   push 0x80000000            66680000
#   cmp rax, 0xffffffff        refused
#   imul rax, rbx, 0x80000000  refused
