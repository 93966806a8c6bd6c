/* Common, weak, hidden and aliased symbols; data that points at data; a section of its own. */
#include "start.h"
int common;
static int local;
__attribute__((weak)) int weak(int x) { return x * 3; }
int original(int x) { return x + 41; }
int other(int x) __attribute__((alias("original")));
__attribute__((visibility("hidden"))) long hidden = 77;
static long *pointer = &hidden;
static long **twice = &pointer;
__attribute__((section(".rodata.own"))) const int own[3] = {7, 8, 9};
__attribute__((section(".data.hot"))) int hot = 5;
int body(void) {
  common = weak(5);
  local += common + other(1);
  **twice += local;
  return fold((unsigned long)(hidden * 31 + own[common % 3] + hot + original(2)));
}
