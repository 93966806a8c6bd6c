#!/usr/bin/env bash
# Unicorn reads 16 bytes for the 8-byte (and 4-byte) memory operands of some SSE instructions.
#
# One would have guessed: `cvtps2pd xmm0, [rbx]` reads the eight bytes of its operand (Intel SDM: xmm2/m64), so that an
# operand that ends where its page ends is fine, as it is on a CPU. What happens (unicorn 2.1.4, as 1.0.3): the whole
# sixteen bytes are loaded, and with nothing mapped behind the page correct code ends with UC_ERR_READ_UNMAPPED. So do
# cvtdq2pd, cvtps2pi, cvttps2pi, roundsd, roundss and, of MMX, punpcklbw (eight bytes for four). movss, movddup and
# pmovzxbw read what they should.
# Exits 0 while this is so, 1 when it has changed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check unicorn==2.1.4
cat > see.py <<'END'
import sys
from unicorn import Uc, UcError, UC_ARCH_X86, UC_MODE_64
from unicorn.x86_const import UC_X86_REG_RBX

CASES = [  # text, code, bytes of the operand, what is seen
    ('cvtps2pd xmm0, [rbx]', '0f5a03', 8, 'reads on'),
    ('cvtdq2pd xmm0, [rbx]', 'f30fe603', 8, 'reads on'),
    ('cvtps2pi mm0, [rbx]', '0f2d03', 8, 'reads on'),
    ('cvttps2pi mm0, [rbx]', '0f2c03', 8, 'reads on'),
    ('roundsd xmm0, [rbx], 0', '660f3a0b0300', 8, 'reads on'),
    ('roundss xmm0, [rbx], 0', '660f3a0a0300', 4, 'reads on'),
    ('punpcklbw mm0, [rbx]', '0f6003', 4, 'reads on'),
    ('movss xmm0, [rbx]', 'f30f1003', 4, 'ok'),
    ('movddup xmm0, [rbx]', 'f20f1203', 8, 'ok'),
    ('pmovzxbw xmm0, [rbx]', '660f383003', 8, 'ok'),
]
changed = False
for text, code, size, expected in CASES:
    cpu = Uc(UC_ARCH_X86, UC_MODE_64)
    cpu.mem_map(0x1000, 0x1000)
    cpu.mem_map(0x4000, 0x1000)  # nothing at 0x5000
    cpu.mem_write(0x1000, bytes.fromhex(code))
    cpu.reg_write(UC_X86_REG_RBX, 0x5000 - size)
    try:
        cpu.emu_start(0x1000, 0x1000 + len(code) // 2)
        seen = 'ok'
    except UcError:
        seen = 'reads on'
    print(f'{text:<24} {size} bytes  {seen}')
    changed |= seen != expected
sys.exit(1 if changed else 0)
END
env/bin/python see.py
# Seen:
#   cvtps2pd xmm0, [rbx]     8 bytes  reads on
#   cvtdq2pd xmm0, [rbx]     8 bytes  reads on
#   cvtps2pi mm0, [rbx]      8 bytes  reads on
#   cvttps2pi mm0, [rbx]     8 bytes  reads on
#   roundsd xmm0, [rbx], 0   8 bytes  reads on
#   roundss xmm0, [rbx], 0   4 bytes  reads on
#   punpcklbw mm0, [rbx]     4 bytes  reads on
#   movss xmm0, [rbx]        4 bytes  ok
#   movddup xmm0, [rbx]      8 bytes  ok
#   pmovzxbw xmm0, [rbx]     8 bytes  ok
