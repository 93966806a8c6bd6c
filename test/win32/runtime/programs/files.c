#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <io.h>
#include <direct.h>
int main(void)
{
  FILE *f = fopen("t.txt", "w");
  if (!f) {
    printf("open fail %d\n", errno);
    return 1;
  }
  fprintf(f, "hello %d\nline two\n%s\n", 42, "line three");
  fputs("tail", f);
  fclose(f);
  f = fopen("t.txt", "r");
  char b[64];
  int n = 0;
  while (fgets(b, sizeof b, f))
    printf("%d: %s|\n", ++n, b);
  printf("eof %d err %d pos %ld\n", feof(f) != 0, ferror(f), ftell(f));
  rewind(f);
  int a;
  char w[16];
  printf("scan %d", fscanf(f, "%15s %d", w, &a));
  printf(" %s %d\n", w, a);
  fclose(f);
  f = fopen("t.txt", "rb");
  fseek(f, 0, SEEK_END);
  printf("size %ld\n", ftell(f));
  fseek(f, -4, SEEK_END);
  n = fread(b, 1, 64, f);
  printf("%d %.4s\n", n, b);
  fclose(f);
  f = fopen("t.txt", "a+");
  fputc('!', f);
  fputc('\n', f);
  fflush(f);
  fseek(f, 0, SEEK_SET);
  fgets(b, 64, f);
  printf("%s", b);
  fclose(f);
  f = fopen("none.txt", "r");
  printf("%d %d %s\n", f != NULL, errno, strerror(errno));
  perror("none");
  struct stat st;
  printf("stat %d size %ld\n", stat("t.txt", &st), (long) st.st_size);
  printf("access %d %d\n", access("t.txt", 0), access("none", 0));
  printf("rename %d\n", rename("t.txt", "u.txt"));
  printf("remove %d %d\n", remove("u.txt"), remove("u.txt"));
  int fd = open("bin.dat", O_CREAT | O_RDWR | O_BINARY | O_TRUNC, 0600);
  printf("fd %d\n", fd);
  write(fd, "a\nb\r\nc", 6);
  lseek(fd, 1, SEEK_SET);
  n = read(fd, b, 10);
  printf("read %d\n", n);
  close(fd);
  f = fopen("bin.dat", "r");
  n = 0;
  int c;
  while ((c = getc(f)) != EOF)
    printf("%02x ", c);
  printf("\n");
  fclose(f);
  f = tmpfile();
  printf("tmp %d\n", f != NULL);
  if (f) {
    fwrite("xyz", 1, 3, f);
    rewind(f);
    printf("%c\n", getc(f));
    ungetc('q', f);
    printf("%c%c\n", getc(f), getc(f));
    fclose(f);
  }
  unlink("bin.dat");
  setvbuf(stdout, NULL, _IONBF, 0);
  printf("end\n");
  return 0;
}
