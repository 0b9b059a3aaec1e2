/* Makes every look at paths below $SLOW_PREFIX sleep for ever, as a mount whose server is gone does.
 *
 *   cc -shared -fPIC -o slow_stat.so slow_stat.c -ldl
 *   SLOW_PREFIX=/gone LD_PRELOAD=./slow_stat.so python ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void look(const char *path) {
    const char *prefix = getenv("SLOW_PREFIX");
    if (prefix && *prefix && path && strncmp(path, prefix, strlen(prefix)) == 0)
        for (;;)
            pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int stat(const char *path, struct stat *out) { look(path); return REAL(stat)(path, out); }
int lstat(const char *path, struct stat *out) { look(path); return REAL(lstat)(path, out); }
int stat64(const char *path, struct stat64 *out) { look(path); return REAL(stat64)(path, out); }
int lstat64(const char *path, struct stat64 *out) { look(path); return REAL(lstat64)(path, out); }
int fstatat(int dir, const char *path, struct stat *out, int flags) {
    look(path);
    return REAL(fstatat)(dir, path, out, flags);
}
int fstatat64(int dir, const char *path, struct stat64 *out, int flags) {
    look(path);
    return REAL(fstatat64)(dir, path, out, flags);
}
int statfs(const char *path, struct statfs *out) { look(path); return REAL(statfs)(path, out); }
int statfs64(const char *path, struct statfs64 *out) { look(path); return REAL(statfs64)(path, out); }
int statvfs(const char *path, struct statvfs *out) { look(path); return REAL(statvfs)(path, out); }
int statvfs64(const char *path, struct statvfs64 *out) { look(path); return REAL(statvfs64)(path, out); }
int access(const char *path, int mode) { look(path); return REAL(access)(path, mode); }
int faccessat(int dir, const char *path, int mode, int flags) {
    look(path);
    return REAL(faccessat)(dir, path, mode, flags);
}
