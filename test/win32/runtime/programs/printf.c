#define __USE_MINGW_ANSI_STDIO 0
#include <stdio.h>
#include <float.h>
#include <wchar.h>
#include <stdarg.h>
#include <stdint.h>
static void vf(const char *f, ...)
{
  va_list a;
  va_start(a, f);
  vprintf(f, a);
  va_end(a);
}

int main(void)
{
  printf("[%d|%5d|%-5d|%05d|%+d|% d|%.3d|%x|%X|%#x|%o|%#o|%u]\n", 1, 2, 3, 4, 5, 6, 7, 255, 255, 255, 8, 8,
         4000000000u);
  printf("[%ld %hd %d %I64d %I64x %lld]\n", -1L, (short) 70000, 300, 1LL << 40, -1LL, 123456789012LL);
  printf("[%f %.2f %10.3f %-10.1f| %e %.3E %g %g %g %G %a]\n", 3.14159, 2.5, 1.0 / 3, 9.99, 12345.678,
         0.00012, 1e10, 1e-5, 100000.0, 1e-10, 1.0);
  printf("[%f %f %e %g %5.1f %F]\n", 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0, -0.0, 1e300 * 1e300, 2.0);
  printf("[%.0f %.0f %.0f %.0f %.1f %.20f %.15g]\n", 0.5, 1.5, 2.5, 3.5, 0.25, 0.1, 0.1);
  printf("[%f]\n", 1e22);
  printf("[%.3f]\n", 1.23456789e25);
  printf("[%.17g %g %g]\n", 0.1, 123456789.0, 0.0001);
  printf("[%s %10s %-10s| %.2s %c %5c %-3c| %%]\n", "str", "right", "left", "trunc", 'x', 'y', 'z');
  printf("[%S %ls %ws %C %lc]\n", L"wide", L"wide2", L"wide3", L'Q', L'R');
  printf("[%d]\n", 3);
  printf("[%s]\n", (char *) 0);
  int n;
  printf("abc%n", &n);
  printf(" %d\n", n);
  printf("[%*d %-*d %.*f]\n", 6, 42, 6, 42, 2, 3.14159);
  printf("[%#g %#.0f %#e]\n", 1.0, 1.0, 1.0);
  printf("[%+.2e % .2f %+g]\n", 12.5, 3.0, 0.0);
  printf("[%08.3f %-8.3f| %+08.2f]\n", 3.14159, 3.14159, -2.5);
  printf("\n");
  printf("[%Id]\n", (size_t) 5, (ptrdiff_t) 6, (intmax_t) 7);
  vf("vp %d %s %f\n", 1, "two", 3.0);
  char b[8];
  int r = _snprintf(b, 8, "%s", "longer than eight");
  printf("%d %.8s\n", r, b);
  r = snprintf(b, 8, "%s", "longer than");
  printf("%d %s\n", r, b);
  wchar_t w[32];
  _snwprintf(w, 32, L"%d-%ls", 7, L"x");
  wprintf(L"%s\n", w);
  fputws(L"fputws\n", stdout);
  putwchar(L'A');
  putchar('\n');
  printf("%g %g %g\n", DBL_MAX, DBL_MIN, FLT_EPSILON);
  fprintf(stderr, "to stderr %d\n", 3);
  puts("done");
  return 7;
}
