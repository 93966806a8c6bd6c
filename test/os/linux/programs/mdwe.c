/* PR_SET_MDWE and PR_GET_MDWE: their arguments, and what they refuse. */
#include "guest.h"

#define SYS_prctl NR(157, 172)

static int main(long argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  show("get mdwe", call5(SYS_prctl, 66, 0, 0, 0, 0));
  show("get mdwe with more", call5(SYS_prctl, 66, 1, 0, 0, 0));
  show("mdwe with more", call5(SYS_prctl, 65, 1, 1, 0, 0));
  show("mdwe 2", call5(SYS_prctl, 65, 2, 0, 0, 0));
  show("mdwe 4", call5(SYS_prctl, 65, 4, 0, 0, 0));
  show("mdwe 0", call5(SYS_prctl, 65, 0, 0, 0, 0));
  show("mdwe 1", call5(SYS_prctl, 65, 1, 0, 0, 0));
  show("mdwe 3", call5(SYS_prctl, 65, 3, 0, 0, 0));
  show("mdwe 0", call5(SYS_prctl, 65, 0, 0, 0, 0));
  show("rwx", call6(SYS_mmap, 0, 4096, 7, 0x22, -1, 0));
  u8 *page = (u8 *)call6(SYS_mmap, 0, 4096, 3, 0x22, -1, 0);
  show("gain", call3(SYS_mprotect, page, 4096, 5));
  return 0;
}
