/* Views of files, sections, flushing. Its output under real Wine 8.0 (64-bit) is in files.txt. */
#include <windows.h>
#include <stdio.h>
#include <string.h>
static unsigned long err(int ok){ return ok ? 0 : GetLastError(); }
#define CALL(dll, result, name, ...) result (WINAPI *name)(__VA_ARGS__) = (void *)GetProcAddress(GetModuleHandleA(dll), #name)
static void show(const char *what, HANDLE f){
  char b[40]={0}; DWORD n=0; SetFilePointer(f,0,0,FILE_BEGIN); ReadFile(f,b,32,&n,0);
  printf("%s: %lu [%.32s] size %lu\n", what, (unsigned long)n, b, (unsigned long)GetFileSize(f,0));
}
int main(void){
  CALL("ntdll", LONG, NtQuerySection, HANDLE, int, void*, SIZE_T, SIZE_T*);
  CALL("ntdll", LONG, NtFlushVirtualMemory, HANDLE, void**, SIZE_T*, void*);
  DWORD n; BOOL b; char *v, *w, *c;
  HANDLE f = CreateFileA("view.txt", GENERIC_READ|GENERIC_WRITE, FILE_SHARE_READ|FILE_SHARE_WRITE, 0, CREATE_ALWAYS, 0, 0);
  WriteFile(f, "hello, file", 11, &n, 0);
  HANDLE m = CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 0, 0);
  printf("map %d\n", m!=0);
  v = MapViewOfFile(m, FILE_MAP_WRITE, 0,0,0);
  w = MapViewOfFile(m, FILE_MAP_READ, 0,0,0);
  c = MapViewOfFile(m, FILE_MAP_COPY, 0,0,0);
  printf("%.11s|%d\n", v, v[11]);
  memcpy(v, "HELLO", 5);
  printf("other view %.5s copy %.5s\n", w, c);
  show("after view write", f);
  c[7]='X';
  printf("copy %.11s view %.11s\n", c, v);
  memcpy(v+7,"FILE",4);
  printf("copy after view write %.11s\n", c);
  show("after copy write", f);
  SetFilePointer(f,0,0,FILE_BEGIN); WriteFile(f,"12345",5,&n,0);
  printf("view after file write %.11s copy %.11s\n", v, c);
  v[20]='Z'; show("beyond the end", f);
  b=FlushViewOfFile(v,0); printf("flush %d %lu\n", b, err(b));
  b=FlushViewOfFile(v+3,5); printf("flush inside %d %lu\n", b, err(b));
  b=FlushViewOfFile(v,0x100000); printf("flush too long %d %lu\n", b, err(b));
  b=FlushViewOfFile(w,0); printf("flush read-only %d %lu\n", b, err(b));
  char *p=VirtualAlloc(0,4096,MEM_COMMIT,PAGE_READWRITE);
  b=FlushViewOfFile(p,0); printf("flush private %d %lu\n", b, err(b));
  b=FlushViewOfFile(p,4096); printf("flush private sized %d %lu\n", b, err(b));
  b=FlushViewOfFile((void*)0x12340000,0); printf("flush free %d %lu\n", b, err(b));
  b=FlushViewOfFile((char*)GetModuleHandleA(0),0); printf("flush image %d %lu\n", b, err(b));
  b=FlushViewOfFile(0,0); printf("flush null %d %lu\n", b, err(b));
  void *base=v; SIZE_T size=0; char io[16]={0};
  LONG st=NtFlushVirtualMemory((HANDLE)-1,&base,&size,io); printf("ntflush %08lx size %lx base %d\n", st, (long)size, base==v);
  base=v+3; size=5; st=NtFlushVirtualMemory((HANDLE)-1,&base,&size,io); printf("ntflush in %08lx size %lx base %d\n", st, (long)size, (int)((char*)base-v));
  // truncation with a view
  SetFilePointer(f,4,0,FILE_BEGIN); b=SetEndOfFile(f); printf("truncate mapped %d %lu\n", b, err(b));
  SetFilePointer(f,100,0,FILE_BEGIN); b=SetEndOfFile(f); printf("grow mapped %d %lu size %lu\n", b, err(b), GetFileSize(f,0));
  // query
  struct { void *base; ULONG attr; LARGE_INTEGER size; } q; SIZE_T got=0;
  memset(&q,0x55,sizeof q);
  st=NtQuerySection(m,0,&q,sizeof q,&got); printf("query %08lx attr %lx size %lx\n", st, (long)q.attr, (long)q.size.QuadPart);
  st=NtQuerySection(m,0,&q,4,&got); printf("query short %08lx\n", st);
  { char room[64]; st=NtQuerySection(m,1,room,sizeof room,&got); } printf("query image of data %08lx\n", st);
  st=NtQuerySection((HANDLE)0x9998,0,&q,sizeof q,&got); printf("query bad handle %08lx\n", st);
  st=NtQuerySection(f,0,&q,sizeof q,&got); printf("query file %08lx\n", st);
  HANDLE a=CreateFileMappingA(INVALID_HANDLE_VALUE,0,PAGE_READWRITE|SEC_RESERVE,0,0x12345,0);
  st=NtQuerySection(a,0,&q,sizeof q,0); printf("query reserve %08lx attr %lx size %lx\n", st, (long)q.attr, (long)q.size.QuadPart);
  a=CreateFileMappingA(INVALID_HANDLE_VALUE,0,PAGE_READWRITE|SEC_COMMIT|SEC_NOCACHE,0,0x12345,0);
  st=NtQuerySection(a,0,&q,sizeof q,0); printf("query nocache %08lx attr %lx size %lx\n", st, (long)q.attr, (long)q.size.QuadPart);
  // extend
  b=UnmapViewOfFile(v); b&=UnmapViewOfFile(w); b&=UnmapViewOfFile(c); CloseHandle(m); printf("unmap %d\n", b);
  show("after unmap", f);
  SetFilePointer(f,4,0,FILE_BEGIN); b=SetEndOfFile(f); printf("truncate %d %lu\n", b, err(b)); show("truncated", f);
  // sizes
  m=CreateFileMappingA(f,0,PAGE_READWRITE,0,0x5000,0); printf("larger %d %lu size %lu\n", m!=0, err(m!=0), GetFileSize(f,0));
  v=MapViewOfFile(m,FILE_MAP_ALL_ACCESS,0,0,0); v[0x4fff]='q'; UnmapViewOfFile(v); CloseHandle(m);
  { char x=0; SetFilePointer(f,0x4fff,0,FILE_BEGIN); ReadFile(f,&x,1,&n,0); printf("last byte %c\n", x);} 
  m=CreateFileMappingA(f,0,PAGE_READONLY,0,0x6000,0); printf("readonly larger %d %lu\n", m!=0, err(m!=0));
  m=CreateFileMappingA(f,0,PAGE_WRITECOPY,0,0x6000,0); printf("writecopy larger %d %lu\n", m!=0, err(m!=0));
  m=CreateFileMappingA(f,0,PAGE_READONLY,0,0x1001,0); printf("smaller %d\n", m!=0);
  v=MapViewOfFile(m,FILE_MAP_READ,0,0,0x1001); MEMORY_BASIC_INFORMATION mb; VirtualQuery(v,&mb,sizeof mb); printf("view %lx\n", (long)mb.RegionSize);
  { char *x=MapViewOfFile(m,FILE_MAP_READ,0,0,0x1002); printf("view of 1002 %d %lu\n", x!=0, err(x!=0)); }
  { char *x=MapViewOfFile(m,FILE_MAP_READ,0,0,0x2001); printf("view of 2001 %d %lu\n", x!=0, err(x!=0)); }
  { char *x=MapViewOfFile(m,FILE_MAP_READ,0,0x1000,0); printf("offset 1000 %d %lu\n", x!=0, err(x!=0)); }
  { char *x=MapViewOfFile(m,FILE_MAP_READ,0,0x10000,0); printf("offset 10000 %d %lu\n", x!=0, err(x!=0)); }
  { char *x=MapViewOfFile(m,FILE_MAP_WRITE,0,0,0); printf("write of ro %d %lu\n", x!=0, err(x!=0)); }
  { char *x=MapViewOfFile(m,FILE_MAP_COPY,0,0,0); printf("copy of ro %d %lu\n", x!=0, err(x!=0)); if(x){ x[0]='!'; printf("%c %c\n", x[0], v[0]); VirtualQuery(x,&mb,sizeof mb); printf("%lx\n",(long)mb.Protect);} }
  { char *x=MapViewOfFile(m,0,0,0,0); printf("access 0 %d %lu\n", x!=0, err(x!=0)); }
  HANDLE r=CreateFileA("view.txt",GENERIC_READ,FILE_SHARE_READ|FILE_SHARE_WRITE,0,OPEN_EXISTING,0,0);
  m=CreateFileMappingA(r,0,PAGE_READWRITE,0,0,0); printf("rw of ro handle %d %lu\n", m!=0, err(m!=0));
  m=CreateFileMappingA(r,0,PAGE_WRITECOPY,0,0,0); printf("wc of ro handle %d %lu\n", m!=0, err(m!=0));
  v=MapViewOfFile(m,FILE_MAP_COPY,0,0,0); v[0]='@'; show("file", r);
  m=CreateFileMappingA(r,0,PAGE_EXECUTE_READ,0,0,0); printf("xr of ro handle %d %lu\n", m!=0, err(m!=0));
  HANDLE wo=CreateFileA("view.txt",GENERIC_WRITE,FILE_SHARE_READ|FILE_SHARE_WRITE,0,OPEN_EXISTING,0,0);
  m=CreateFileMappingA(wo,0,PAGE_READWRITE,0,0,0); printf("rw of wo handle %d %lu\n", m!=0, err(m!=0));
  HANDLE em=CreateFileA("empty.txt",GENERIC_READ|GENERIC_WRITE,0,0,CREATE_ALWAYS,0,0);
  m=CreateFileMappingA(em,0,PAGE_READWRITE,0,0,0); printf("empty %d %lu\n", m!=0, err(m!=0));
  return 0; }
