/* Strings with escapes and bytes above 127, tables of pointers to them, loops over bytes. */
#include "start.h"
static const char *words[] = {"zero", "one\ttwo", "a \"quoted\" \\ word", "vier\303\244", "", "line\n", "semi;colon # no comment /* nor this */"};
static char buffer[64] = "begin";
NOINLINE static int length(const char *s) { int n = 0; while (*s++) n++; return n; }
NOINLINE static void append(char *to, const char *from) { while (*to) to++; while ((*to++ = *from++)) {} }
int body(void) {
  unsigned long r = 0;
  for (int i = 0; i < 7; i++) {
    if (length(buffer) + length(words[i]) < 63) append(buffer, words[i]);
    for (const char *p = words[i]; *p; p++) r = r * 33 + (unsigned char)*p;
  }
  for (int i = 0; i < 64; i++) r = r * 7 + (unsigned char)buffer[i];
  return fold(r);
}
