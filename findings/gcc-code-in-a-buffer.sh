#!/usr/bin/env bash
# GCC leaves out the bytes that a program copies to a local buffer and then calls.
#
# One would have guessed: a call through a pointer to a buffer needs what is in the buffer, as a call of a function
# that is given the pointer does; at least where the pointer went through a volatile variable. What happens (GCC 12.2,
# Debian's cpp-12 12.2.0-14+deb12u1): from -O1 on the copy is a dead store, as nothing *reads* the buffer, and the
# program jumps into whatever lay on the stack. At -O0 the copy is there, and with __builtin___clear_cache() on the
# buffer or an asm that clobbers memory, though on x86 neither makes an instruction. (C does not define the cast from
# an object to a function; POSIX asks for it with dlsym.) A test of a code generator that seems to die of NX may die
# of its compiler: look whether the bytes at the faulting address are zeros.
# Exits 0 while this is so, 1 when it has changed. Needs a Debian 12 package source.
set -eu
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; chmod 755 "$work"; cd "$work"
apt-get download -q cpp-12=12.2.0-14+deb12u1 libisl23=0.25-1.1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1 \
  libgmp10=2:6.2.1+dfsg1-1.1 libzstd1=1.5.4+dfsg2-5 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
cat > plain.i <<'END'
void *memcpy(void *, const void *, unsigned long);
static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
int run(void) {
  unsigned char buffer[64];
  memcpy(buffer, code, sizeof code);
  return ((int (*)(void))(void *)buffer)();
}
END
call='return ((int (*)(void))(void *)buffer)();'
sed "s/return .*/void *volatile hidden = buffer; return ((int (*)(void))hidden)();/" plain.i > volatile.i
sed "s/return .*/__builtin___clear_cache((char *)buffer, (char *)buffer + 6); $call/" plain.i > flushed.i
sed "s/return .*/__asm__ volatile(\"\" : : \"r\"(buffer) : \"memory\"); $call/" plain.i > clobbered.i
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
# The first four bytes, 0xb8 42 0 0, are 10936 as a number.
copies() { root/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet "$1" "$2" -o - | grep -cE '\$10936|code\(%rip\)' || true; }
status=0
expect() {
  count=$(copies "$1" "$2")
  seen=$([ "$count" = 0 ] && echo 'not copied' || echo 'copied')
  echo "$1 $2: the bytes are $seen"
  [ "$seen" = "$3" ] || status=1
}
expect -O0 plain.i 'copied'
expect -O1 plain.i 'not copied'
expect -O2 plain.i 'not copied'
expect -O1 volatile.i 'not copied'
expect -O1 flushed.i 'copied'
expect -O1 clobbered.i 'copied'
exit $status
# Seen:
#   -O0 plain.i: the bytes are copied
#   -O1 plain.i: the bytes are not copied
#   -O2 plain.i: the bytes are not copied
#   -O1 volatile.i: the bytes are not copied
#   -O1 flushed.i: the bytes are copied
#   -O1 clobbered.i: the bytes are copied
