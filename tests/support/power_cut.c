/* Preloaded into a server: kills its process before the n-th write that lasts, where n stands in the file named by
   POWER_CUT. Such writes are statements and answers (send), and what changes files and directories. Without the file
   nothing is counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static long done;

static int (*next_unlink(void))(const char *)
{
    return (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
}

static void count(void)
{
    char text[32] = "";
    const char *name = getenv("POWER_CUT");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

    if (file < 0) {
        done = 0;
        return;
    }
    if (read(file, text, sizeof text - 1) < 1)
        text[0] = 0;
    close(file);
    if (++done == strtol(text, NULL, 10)) {
        next_unlink()(name);
        kill(getpid(), SIGKILL);
    }
}

#define COUNTED(result, name, declared, passed)                                     \
    result name declared                                                            \
    {                                                                               \
        result(*next) declared = (result(*) declared)dlsym(RTLD_NEXT, #name);       \
        count();                                                                    \
        return next passed;                                                         \
    }

COUNTED(int, fsync, (int file), (file))
COUNTED(int, fdatasync, (int file), (file))
COUNTED(int, rename, (const char *from, const char *to), (from, to))
COUNTED(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
COUNTED(int, unlink, (const char *name), (name))
COUNTED(int, unlinkat, (int at, const char *name, int flags), (at, name, flags))
COUNTED(int, mkdir, (const char *name, mode_t mode), (name, mode))
COUNTED(int, mkdirat, (int at, const char *name, mode_t mode), (at, name, mode))
COUNTED(int, rmdir, (const char *name), (name))
COUNTED(int, link, (const char *from, const char *to), (from, to))
COUNTED(ssize_t, send, (int to, const void *data, size_t size, int flags), (to, data, size, flags))

/* As OpenSSL sends an answer. */
ssize_t write(int to, const void *data, size_t size)
{
    ssize_t (*next)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    struct stat kind;

    if (fstat(to, &kind) == 0 && S_ISSOCK(kind.st_mode))
        count();
    return next(to, data, size);
}
