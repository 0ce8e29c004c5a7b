#include "clock.h"

#include <stddef.h>
#include <time.h>

#ifdef _WIN32
/* The one platform condition of the base: mingw's clock_gettime lives in winpthreads, which the agent does
 * not carry. Declared by hand, so that no Windows header enters a portable layer. */
struct win_filetime {
    uint32_t low, high;
};
__declspec(dllimport) void __stdcall GetSystemTimeAsFileTime(struct win_filetime *out);
__declspec(dllimport) uint64_t __stdcall GetTickCount64(void);

static int64_t system_wall_ms(void *ctx)
{
    (void)ctx;
    struct win_filetime ft;
    GetSystemTimeAsFileTime(&ft);
    /* 100 ns units since 1601-01-01 */
    return (int64_t)((((uint64_t)ft.high << 32) | ft.low) / 10000) - 11644473600000;
}

static int64_t system_ticks_ms(void *ctx)
{
    (void)ctx;
    return (int64_t)GetTickCount64();
}
#else
static int64_t now_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *ctx)
{
    (void)ctx;
    return now_ms(CLOCK_REALTIME);
}

static int64_t system_ticks_ms(void *ctx)
{
    (void)ctx;
    return now_ms(CLOCK_MONOTONIC);
}
#endif

const struct clock clock_system = {system_wall_ms, system_ticks_ms, NULL};

static int64_t fake_wall(void *ctx)
{
    return ((struct clock_fake *)ctx)->wall;
}

static int64_t fake_ticks(void *ctx)
{
    return ((struct clock_fake *)ctx)->ticks;
}

void clock_fake_init(struct clock_fake *f, int64_t wall_ms, int64_t ticks_ms)
{
    *f = (struct clock_fake){{fake_wall, fake_ticks, f}, wall_ms, ticks_ms};
}

void clock_fake_advance(struct clock_fake *f, int64_t ms)
{
    f->wall += ms;
    f->ticks += ms;
}
