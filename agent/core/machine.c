#include "machine.h"

const char *machine_service_name(enum machine_service s)
{
#define X(id, name) name,
    static const char *const names[SERVICE_COUNT] = {MACHINE_SERVICES(X)};
#undef X
    return names[s];
}

const char *machine_place_name(enum machine_place p)
{
    static const char *const names[PLACE_COUNT] = {
        [PLACE_SOFTWARE_DISTRIBUTION] = "SoftwareDistribution",
        [PLACE_SD_DATASTORE] = "SoftwareDistribution\\DataStore",
        [PLACE_SD_DOWNLOAD] = "SoftwareDistribution\\Download",
        [PLACE_CATROOT2] = "catroot2",
    };
    return names[p];
}

const char *machine_program_text(enum machine_program p)
{
    static const char *const texts[PROGRAM_COUNT] = {
        [PROGRAM_W32TM_RESYNC_REDISCOVER] = "w32tm.exe /resync /rediscover",
        [PROGRAM_W32TM_RESYNC] = "w32tm.exe /resync",
    };
    return texts[p];
}

const char *machine_log_name(enum machine_log log)
{
    static const char *const names[MACHINE_LOG_COUNT] = {
        [MACHINE_LOG_REPORTING_EVENTS] = "ReportingEvents.log", [MACHINE_LOG_WINDOWS_UPDATE] = "WindowsUpdate.log",
        [MACHINE_LOG_CBS] = "CBS.log",                          [MACHINE_LOG_DISM] = "dism.log",
        [MACHINE_LOG_SETUP] = "setupact.log",
    };
    return names[log];
}
