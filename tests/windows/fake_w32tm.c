/* Stands in for w32tm.exe where the system has none: writes down how it was called, says what it is told to
 * say.
 *
 *   C:\fleetmend-test\w32tm.calls   one line a call: its arguments
 *   C:\fleetmend-test\w32tm.exit    decimal exit code; missing: 0; "hang": never ends, and starts a child
 * that does not either */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "C:\\fleetmend-test\\"

static void start_copy(void)
{
    char exe[MAX_PATH], line[MAX_PATH + 16];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    GetModuleFileNameA(NULL, exe, sizeof exe);
    snprintf(line, sizeof line, "\"%s\" sleep", exe);
    if (CreateProcessA(exe, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process))
        printf("child %lu\n", process.dwProcessId);
    fflush(stdout);
}

static void write_call(int argc, char **argv)
{
    FILE *calls = fopen(FOLDER "w32tm.calls", "a");
    if (!calls)
        return;
    for (int i = 1; i < argc; i++)
        fprintf(calls, "%s%s", i > 1 ? " " : "", argv[i]);
    fprintf(calls, "\n");
    fclose(calls);
}

int main(int argc, char **argv)
{
    char word[20] = "0";
    if (argc == 2 && strcmp(argv[1], "sleep") == 0) {
        Sleep(INFINITE);
        return 0;
    }
    write_call(argc, argv);
    FILE *f = fopen(FOLDER "w32tm.exit", "r");
    if (f) {
        if (!fgets(word, sizeof word, f))
            word[0] = '\0';
        fclose(f);
    }
    if (strncmp(word, "hang", 4) == 0) {
        start_copy();
        Sleep(INFINITE);
    }
    long code = strtol(word, NULL, 10);
    printf(code == 0 ? "The command completed successfully.\n" : "The computer did not resync.\n");
    return (int)code;
}
