/* A printer that does nothing but read documents; what it saw is in a shared file.
 *
 * receiver SHARED_FILE CAPACITY FIFO   prints its port, ends when its standard input ends.
 *
 * The file (little-endian, as the machine is): uint64 done, 8 bytes unused, then CAPACITY records of struct record.
 * A document begins with 8 bytes of its number and 8 of its size, all told; then whatever it likes. A connection may
 * bring several; one that is cut short is recorded as far as it came. The FIFO is read as one connection that never ends. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_ZLIB
#include <zlib.h>
#endif

#define MAX_FD 4096
#define PIECE (256 * 1024)
#define HEAD 16

struct record {
    uint64_t number, bytes, first_ns, end_ns, adler;
};

struct connection {
    uint64_t bytes, first_ns;
    uint64_t head[2]; /* number, size */
    uint32_t adler;
};

static struct connection connections[MAX_FD];
static unsigned char piece[PIECE];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#ifndef WITH_ZLIB
static uint32_t adler32(uint32_t adler, const unsigned char *data, size_t size) {
    uint32_t a = adler & 0xffff, b = adler >> 16;
    while (size > 0) {
        size_t part = size < 5552 ? size : 5552; /* so many fit before b overflows */
        for (size_t i = 0; i < part; i++) {
            a += data[i];
            b += a;
        }
        a %= 65521;
        b %= 65521;
        data += part;
        size -= part;
    }
    return b << 16 | a;
}
#endif

/* Take bytes of one document, at most to its end; return how many. */
static size_t add(struct connection *c, const unsigned char *data, size_t size) {
    if (!c->first_ns)
        c->first_ns = now();
    uint64_t left = c->bytes < HEAD ? HEAD - c->bytes : c->head[1] - c->bytes;
    if (size > left)
        size = (size_t)left;
    if (c->bytes < HEAD)
        memcpy((uint8_t *)c->head + c->bytes, data, size);
    c->bytes += size;
    c->adler = (uint32_t)adler32(c->adler, data, (unsigned)size);
    return size;
}

static int whole(const struct connection *c) {
    return c->bytes >= HEAD && c->bytes >= c->head[1];
}

static void begin(struct connection *c) {
    memset(c, 0, sizeof *c);
    c->adler = 1;
}

static void record(uint64_t *done, struct record *records, uint64_t capacity, struct connection *c) {
    if (*done >= capacity)
        exit(6);
    records[*done] = (struct record){c->head[0], c->bytes, c->first_ns, now(), c->adler};
    __atomic_add_fetch(done, 1, __ATOMIC_RELEASE);
    begin(c);
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    uint64_t capacity = strtoull(argv[2], NULL, 10);
    int file = open(argv[1], O_RDWR);
    uint64_t *shared = mmap(NULL, 16 + capacity * sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || shared == MAP_FAILED)
        return 3;
    struct record *records = (struct record *)(shared + 2);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return 4;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = 0;
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    int fifo = open(argv[3], O_RDWR | O_NONBLOCK); /* who also writes never sees its end */
    if (fifo < 0)
        return 7;
    begin(&connections[fifo]);
    event.data.fd = fifo;
    epoll_ctl(poll, EPOLL_CTL_ADD, fifo, &event);
    for (;;) {
        int found = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < found; i++) {
            int fd = events[i].data.fd;
            if (fd == 0)
                return 0;
            if (fd == listener) {
                int new;
                while ((new = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (new >= MAX_FD)
                        return 5;
                    begin(&connections[new]);
                    event.data.fd = new;
                    epoll_ctl(poll, EPOLL_CTL_ADD, new, &event);
                }
                continue;
            }
            struct connection *c = &connections[fd];
            ssize_t got = read(fd, piece, PIECE);
            if (got < 0 && errno == EAGAIN)
                continue;
            for (ssize_t used = 0; used < got;) {
                used += (ssize_t)add(c, piece + used, (size_t)(got - used));
                if (whole(c))
                    record(shared, records, capacity, c);
            }
            if (got > 0)
                continue;
            if (c->bytes > 0)
                record(shared, records, capacity, c);
            close(fd);
        }
    }
}
