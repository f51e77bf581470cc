/* Makes one write to a store go wrong, for tests: preloaded into a process, it counts the writes, flushes and
 * truncations of files of a store, and fails the one that FAULT_AT names, in the way that FAULT_KIND says: `eio`,
 * `full`, `short` (half of it is written, then the disk is full), or `stay` (from then on all fail: full for good). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long count;

static int of_a_store(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, ".db") != NULL && strstr(path, "-shm") == NULL;
}

/* 0: goes well. 1: fails. 2: fails after half. */
static int turn(int fd, int *error) {
  static const char *kind;
  static long at = -1;
  if (at < 0) {
    const char *text = getenv("FAULT_AT");
    kind = getenv("FAULT_KIND");
    at = text ? atol(text) : 0;
  }
  if (at == 0 || !kind || !of_a_store(fd)) return 0;
  long now = atomic_fetch_add(&count, 1) + 1;
  int stays = strcmp(kind, "stay") == 0;
  if (now < at || (now > at && !stays)) return 0;
  *error = strcmp(kind, "eio") == 0 ? EIO : ENOSPC;
  return strcmp(kind, "short") == 0 ? 2 : 1;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static ssize_t placed(const char *name, int fd, const void *bytes, size_t length, off_t place) {
  ssize_t (*real)(int, const void *, size_t, off_t) = REAL(name, ssize_t(*)(int, const void *, size_t, off_t));
  int error = 0, how = turn(fd, &error);
  if (how == 0) return real(fd, bytes, length, place);
  if (how == 2 && length > 1) return real(fd, bytes, length / 2, place);
  errno = error;
  return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t place) { return placed("pwrite", fd, bytes, length, place); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t place) { return placed("pwrite64", fd, bytes, length, place); }

ssize_t write(int fd, const void *bytes, size_t length) {
  ssize_t (*real)(int, const void *, size_t) = REAL("write", ssize_t(*)(int, const void *, size_t));
  int error = 0, how = turn(fd, &error);
  if (how == 0) return real(fd, bytes, length);
  if (how == 2 && length > 1) return real(fd, bytes, length / 2);
  errno = error;
  return -1;
}

static int plain(const char *name, int fd) {
  int (*real)(int) = REAL(name, int (*)(int));
  int error = 0;
  if (turn(fd, &error) == 0) return real(fd);
  errno = error;
  return -1;
}

int fsync(int fd) { return plain("fsync", fd); }
int fdatasync(int fd) { return plain("fdatasync", fd); }

static int cut(const char *name, int fd, off_t length) {
  int (*real)(int, off_t) = REAL(name, int (*)(int, off_t));
  int error = 0;
  if (turn(fd, &error) == 0) return real(fd, length);
  errno = error;
  return -1;
}

int ftruncate(int fd, off_t length) { return cut("ftruncate", fd, length); }
int ftruncate64(int fd, off_t length) { return cut("ftruncate64", fd, length); }
