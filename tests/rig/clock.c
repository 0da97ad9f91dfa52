/* The wall clock of a rig's programs, preloaded into all of them: it shows what CLOCK_FILE says. See clock.py.
 *
 * The file begins with the number of settings that follow it. The last of them holds: the clock shows
 * base + (real - anchor) * rate, in seconds since 1970. Another setting sets the clock of all programs at once, and
 * systemd notices it as it notices clock_settime(2): it waits for its descriptor with TFD_TIMER_CANCEL_ON_SET, which is
 * here one of inotify(7).
 *
 * The monotonic clocks stay real, and with them every time limit. So do the times of files that are not set by hand.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 4096
#define FILE_SIZE 65536

struct setting { double anchor, base, rate; };
struct clock_file { volatile uint64_t count; struct setting settings[]; };

/* For each descriptor of timerfd_create(2) on the wall clock, the instant that it was last asked for. */
static struct { int wall; struct itimerspec asked; } timers[MOST_DESCRIPTORS];
static uint64_t followed;

static double seconds(const struct timespec *t) { return (double)t->tv_sec + (double)t->tv_nsec / 1e9; }

static struct timespec timespec_of(double s)
{
    time_t whole = (time_t)s;
    return (struct timespec){ .tv_sec = whole, .tv_nsec = (long)((s - (double)whole) * 1e9) };
}

static int is_wall(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_REALTIME_ALARM;
}

/* NULL where the file cannot be seen: the clock is the real one then. */
static const struct clock_file *clock_file(void)
{
    static const struct clock_file *mapped;
    if (!mapped) {
        int fd = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return NULL;
        void *map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (map == MAP_FAILED)
            return NULL;
        mapped = map;
    }
    return mapped;
}

static int arm(int fd, const struct itimerspec *asked, const struct setting *now)
{
    struct itimerspec real = *asked;
    double at = now->anchor + (seconds(&asked->it_value) - now->base) / now->rate;
    real.it_value = timespec_of(at < 1 ? 1 : at);
    return (int)syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &real, NULL);
}

/* The setting that holds. Who sees a new one first arms the timers of its process anew. */
static const struct setting *setting(void)
{
    const struct clock_file *file = clock_file();
    uint64_t count = file ? file->count : 0;
    if (!count)
        return NULL;
    const struct setting *now = &file->settings[count - 1];
    if (count != followed) {
        followed = count;
        for (int fd = 0; fd < MOST_DESCRIPTORS; fd++)
            if (timers[fd].wall && seconds(&timers[fd].asked.it_value) > 0)
                arm(fd, &timers[fd].asked, now);
    }
    return now;
}

int clock_gettime(clockid_t id, struct timespec *shown)
{
    int failed = (int)syscall(SYS_clock_gettime, id, shown);
    const struct setting *now = failed || !is_wall(id) ? NULL : setting();
    if (now)
        *shown = timespec_of(now->base + (seconds(shown) - now->anchor) * now->rate);
    return failed;
}

int gettimeofday(struct timeval *restrict shown, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    *shown = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return failed;
}

time_t time(time_t *shown)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (shown)
        *shown = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *shown, int base)
{
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, shown) ? base : 0;
}

int timerfd_create(int id, int flags)
{
    int fd = (int)syscall(SYS_timerfd_create, id, flags);
    if (fd >= 0 && fd < MOST_DESCRIPTORS) {
        timers[fd].wall = is_wall(id);
        timers[fd].asked = (struct itimerspec){ 0 };
    }
    return fd;
}

/* The descriptor becomes readable when the clock is set, and never else. */
static int tell_when_it_is_set(int fd)
{
    int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (changes < 0)
        return -1;
    int failed = inotify_add_watch(changes, CLOCK_FILE, IN_MODIFY) < 0 || dup3(changes, fd, O_CLOEXEC) < 0;
    close(changes);
    timers[fd].wall = 0;
    return failed ? -1 : 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *asked, struct itimerspec *before)
{
    const struct setting *now = setting();
    if (!now || fd < 0 || fd >= MOST_DESCRIPTORS || !timers[fd].wall || !(flags & TFD_TIMER_ABSTIME))
        return (int)syscall(SYS_timerfd_settime, fd, flags, asked, before);
    if (flags & TFD_TIMER_CANCEL_ON_SET)
        return tell_when_it_is_set(fd);
    /* 0 disarms, and sd-event(3) asks for "at once" with the first nanosecond of 1970. */
    int instant = seconds(&asked->it_value) > 1;
    timers[fd].asked = instant ? *asked : (struct itimerspec){ 0 };
    return instant ? arm(fd, asked, now) : (int)syscall(SYS_timerfd_settime, fd, flags, asked, before);
}

/* "Now" as a file's time is ours too: with it systemd says when a timer of Persistent= was seen first. */
static int set_times(int folder, const char *path, const struct timespec times[2], int flags)
{
    struct timespec now, set[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
    clock_gettime(CLOCK_REALTIME, &now);
    for (int each = 0; each < 2; each++) {
        if (times)
            set[each] = times[each];
        if (set[each].tv_nsec == UTIME_NOW)
            set[each] = now;
    }
    return (int)syscall(SYS_utimensat, folder, path, set, flags);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
    return set_times(folder, path, times, flags);
}

int futimens(int fd, const struct timespec times[2]) { return set_times(fd, NULL, times, 0); }
