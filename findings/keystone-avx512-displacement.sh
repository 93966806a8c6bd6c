#!/usr/bin/env bash
# Keystone writes the 8-bit displacement of an EVEX instruction as it stands, though the CPU multiplies it.
#
# One would have guessed: `[rax + 0x40]` in an AVX-512 instruction means that address, whatever the encoding. The
# manual (Intel SDM volume 2, "compressed displacement") has the CPU multiply an 8-bit displacement by the size of the
# access, so an assembler has to divide it. What happens (@alexaltea/keystone-js 0.9.2): the byte is 0x40, and the
# instruction reads [rax + 0x1000], as Capstone shows. With the VEX form of the same
# instruction the displacement is right.
# Exits 0 while this is so, 1 when it has changed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @alexaltea/keystone-js@0.9.2 @alexaltea/capstone-js@5.0.9
cat > see.cjs <<'END'
(async () => {
  const K = await require('@alexaltea/keystone-js')();
  const C = await require('@alexaltea/capstone-js')();
  const assembler = new K.Keystone(K.ARCH_X86, K.MODE_64);
  const disassembler = new C.Capstone(C.ARCH_X86, C.MODE_64);
  const expected = {
    'vaddps zmm0, zmm1, [rax + 0x40]': 'rax + 0x1000]',
    'vaddps ymm0, ymm1, [rax + 0x40]': 'rax + 0x40]',
  };
  for (const [text, end] of Object.entries(expected)) {
    const { mc } = assembler.asm(text, 0x1000);
    const [{ mnemonic, op_str: operands }] = disassembler.disasm(mc, 0x1000);
    console.log(`${text}  ${Buffer.from(mc).toString('hex')}  ${mnemonic} ${operands}`);
    if (!operands.endsWith(end)) process.exitCode = 1;
  }
})();
END
node see.cjs
# Seen:
#   vaddps zmm0, zmm1, [rax + 0x40]  62f17448584040  vaddps zmm0, zmm1, zmmword ptr [rax + 0x1000]
#   vaddps ymm0, ymm1, [rax + 0x40]  c5f4584040  vaddps ymm0, ymm1, ymmword ptr [rax + 0x40]
