/* A shell's pipeline with a C library: one process that fork and execve make, one of posix_spawn, two pipes. */
#include <ctype.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char self[] = "/proc/self/exe";

static int generate(void) {
  for (int i = 0; i < 5; i++) printf("line %d\n", i);
  return 2;
}

static int shout(void) {
  for (int c; (c = getchar()) != EOF;) putchar(toupper(c));
  return 3;
}

static int status_of(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "generate") == 0) return generate();
  if (argc > 1 && strcmp(argv[1], "shout") == 0) return shout();
  int first[2], second[2];
  if (pipe(first) != 0 || pipe(second) != 0) return 1;
  pid_t generator = fork();
  if (generator == 0) {
    dup2(first[1], 1);
    for (int i = 0; i < 2; i++) close(first[i]), close(second[i]);
    execl(self, argv[0], "generate", (char *)0);
    _exit(9);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, first[0], 0);
  posix_spawn_file_actions_adddup2(&actions, second[1], 1);
  for (int i = 0; i < 2; i++) {
    posix_spawn_file_actions_addclose(&actions, first[i]);
    posix_spawn_file_actions_addclose(&actions, second[i]);
  }
  pid_t shouter;
  char *arguments[] = {argv[0], "shout", 0};
  printf("posix_spawn: %d\n", posix_spawn(&shouter, self, &actions, 0, arguments, environ));
  close(first[0]), close(first[1]), close(second[1]);
  FILE *output = fdopen(second[0], "r");
  for (char line[100]; fgets(line, sizeof line, output);) printf("> %s", line);
  printf("%d %d\n", status_of(generator), status_of(shouter));
  return 0;
}
