/* What a child shares with its parent. Its output under real Wine 8.0 (64-bit) is in shared.txt. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int child(char **a) {
  HANDLE section = (HANDLE)strtoull(a[2], 0, 16), file = (HANDLE)strtoull(a[3], 0, 16), kept = (HANDLE)strtoull(a[4], 0, 16);
  DWORD n, flags;
  printf("not inherited %d", (int)GetHandleInformation(kept, &flags)); printf(" %lu\n", GetLastError());
  char *memory = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
  printf("inherited section [%s]\n", memory ? memory : "none");
  strcpy(memory, "from the child");
  HANDLE named = OpenFileMappingA(FILE_MAP_WRITE, FALSE, "Local\\bytes");
  char *bytes = MapViewOfFile(named, FILE_MAP_WRITE, 0, 0, 0);
  printf("named section [%s]\n", bytes);
  strcpy(bytes + 0x1000, "second page");
  WriteFile(file, "child ", 6, &n, 0);
  HANDLE event = OpenEventA(EVENT_ALL_ACCESS, FALSE, "event");
  printf("event %lu", WaitForSingleObject(event, 0));
  SetEvent(event);
  HANDLE mutex = CreateMutexA(0, FALSE, "mutex");
  printf(" mutex exists %d wait %lu\n", GetLastError() == ERROR_ALREADY_EXISTS, WaitForSingleObject(mutex, 0));
  HANDLE semaphore = OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, FALSE, "semaphore");
  LONG before = -1; ReleaseSemaphore(semaphore, 2, &before);
  printf("semaphore had %ld\n", before);
  printf("other kind %d", OpenMutexA(MUTEX_ALL_ACCESS, FALSE, "event") != 0); printf(" %lu\n", GetLastError());
  printf("unknown %d", OpenEventA(EVENT_ALL_ACCESS, FALSE, "nothing") != 0); printf(" %lu\n", GetLastError());
  fflush(stdout);
  return 7;
}
static DWORD run(const char *line, STARTUPINFOA *info) {
  char self[300], text[600]; GetModuleFileNameA(0, self, 300); sprintf(text, "\"%s\" %s", self, line);
  PROCESS_INFORMATION p; DWORD code = 0;
  fflush(stdout);
  if (!CreateProcessA(self, text, 0, 0, TRUE, 0, 0, 0, info, &p)) { printf("no process %lu\n", GetLastError()); return 0; }
  WaitForSingleObject(p.hProcess, INFINITE); GetExitCodeProcess(p.hProcess, &code);
  return code;
}
int main(int argc, char **argv) {
  if (argc > 4) return child(argv);
  if (argc > 1) { printf("to a file"); fflush(stdout); return 3; }
  SECURITY_ATTRIBUTES inherit = { sizeof inherit, 0, TRUE };
  HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, &inherit, PAGE_READWRITE, 0, 0x2000, 0);
  char *memory = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0); strcpy(memory, "from the parent");
  HANDLE named = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x2000, "bytes");
  char *bytes = MapViewOfFile(named, FILE_MAP_WRITE, 0, 0, 0); strcpy(bytes, "by name");
  HANDLE file = CreateFileA("shared.bin", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, &inherit, CREATE_ALWAYS, 0, 0);
  HANDLE kept = CreateFileA("kept.bin", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, 0, CREATE_ALWAYS, 0, 0);
  HANDLE event = CreateEventA(0, TRUE, FALSE, "event"), mutex = CreateMutexA(0, FALSE, "mutex"), semaphore = CreateSemaphoreA(0, 1, 9, "semaphore");
  DWORD n, flags = 9; WriteFile(file, "parent ", 7, &n, 0);
  printf("flags %d", GetHandleInformation(kept, &flags)); printf(" %lu", flags); GetHandleInformation(file, &flags); printf(" %lu\n", flags);
  char line[100]; sprintf(line, "child %llx %llx %llx", (long long)(size_t)section, (long long)(size_t)file, (long long)(size_t)kept);
  STARTUPINFOA info = { sizeof info };
  printf("exit code %lu\n", run(line, &info));
  printf("sections [%s] [%s]\n", memory, bytes + 0x1000);
  WriteFile(file, "parent", 6, &n, 0);
  char read[40] = {0}; SetFilePointer(file, 0, 0, FILE_BEGIN); ReadFile(file, read, 39, &n, 0); printf("file [%s]\n", read);
  printf("event %lu mutex %lx", WaitForSingleObject(event, 0), WaitForSingleObject(mutex, 0));
  LONG before = -1; ReleaseSemaphore(semaphore, 1, &before); printf(" semaphore %ld\n", before);
  printf("set %d", SetHandleInformation(kept, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT)); GetHandleInformation(kept, &flags); printf(" %lu\n", flags);
  info.dwFlags = STARTF_USESTDHANDLES; info.hStdInput = GetStdHandle(STD_INPUT_HANDLE); info.hStdOutput = kept; info.hStdError = GetStdHandle(STD_ERROR_HANDLE);
  printf("exit code %lu\n", run("redirected", &info));
  memset(read, 0, 40); SetFilePointer(kept, 0, 0, FILE_BEGIN); ReadFile(kept, read, 39, &n, 0); printf("written [%s]\n", read);
  return 0;
}
