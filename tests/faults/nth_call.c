/* Preloaded: the Nth call of libc that touches a folder fails, or the process dies there.
 *
 * `watch` names the folder, the call and what becomes of it; `seen` gives, for each call so far,
 * 'r' (reads), 's' (reads a status), 'w' (writes bytes), 'c' (closes) or 'm' (changes the rest).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* or the number of an error, to which FROM_THEN_ON may be added */
enum { PASS, SHORT_WRITE = -1, DIE_BEFORE = -2, DIE_AFTER = -3, FROM_THEN_ON = 1000 };

static char folder[PATH_MAX];
static char calls[1 << 20];
static long count, chosen;
static int fate;

void watch(const char *path, long n, int what)
{
    snprintf(folder, sizeof folder, "%s", path);
    count = 0;
    chosen = n;
    fate = what;
}

const char *seen(void)
{
    calls[count] = 0;
    return calls;
}

static int inside(const char *path)
{
    size_t n = strlen(folder);
    return n && !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

static int fd_inside(int fd)
{
    char link[64], path[PATH_MAX];
    if (!*folder)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = 0;
    return inside(path);
}

static int path_inside(int dir_fd, const char *path)
{
    char cwd[PATH_MAX], whole[2 * PATH_MAX];
    if (!*folder || !path)
        return 0;
    if (*path == '/')
        return inside(path);
    if (dir_fd != AT_FDCWD)
        return fd_inside(dir_fd);
    if (!getcwd(cwd, sizeof cwd))
        return 0;
    snprintf(whole, sizeof whole, "%s/%s", cwd, path);
    return inside(whole);
}

/* What becomes of this call. */
static int next(char kind)
{
    if (count < (long)sizeof calls - 1)
        calls[count] = kind;
    if (++count < chosen || (count > chosen && fate < FROM_THEN_ON))
        return PASS;
    if (fate > FROM_THEN_ON)
        return fate - FROM_THEN_ON;
    if (fate == DIE_BEFORE)
        kill(getpid(), SIGKILL);
    return fate;
}

static void after(int what)
{
    if (what == DIE_AFTER)
        kill(getpid(), SIGKILL);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

/* Defines a function that touches the folder where `touches` holds. */
#define CALL(type, name, params, args, touches, kind, failed) \
    type name params                                          \
    {                                                         \
        REAL(name);                                           \
        if (!(touches))                                       \
            return real args;                                 \
        int what = next(kind);                                \
        if (what > 0) {                                       \
            errno = what;                                     \
            return failed;                                    \
        }                                                     \
        type result = real args;                              \
        after(what);                                          \
        return result;                                        \
    }

#define OPEN_KIND (flags & (O_CREAT | O_WRONLY | O_RDWR) ? 'm' : 'r')
#define OPEN(name)                                                                       \
    int name(const char *path, int flags, ...)                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        va_list list;                                                                    \
        va_start(list, flags);                                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;          \
        va_end(list);                                                                    \
        int what = path_inside(AT_FDCWD, path) ? next(OPEN_KIND) : PASS;                 \
        if (what > 0) {                                                                  \
            errno = what;                                                                \
            return -1;                                                                   \
        }                                                                                \
        int fd = real(path, flags, mode);                                                \
        after(what);                                                                     \
        return fd;                                                                       \
    }
#define OPENAT(name)                                                                     \
    int name(int dir_fd, const char *path, int flags, ...)                               \
    {                                                                                    \
        REAL(name);                                                                      \
        va_list list;                                                                    \
        va_start(list, flags);                                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;          \
        va_end(list);                                                                    \
        int what = path_inside(dir_fd, path) ? next(OPEN_KIND) : PASS;                   \
        if (what > 0) {                                                                  \
            errno = what;                                                                \
            return -1;                                                                   \
        }                                                                                \
        int fd = real(dir_fd, path, flags, mode);                                        \
        after(what);                                                                     \
        return fd;                                                                       \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

CALL(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), fd_inside(fd), 'r', -1)
CALL(DIR *, opendir, (const char *path), (path), path_inside(AT_FDCWD, path), 'r', NULL)
CALL(DIR *, fdopendir, (int fd), (fd), fd_inside(fd), 'r', NULL)
CALL(int, stat, (const char *path, struct stat *to), (path, to), path_inside(AT_FDCWD, path), 's', -1)
CALL(int, lstat, (const char *path, struct stat *to), (path, to), path_inside(AT_FDCWD, path), 's', -1)
CALL(int, stat64, (const char *path, struct stat64 *to), (path, to), path_inside(AT_FDCWD, path), 's', -1)
CALL(int, lstat64, (const char *path, struct stat64 *to), (path, to), path_inside(AT_FDCWD, path), 's', -1)
CALL(int, fstat64, (int fd, struct stat64 *to), (fd, to), fd_inside(fd), 's', -1)
CALL(int, fsync, (int fd), (fd), fd_inside(fd), 'm', -1)
CALL(int, fdatasync, (int fd), (fd), fd_inside(fd), 'm', -1)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), fd_inside(fd), 'm', -1)
CALL(int, ftruncate64, (int fd, off64_t n), (fd, n), fd_inside(fd), 'm', -1)
CALL(int, flock, (int fd, int operation), (fd, operation), fd_inside(fd), 'm', -1)
CALL(int, unlink, (const char *path), (path), path_inside(AT_FDCWD, path), 'm', -1)
CALL(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), path_inside(fd, path),
     'm', -1)
CALL(int, rmdir, (const char *path), (path), path_inside(AT_FDCWD, path), 'm', -1)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), path_inside(AT_FDCWD, path), 'm', -1)
CALL(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), path_inside(fd, path),
     'm', -1)
CALL(int, link, (const char *from, const char *to), (from, to), path_inside(AT_FDCWD, to), 'm', -1)
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), path_inside(AT_FDCWD, path), 'm', -1)
CALL(ssize_t, copy_file_range,
     (int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags),
     (from, from_at, to, to_at, n, flags), fd_inside(to), 'm', -1)
CALL(ssize_t, sendfile64, (int to, int from, off64_t *at, size_t n), (to, from, at, n),
     fd_inside(to), 'm', -1)
CALL(int, rename, (const char *from, const char *to), (from, to), path_inside(AT_FDCWD, to), 'm', -1)
CALL(int, renameat, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to), path_inside(to_fd, to), 'm', -1)

struct dirent64 *readdir64(DIR *dir)
{
    REAL(readdir64);
    int what = fd_inside(dirfd(dir)) ? next('r') : PASS;
    if (what > 0) {
        errno = what;
        return NULL;
    }
    return real(dir);
}

/* The descriptor is closed in any case, as on Linux. */
int close(int fd)
{
    REAL(close);
    int what = fd_inside(fd) ? next('c') : PASS;
    int result = real(fd);
    if (what > 0) {
        errno = what;
        return -1;
    }
    return result;
}

ssize_t write(int fd, const void *from, size_t n)
{
    REAL(write);
    if (!fd_inside(fd))
        return real(fd, from, n);
    int what = next('w');
    if (what > 0) {
        errno = what;
        return -1;
    }
    ssize_t done = real(fd, from, what == SHORT_WRITE && n > 1 ? n / 2 : n);
    after(what);
    return done;
}
