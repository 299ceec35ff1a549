/* One USB printer as its class driver shows it to one program: Linux's usblp, drivers/usb/class/usblp.c, with O_NONBLOCK.
 * Loaded by LD_PRELOAD; the node behind it is a pseudo terminal, whose other side is the printer.
 *
 *   USBLP_NODE    the node, as /proc/self/fd shows it
 *   USBLP_STATE   a file whose first letter is how the printer is now; no file, or another letter: it takes everything
 *                   p  out of paper: it takes nothing, and answers control requests
 *                   s  gone, and the hub has not said so: requests fail, which a write that does not wait never hears
 *                   d  gone, and the driver knows
 *   USBLP_ID      its IEEE 1284 device id
 *
 * One request of at most 8192 bytes is on its way. write() returns while it is; the node polls writable when it is done with,
 * well or not; closing throws it away.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define USBLP_BUF_SIZE 8192
#define STATUS 0x060bul
#define IS_DEVICE_ID(request) (((request) & 0xffff) == 0x5001)
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char request[USBLP_BUF_SIZE];
static size_t on_its_way;
static int of_fd = -1;

static int is_node(int fd) {
    const char *node = getenv("USBLP_NODE");
    char link[64], path[512];
    if (!node || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strcmp(path, node) == 0;
}

static ssize_t to_printer(int fd, const void *data, size_t size) {
    REAL(write);
    return real(fd, data, size);
}

static int let_go(int fd) {
    REAL(close);
    return real(fd);
}

static char state(void) {
    char found = 'r';
    int fd = open(getenv("USBLP_STATE"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return found;
    if (read(fd, &found, 1) != 1) found = 'r';
    let_go(fd);
    return found;
}

/* What the bus did meanwhile. */
static void go_on(char now) {
    if (now == 's' || now == 'd') on_its_way = 0;
    while (on_its_way && now != 'p') {
        ssize_t count = to_printer(of_fd, request, on_its_way);
        if (count <= 0) return;
        memmove(request, request + count, on_its_way - (size_t)count);
        on_its_way -= (size_t)count;
    }
}

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_node(fd)) return to_printer(fd, data, size);
    pthread_mutex_lock(&lock);
    char now = state();
    go_on(now);
    ssize_t taken = -1;
    if (now == 'd') {
        errno = ENODEV;
    } else if (on_its_way) {
        errno = EAGAIN;
    } else {
        on_its_way = size < USBLP_BUF_SIZE ? size : USBLP_BUF_SIZE;
        memcpy(request, data, on_its_way);
        of_fd = fd;
        taken = (ssize_t)on_its_way;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

static int busy(char *now) {
    pthread_mutex_lock(&lock);
    *now = state();
    go_on(*now);
    int found = on_its_way > 0;
    pthread_mutex_unlock(&lock);
    return found;
}

static int left_of(const struct timespec *began, int timeout) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long passed = (now.tv_sec - began->tv_sec) * 1000 + (now.tv_nsec - began->tv_nsec) / 1000000;
    return timeout < 0 ? 1000 : passed < timeout ? (int)(timeout - passed) : 0;
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    REAL(poll);
    struct pollfd *node = NULL;
    for (nfds_t i = 0; i < count; i++)
        if (is_node(fds[i].fd)) node = &fds[i];
    if (!node) return real(fds, count, timeout);
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    short wanted = node->events;
    for (;;) {
        char now;
        int waits = busy(&now), left = left_of(&began, timeout);
        node->events = (short)(waits ? wanted & ~POLLOUT : wanted);
        int found = real(fds, count, now == 'd' ? 0 : left < 5 ? left : 5);
        node->events = wanted;
        if (now == 'd') {
            found += node->revents == 0;
            node->revents = (short)(POLLHUP | (wanted & POLLOUT));
        }
        if (found || (timeout >= 0 && left_of(&began, timeout) == 0)) return found;
    }
}

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size) {
    (void)size;
    return poll(fds, count, timeout);
}

int ioctl(int fd, unsigned long number, ...) {
    REAL(ioctl);
    va_list more;
    va_start(more, number);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (!is_node(fd) || (number != STATUS && !IS_DEVICE_ID(number))) return real(fd, number, argument);
    char now = state();
    if (now == 's' || now == 'd') {
        errno = now == 's' ? EIO : ENODEV;
        return -1;
    }
    if (number == STATUS) {
        *(int *)argument = now == 'p' ? 0x30 : 0x18;
        return 0;
    }
    const char *id = getenv("USBLP_ID") ? getenv("USBLP_ID") : "";
    size_t room = number >> 16 & 0x3fff, size = strlen(id) + 2;
    memset(argument, 0, room);
    ((unsigned char *)argument)[0] = (unsigned char)(size >> 8);
    ((unsigned char *)argument)[1] = (unsigned char)size;
    memcpy((char *)argument + 2, id, size - 2 < room - 2 ? size - 2 : room - 2);
    return 0;
}

int close(int fd) {
    if (is_node(fd)) {
        pthread_mutex_lock(&lock);
        if (fd == of_fd) {
            on_its_way = 0;
            of_fd = -1;
        }
        pthread_mutex_unlock(&lock);
    }
    return let_go(fd);
}
