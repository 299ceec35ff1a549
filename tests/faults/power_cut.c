/* Writes down, in their order, the file operations of one program below one folder: what a power cut may lose is decided
 * afterwards, from this log. Loaded by LD_PRELOAD.
 *
 *   POWER_ROOT   the folder
 *   POWER_LOG    the log: records of {op, len of path, len of other path, 0, offset, len of data}, then those three
 *   POWER_MARK   a descriptor; what is written to it is a mark in the log ("the program has said this")
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC, RENAME, UNLINK, MARK };

struct head { uint32_t op, path, other, unused; uint64_t offset, size; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static int log_fd = -1, mark_fd = -1;

__attribute__((constructor)) static void begin(void) {
    const char *mark = getenv("POWER_MARK"), *folder = getenv("POWER_ROOT"), *log = getenv("POWER_LOG");
    if (!folder || !log) return;
    snprintf(root, sizeof root, "%s", folder);
    mark_fd = mark ? atoi(mark) : -1;
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(uint32_t op, const char *path, const char *other, uint64_t offset, const void *data, uint64_t size) {
    struct head head = {op, (uint32_t)strlen(path), (uint32_t)strlen(other), 0, offset, data ? size : 0};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)other, head.other},
                            {(void *)data, (size_t)head.size}};
    if (!data) head.offset = offset;
    syscall(SYS_writev, log_fd, parts, 4);
}

/* Returns whether fd is below the root; path gets its name. */
static int below(int fd, char *path, size_t size) {
    char link[64];
    if (log_fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, root, strlen(root)) == 0;
}

static int named(const char *path) { return log_fd >= 0 && path && strncmp(path, root, strlen(root)) == 0; }

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static ssize_t placed(int fd, const void *data, ssize_t done, off_t at) {
    char path[4096];
    if (done > 0 && below(fd, path, sizeof path)) note(WRITE, path, "", (uint64_t)at, data, (uint64_t)done);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (log_fd < 0) return real(fd, data, size);
    pthread_mutex_lock(&lock);
    if (fd == mark_fd) note(MARK, "", "", 0, data, size); /* before anybody can hear it */
    ssize_t done = real(fd, data, size);
    if (fd != mark_fd && done > 0) placed(fd, data, done, lseek(fd, 0, SEEK_CUR) - done);
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITE(name)                                                     \
    ssize_t name(int fd, const void *data, size_t size, off_t at) {      \
        REAL(name);                                                      \
        pthread_mutex_lock(&lock);                                       \
        ssize_t done = placed(fd, data, real(fd, data, size, at), at);   \
        pthread_mutex_unlock(&lock);                                     \
        return done;                                                     \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

static void gathered(int fd, const struct iovec *parts, int count, ssize_t done, off_t at) {
    for (int n = 0; n < count && done > 0; n++) {
        ssize_t size = (ssize_t)parts[n].iov_len < done ? (ssize_t)parts[n].iov_len : done;
        placed(fd, parts[n].iov_base, size, at);
        at += size;
        done -= size;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    pthread_mutex_lock(&lock);
    ssize_t done = real(fd, parts, count);
    if (done > 0) gathered(fd, parts, count, done, lseek(fd, 0, SEEK_CUR) - done);
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITEV(name)                                                           \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) {      \
        REAL(name);                                                             \
        pthread_mutex_lock(&lock);                                              \
        ssize_t done = real(fd, parts, count, at);                              \
        gathered(fd, parts, count, done, at);                                   \
        pthread_mutex_unlock(&lock);                                            \
        return done;                                                            \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define PWRITEV2(name)                                                                   \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at, int flags) {    \
        REAL(name);                                                                      \
        pthread_mutex_lock(&lock);                                                       \
        ssize_t done = real(fd, parts, count, at, flags);                                \
        gathered(fd, parts, count, done, at);                                            \
        pthread_mutex_unlock(&lock);                                                     \
        return done;                                                                     \
    }
PWRITEV2(pwritev2)
PWRITEV2(pwritev64v2)

#define ON_FD(name, op, parameters, arguments, offset)                                \
    int name parameters {                                                             \
        REAL(name);                                                                   \
        char path[4096];                                                              \
        pthread_mutex_lock(&lock);                                                    \
        int done = real arguments;                                                    \
        if (done == 0 && below(fd, path, sizeof path)) note(op, path, "", offset, 0, 0); \
        pthread_mutex_unlock(&lock);                                                  \
        return done;                                                                  \
    }
ON_FD(fsync, SYNC, (int fd), (fd), 0)
ON_FD(fdatasync, SYNC, (int fd), (fd), 0)
ON_FD(ftruncate, TRUNCATE, (int fd, off_t size), (fd, size), (uint64_t)size)
ON_FD(ftruncate64, TRUNCATE, (int fd, off_t size), (fd, size), (uint64_t)size)

#define ON_NAME(name, op, parameters, arguments, from, to)                     \
    int name parameters {                                                      \
        REAL(name);                                                            \
        pthread_mutex_lock(&lock);                                             \
        int done = real arguments;                                             \
        if (done == 0 && named(from)) note(op, from, to, 0, 0, 0);             \
        pthread_mutex_unlock(&lock);                                           \
        return done;                                                           \
    }
ON_NAME(rename, RENAME, (const char *a, const char *b), (a, b), a, b)
ON_NAME(renameat, RENAME, (int x, const char *a, int y, const char *b), (x, a, y, b), a, b)
ON_NAME(unlink, UNLINK, (const char *a), (a), a, "")
ON_NAME(unlinkat, UNLINK, (int x, const char *a, int flags), (x, a, flags), a, "")
