/* What the tests of the Windows machine share: the machine under test, and a few deeds beside it.
 *
 * The state folder is C:\fleetmend-test\state; tests/rig.exe makes and removes services. */
#ifndef FLEETMEND_TEST_WINDOWS_RIG_H
#define FLEETMEND_TEST_WINDOWS_RIG_H

#include "mem.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define STATE "C:\\fleetmend-test\\state"

extern struct machine *machine;
extern wchar_t windows_dir[MAX_PATH], tests_dir[MAX_PATH];

/* CALL(file_read, "name", &out, NULL) */
#define CALL(name, ...) machine->ops->name(machine->ctx, __VA_ARGS__)

/* Of a cmocka group: opens `machine` on a new state folder. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Another machine on the same state folder; scan_exe NULL: this program. */
struct machine *open_machine(const wchar_t *scan_exe);
/* Runs tests/rig.exe; returns its exit code. */
DWORD rig(const wchar_t *arguments);

wchar_t *under(const wchar_t *folder, const wchar_t *name); /* for mem_free() */
void write_file(const wchar_t *path, const char *text);
bool exists(const wchar_t *path);
void remove_folder(const wchar_t *path);
struct slice text(const char *z);
/* The file of the state folder holds exactly this. */
void assert_file(const char *name, const char *expected);

#endif
