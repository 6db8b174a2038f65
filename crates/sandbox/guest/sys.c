/* The operating system's end of the C library. With these definitions in the link, no WASI import remains: the only
 * thing of the outside world that the engine can see is the host's clock, and time zones end at UTC.
 *
 * The stdio back ends are named by the C library's FILE objects, which its number formatting uses internally; the
 * signatures must be musl's own.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

__attribute__((import_module("nx"), import_name("now_us"))) extern double host_now_us(void);

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    (void)zone;
    long long us = (long long)host_now_us();
    to->tv_sec = us / 1000000;
    to->tv_usec = us % 1000000;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *to) {
    (void)clock;
    long long us = (long long)host_now_us();
    to->tv_sec = us / 1000000;
    to->tv_nsec = (us % 1000000) * 1000;
    return 0;
}

struct tm *localtime_r(const time_t *restrict at, struct tm *restrict to) {
    (void)at;
    return memset(to, 0, sizeof *to); /* the engine reads only tm_gmtoff */
}

_Noreturn void abort(void) { __builtin_trap(); }
_Noreturn void __assert_fail(const char *what, const char *file, int line, const char *function) {
    (void)what, (void)file, (void)line, (void)function;
    __builtin_trap();
}

int printf(const char *restrict format, ...) { return (void)format, 0; }
int fprintf(FILE *restrict to, const char *restrict format, ...) { return (void)to, (void)format, 0; }
int fputc(int c, FILE *to) { return (void)to, c; }
int putchar(int c) { return c; }
int puts(const char *text) { return (void)text, 0; }
int fputs(const char *restrict text, FILE *restrict to) { return (void)text, (void)to, 0; }
int fflush(FILE *file) { return (void)file, 0; }
size_t __stdio_write(FILE *to, const unsigned char *bytes, size_t len) { return (void)to, (void)bytes, len; }
size_t __stdout_write(FILE *to, const unsigned char *bytes, size_t len) { return (void)to, (void)bytes, len; }
off_t __stdio_seek(FILE *file, off_t by, int whence) { return (void)file, (void)by, (void)whence, (off_t)-1; }
int __stdio_close(FILE *file) { return (void)file, 0; }
int __isatty(int fd) { return (void)fd, 0; }
