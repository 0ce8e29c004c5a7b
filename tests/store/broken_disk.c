#include "broken_disk.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>

struct broken_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct, in the same memory */
};

static sqlite3_vfs vfs, *system_vfs;
static enum disk_fault fault;
static int left; /* until the fault; 0: none is planned */
static bool failed;

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct broken_file *)(void *)f)->real;
}

static bool fails_now(bool sync)
{
    if (left == 0 || sync != (fault == DISK_SYNC_ERROR))
        return false;
    if (left > 1) {
        left--;
        return false;
    }
    failed = true;
    if (fault != DISK_FULL)
        left = 0;
    return true;
}

static int on_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!fails_now(false))
        return real(f)->pMethods->xWrite(real(f), p, n, at);
    if (n > 1)
        real(f)->pMethods->xWrite(real(f), p, n / 2, at);
    return fault == DISK_WRITE_ERROR ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    return fails_now(true) ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int on_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int on_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int on_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int on_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int on_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)v;
    struct broken_file *b = (struct broken_file *)(void *)f;
    b->real = (sqlite3_file *)(void *)(b + 1);
    b->base.pMethods = NULL;
    int rc = system_vfs->xOpen(system_vfs, name, b->real, flags, out_flags);
    if (b->real->pMethods)
        b->base.pMethods = &methods;
    return rc;
}

void broken_disk_install(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = "broken_disk";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct broken_file) + system_vfs->szOsFile;
    vfs.xOpen = on_open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

void broken_disk_fail(enum disk_fault what, int at)
{
    fault = what;
    failed = false;
    left = at;
}

bool broken_disk_mend(void)
{
    left = 0;
    return failed;
}
