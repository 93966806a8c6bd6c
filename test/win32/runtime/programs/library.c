#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <math.h>
#include <time.h>
#include <limits.h>
static int cmp(const void *a, const void *b)
{
  return *(int *) a - *(int *) b;
}

static int scmp(const void *a, const void *b)
{
  return strcmp(*(char **) a, *(char **) b);
}

int main(void)
{
  int v[] = { 9, 3, 7, 1, 8, 2, 5, 4, 6, 0, 11, -3 };
  qsort(v, 12, sizeof v[0], cmp);
  for (int i = 0; i < 12; i++)
    printf("%d ", v[i]);
  puts("");
  int k = 7;
  int *p = bsearch(&k, v, 12, 4, cmp);
  printf("found %d\n", p ? (int) (p - v) : -1);
  k = 100;
  p = bsearch(&k, v, 12, 4, cmp);
  printf("%d\n", p != NULL);
  char *s[] = { "pear", "apple", "fig", "banana" };
  qsort(s, 4, sizeof *s, scmp);
  for (int i = 0; i < 4; i++)
    printf("%s ", s[i]);
  puts("");
  char t[] = "a,b;;c d";
  for (char *q = strtok(t, ",; "); q; q = strtok(NULL, ",; "))
    printf("[%s]", q);
  puts("");
  printf("%s %s %d %d\n", strrchr("a/b/c", '/'), strpbrk("hello", "xl"), (int) strspn("aabc", "ab"),
         (int) strcspn("hello", "l"));
  printf("%d %d %d\n", _stricmp("HeLLo", "hello"), _strnicmp("abX", "aby", 2), strncmp("abc", "abd", 2));
  char b[64];
  strncpy(b, "abc", 10);
  strncat(b, "defgh", 3);
  puts(b);
  strcpy(b, "MiXed");
  puts(_strlwr(b));
  puts(_strupr(b));
  char *d = strdup("dup");
  puts(d);
  free(d);
  printf("%d %d %d %d %d\n", !!isalpha('a'), !!isdigit('x'), !!isspace(' '), toupper('q'), tolower('Q'));
  printf("%ld %lu %d %g %g\n", strtol("-0x1fz", &d, 16), strtoul("4294967295", 0, 10), atoi(" 42x"),
         atof("3.25e2"), strtod("1e-3q", &d));
  puts(d);
  printf("%I64d %I64u\n", _strtoi64("-9223372036854775807", 0, 10), _strtoui64("18446744073709551615", 0, 0));
  printf("%s %s %s\n", _itoa(255, b, 16), _ltoa(-5, b + 20, 10), _ultoa(7, b + 40, 2));
  srand(1);
  printf("%d %d %d max %d\n", rand(), rand(), rand(), RAND_MAX);
  printf("%.6f %.6f %.6f %.6f %.6f\n", sqrt(2), sin(1), cos(1), exp(1), log(10));
  printf("%.6f %.6f %.6f %.6f %.6f\n", pow(2, 0.5), atan2(1, 2), floor(-1.5), ceil(1.2), fmod(7.5, 2));
  printf("%f %f %f %f\n", tan(1), asin(.5), acos(.5), atan(1));
  printf("%f %f %f\n", sinh(1), cosh(1), tanh(1));
  int e;
  printf("%f", frexp(12.5, &e));
  printf(" %d %f\n", e, ldexp(.5, 4));
  double ip;
  printf("%f", modf(3.75, &ip));
  printf(" %f %f\n", ip, log10(1000));
  printf("%d %ld\n", abs(-3), labs(-4L));
  div_t q = div(17, 5);
  printf("%d %d\n", q.quot, q.rem);
  time_t z = 0;
  struct tm *tm = gmtime(&z);
  printf("%d %d %d\n", tm->tm_year, tm->tm_mon, tm->tm_mday);
  strftime(b, 64, "%Y-%m-%d %H:%M:%S %a %b %j", tm);
  puts(b);
  printf("%s", asctime(tm));
  tm->tm_mday = 2;
  printf("%s\n", getenv("NOPE") ? "yes" : "no");
  putenv("MINE=val");
  printf("%s\n", getenv("MINE"));
  printf("%d\n", getenv("PATH") != NULL);
  int x;
  char w[20];
  float fl;
  double db;
  printf("%d", sscanf("12 word 1.5 2.5 ff", "%d %s %f %lf %x", &x, w, &fl, &db, &e));
  printf(" %d %s %g %g %x\n", x, w, fl, db, e);
  printf("%d", sscanf("a-b", "%[a-z]-%c", w, w + 10));
  printf(" %s %c\n", w, w[10]);
  memmove(b, "0123456789", 11);
  memmove(b + 2, b, 5);
  puts(b);
  printf("%d\n", memcmp("abc", "abd", 3));
  printf("%s\n", (char *) memchr("hello", 'l', 5));
  printf("%d %d\n", INT_MAX, (int) (clock() >= 0));
  return 0;
}
