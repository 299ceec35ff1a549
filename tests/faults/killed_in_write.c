/* Kills its program right behind a write to one device, before anybody can write down that the device has the bytes.
 * Loaded by LD_PRELOAD.
 *
 *   KILLED_NODE   the device, as /proc/self/fd shows it
 *   KILLED_FLAG   a file: while it is there, the next write that takes something is the last; it is removed first
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_node(int fd) {
    const char *node = getenv("KILLED_NODE");
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = node ? readlink(link, path, sizeof path - 1) : -1;
    if (length <= 0) return 0;
    path[length] = 0;
    return strcmp(path, node) == 0;
}

ssize_t write(int fd, const void *data, size_t size) {
    static __typeof__(&write) real;
    if (!real) real = (__typeof__(&write))dlsym(RTLD_NEXT, "write");
    ssize_t done = real(fd, data, size);
    if (done > 0 && is_node(fd) && unlink(getenv("KILLED_FLAG")) == 0) raise(SIGKILL);
    return done;
}
