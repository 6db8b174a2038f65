// The operating system's end of the C library: there is none. With these definitions in the link snprintf needs no WASI.
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

_Noreturn void abort(void) { __builtin_trap(); }
size_t __stdio_write(FILE *to, const unsigned char *bytes, size_t len) { return (void)to, (void)bytes, len; }
size_t __stdout_write(FILE *to, const unsigned char *bytes, size_t len) { return (void)to, (void)bytes, len; }
off_t __stdio_seek(FILE *file, off_t by, int whence) { return (void)file, (void)by, (void)whence, (off_t)-1; }
int __stdio_close(FILE *file) { return (void)file, 0; }
