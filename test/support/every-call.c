/*
 * Preloaded into a process, it counts the calls that change something below given directories, and
 * at the n-th of them kills the process or makes the call fail. llp/0013
 *
 * HYP_FAULT_UNDER    the directories, separated by ':'; absolute, without links
 * HYP_FAULT_CONTROL  a file of struct control, shared with the test: what to do, and what was done.
 *                    It outlives the process.
 *
 * A call is numbered before it runs, across all threads. Once the process is to die no thread makes
 * another call: what is on the disk is what the calls before made, and nothing else.
 *
 * A process that has loaded all it needs and then calls chdir("/hyp-fork") becomes a nursery: for each
 * byte on descriptor 3 it makes a copy of itself, which returns from the call, waits for the end of
 * it and writes its wait status to descriptor 4. A copy ends by chdir("/hyp-exit"). So a kill costs a
 * few milliseconds instead of the start of Node. It needs Node with --single-threaded: threads are not
 * copied, and libuv starts its own again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL_EIO, FAIL_ENOSPC, SHORT, CUT };

struct control {
  atomic_int nth;   /* which call, from 1; set by the test */
  atomic_int kind;  /* what becomes of it; set by the test */
  atomic_int seen;  /* calls that were counted; of SHORT and CUT writes only */
  atomic_int fired; /* 1 once it was done */
  char place[240];  /* the call it was done to */
};

static struct control *control;
static char *under[8];
static int under_count;
/* CUT: the file whose next write finds no room. */
static atomic_int full_fd = -1;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("HYP_FAULT_CONTROL");
  char *dirs = getenv("HYP_FAULT_UNDER");
  if (path == NULL || dirs == NULL) return;
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real_open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (control == MAP_FAILED) abort();
  char *rest = strdup(dirs);
  for (char *dir; under_count < 8 && (dir = strsep(&rest, ":")) != NULL;) under[under_count++] = dir;
}

static int is_under(const char *path) {
  for (int at = 0; path != NULL && at < under_count; at++) {
    size_t length = strlen(under[at]);
    if (strncmp(path, under[at], length) == 0 && (path[length] == '/' || path[length] == 0)) return 1;
  }
  return 0;
}

static const char *path_of(int fd, char *path, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return path;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* What is to become of this call: NOTHING, or the kind if it is the n-th. */
static enum kind look(const char *call, const char *path, int writes) {
  if (control == NULL || !is_under(path)) return NOTHING;
  int saved = errno;
  while (atomic_load(&control->fired) && atomic_load(&control->kind) <= KILL_AFTER &&
         atomic_load(&control->kind) != NOTHING)
    pause();
  enum kind kind = atomic_load(&control->kind);
  if (kind >= SHORT && !writes) return NOTHING;
  int mine = atomic_fetch_add(&control->seen, 1) + 1;
  errno = saved;
  if (kind == NOTHING || mine != atomic_load(&control->nth)) return NOTHING;
  snprintf(control->place, sizeof control->place, "%s %s", call, path);
  atomic_store(&control->fired, 1);
  if (kind == KILL_BEFORE) die();
  return kind;
}

#define REAL(name) static __typeof__(name) *real; if (real == NULL) real = dlsym(RTLD_NEXT, #name)

/* One call of which nothing is special: killed before or after it, or failed instead of made. */
#define PLAIN(call, path, run)                                   \
  enum kind kind = look(call, path, 0);                          \
  if (kind == FAIL_EIO || kind == FAIL_ENOSPC) {                 \
    errno = kind == FAIL_EIO ? EIO : ENOSPC;                     \
    return -1;                                                   \
  }                                                              \
  __typeof__(run) result = run;                                  \
  if (kind == KILL_AFTER) die();                                 \
  return result

#define OF_PATHS(name, parameters, from, to, arguments)          \
  int name parameters {                                          \
    REAL(name);                                                  \
    PLAIN(#name, is_under(to) ? to : from, real arguments);      \
  }

#define OF_FILE(name, parameters, arguments)                     \
  int name parameters {                                          \
    REAL(name);                                                  \
    char path[1024];                                             \
    PLAIN(#name, path_of(fd, path, sizeof path), real arguments);\
  }

#define OF_OPEN(name)                                            \
  int name(const char *path, int flags, ...) {                   \
    REAL(name);                                                  \
    va_list more;                                                \
    va_start(more, flags);                                       \
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;    \
    va_end(more);                                                \
    if (!(flags & (O_CREAT | O_TRUNC))) return real(path, flags);\
    PLAIN(#name, path, real(path, flags, mode));                 \
  }

/* `half` writes the first half of what was asked for. */
#define OF_WRITE(name, parameters, arguments, bytes, half)       \
  ssize_t name parameters {                                      \
    REAL(name);                                                  \
    char path[1024];                                             \
    if (control == NULL) return real arguments;                  \
    int at_end = fd;                                             \
    if (atomic_compare_exchange_strong(&full_fd, &at_end, -1)) { \
      errno = ENOSPC;                                            \
      return -1;                                                 \
    }                                                            \
    enum kind kind = look(#name, path_of(fd, path, sizeof path), (bytes) > 1); \
    if (kind == FAIL_EIO || kind == FAIL_ENOSPC) {               \
      errno = kind == FAIL_EIO ? EIO : ENOSPC;                   \
      return -1;                                                 \
    }                                                            \
    if (kind == CUT) atomic_store(&full_fd, fd);                 \
    ssize_t result = kind >= SHORT ? (half) : real arguments;    \
    if (kind == KILL_AFTER) die();                               \
    return result;                                               \
  }

static size_t sum(const struct iovec *parts, int count) {
  size_t bytes = 0;
  for (int at = 0; at < count; at++) bytes += parts[at].iov_len;
  return bytes;
}

static ssize_t first_half(int fd, const struct iovec *parts, int count, off_t at) {
  ssize_t (*positioned)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
  ssize_t (*plain)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  size_t half = sum(parts, count) / 2;
  size_t bytes = parts[0].iov_len < half ? parts[0].iov_len : half;
  return at < 0 ? plain(fd, parts[0].iov_base, bytes) : positioned(fd, parts[0].iov_base, bytes, at);
}

OF_OPEN(open)
OF_OPEN(open64)
OF_PATHS(rename, (const char *from, const char *to), from, to, (from, to))
OF_PATHS(link, (const char *from, const char *to), from, to, (from, to))
OF_PATHS(symlink, (const char *from, const char *to), from, to, (from, to))
OF_PATHS(unlink, (const char *path), path, path, (path))
OF_PATHS(mkdir, (const char *path, mode_t mode), path, path, (path, mode))
OF_PATHS(rmdir, (const char *path), path, path, (path))
OF_PATHS(chmod, (const char *path, mode_t mode), path, path, (path, mode))
OF_PATHS(utimensat, (int dir, const char *path, const struct timespec times[2], int flags), path, path,
         (dir, path, times, flags))
OF_FILE(fsync, (int fd), (fd))
OF_FILE(fdatasync, (int fd), (fd))
OF_FILE(ftruncate64, (int fd, off64_t size), (fd, size))
OF_FILE(fchmod, (int fd, mode_t mode), (fd, mode))
OF_FILE(fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
OF_FILE(futimens, (int fd, const struct timespec times[2]), (fd, times))
OF_WRITE(write, (int fd, const void *data, size_t size), (fd, data, size), size,
         real(fd, data, size / 2))
OF_WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), size,
         real(fd, data, size / 2, at))
OF_WRITE(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count),
         sum(parts, count), first_half(fd, parts, count, -1))
OF_WRITE(pwritev64, (int fd, const struct iovec *parts, int count, off64_t at),
         (fd, parts, count, at), sum(parts, count), first_half(fd, parts, count, at))

int chdir(const char *path) {
  REAL(chdir);
  if (strcmp(path, "/hyp-exit") == 0) _exit(0);
  if (strcmp(path, "/hyp-fork") != 0) return real(path);
  for (char byte; read(3, &byte, 1) == 1;) {
    pid_t copy = fork();
    if (copy == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      return 0;
    }
    int status = -1;
    if (copy > 0) waitpid(copy, &status, 0);
    dprintf(4, "%d\n", status);
  }
  _exit(0);
}

/* V8 asks that its code be left out of copies of the process, which then could not run. */
int madvise(void *from, size_t bytes, int advice) {
  REAL(madvise);
  return advice == MADV_DONTFORK ? 0 : real(from, bytes, advice);
}
