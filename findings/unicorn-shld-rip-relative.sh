#!/usr/bin/env bash
# Unicorn reads and writes the rip-relative operand of shld and shrd one byte too low when a count follows.
#
# One would have guessed: a rip-relative operand counts from the end of the whole instruction, its immediate included
# (Intel SDM volume 2, 2.2.1.6), for shld as for every other instruction. What happens (unicorn 2.1.4): `shld [rip + 0x40],
# eax, 8` and shrd leave the immediate out and use the address below. Those that use CL, and shl, imul, pinsrw and
# pextrd with an immediate, use the right one.
# Exits 0 while this is so, 1 when it has changed.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check unicorn==2.1.4
cat > see.py <<'END'
import sys
from unicorn import Uc, UC_ARCH_X86, UC_MODE_64, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

BASE, DISPLACEMENT = 0x1000, 0x40
CASES = [  # text, bytes before the displacement, those behind it, distance from the right address
    ('shld [rip + 0x40], eax, 8', '0fa405', '08', -1),
    ('shrd [rip + 0x40], eax, 8', '0fac05', '08', -1),
    ('shld [rip + 0x40], eax, cl', '0fa505', '', 0),
    ('shl dword ptr [rip + 0x40], 8', 'c125', '08', 0),
    ('imul eax, [rip + 0x40], 1', '6b05', '01', 0),
    ('pinsrw xmm0, [rip + 0x40], 0', '660fc405', '00', 0),
    ('pextrd [rip + 0x40], xmm0, 0', '660f3a1605', '00', 0),
]
changed = False
for text, head, immediate, expected in CASES:
    code = bytes.fromhex(head) + DISPLACEMENT.to_bytes(4, 'little') + bytes.fromhex(immediate)
    cpu = Uc(UC_ARCH_X86, UC_MODE_64)
    cpu.mem_map(BASE, 0x1000)
    cpu.mem_write(BASE, code)
    touched = set()
    cpu.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
                 lambda _cpu, _kind, address, *_rest: touched.add(address))
    cpu.emu_start(BASE, BASE + len(code))
    right = BASE + len(code) + DISPLACEMENT
    seen = [address - right for address in sorted(touched)]
    print(f'{text:<32} {seen[0]:>2}')
    changed |= seen != [expected]
sys.exit(1 if changed else 0)
END
env/bin/python see.py
# Seen:
#   shld [rip + 0x40], eax, 8        -1
#   shrd [rip + 0x40], eax, 8        -1
#   shld [rip + 0x40], eax, cl        0
#   shl dword ptr [rip + 0x40], 8     0
#   imul eax, [rip + 0x40], 1         0
#   pinsrw xmm0, [rip + 0x40], 0      0
#   pextrd [rip + 0x40], xmm0, 0      0
