#!/usr/bin/env bash
# LuaJIT where no page may become executable: the error at the first compiled loop cannot be caught by pcall.
#
# One would have guessed: a JIT compiler with an interpreter beside it goes on interpreting when it gets no executable
# memory, or raises an error that the script can catch. What happens (Debian 12, luajit
# 2.1.0~beta3+git20220320+dfsg-4.1+deb12u1): a script that stays cold works; as soon as a loop is hot, the process ends
# with "PANIC: unprotected error in call to Lua API (runtime code generation failed, restricted kernel?)" and status 1,
# pcall around the loop or not. Only -joff helps. The reason is the process's own wish here, PR_SET_MDWE (Linux 6.3);
# systemd's MemoryDenyWriteExecute= and SELinux without execmem do the same.
# Needs Debian's packages, perl and Linux 6.3. Exits 0 while this is so, 1 when it has changed, 2 where it cannot be seen.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"; chmod 755 .
for package in luajit libluajit-5.1-2 libluajit-5.1-common; do
  apt-get download -q "$package=2.1.0~beta3+git20220320+dfsg-4.1+deb12u1" >/dev/null 2>&1 || { echo "no $package of that version here"; exit 2; }
done
for file in *.deb; do dpkg-deb -x "$file" root; done
luajit=$(ls root/usr/bin/luajit* | head -1)
export LD_LIBRARY_PATH=$PWD/root/usr/lib/x86_64-linux-gnu LUA_PATH="$PWD/root/usr/share/luajit-2.1.0-beta3/?.lua"
cat > hot.lua <<'END'
local ok = pcall(function() local s = 0; for i = 1, 1e6 do s = s + i % 7 end; print('sum', s) end)
print('pcall gave', ok)
END
echo "print('cold')" > cold.lua
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), then the program.
under() { perl -e 'syscall(157, 65, 1, 0, 0, 0) == 0 or exit 2; exec @ARGV' "$@" 2>&1; }
show() { echo "$1: $3 (status $2)"; }
set +e
plain=$("$luajit" hot.lua 2>&1); s0=$?
hot=$(under "$luajit" hot.lua); s1=$?
cold=$(under "$luajit" cold.lua); s2=$?
off=$(under "$luajit" -joff hot.lua); s3=$?
[ $s2 = 2 ] && { echo 'this kernel has no PR_SET_MDWE'; exit 2; }
show 'hot, unrestricted' $s0 "$plain"; show 'hot' $s1 "$hot"; show 'cold' $s2 "$cold"; show 'hot, -joff' $s3 "$off"
[ $s0 = 0 ] && [ $s2 = 0 ] && [ $s3 = 0 ] && [ $s1 = 1 ] && echo "$hot" | grep -q 'PANIC: unprotected error.*restricted kernel' && ! echo "$hot" | grep -q 'pcall gave'
# Seen (lines joined by /):
#   hot, unrestricted: sum 2999998 / pcall gave true (status 0)
#   hot: PANIC: unprotected error in call to Lua API (runtime code generation failed, restricted kernel?) (status 1)
#   cold: cold (status 0)
#   hot, -joff: sum 2999998 / pcall gave true (status 0)
