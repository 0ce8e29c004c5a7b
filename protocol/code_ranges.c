/* What the range of a code tells when the code itself is not in the table.
 *
 * The first row that holds the code wins, so narrow ranges stand above wide ones. A range's ladder is the
 * commonest one among its known codes. Ranges of network, WSUS, proxy and policy causes only diagnose: one
 * outage must not queue a thousand repairs. */
#include "code_internal.h"

#define GENERAL     "troubleshooter;wu_services_reset;cache_reset;component_store_repair;system_file_check"
#define COM         "wu_services_reset;component_store_repair;system_file_check;reboot"
#define STORE       "component_store_repair;system_file_check;reboot"
#define SIGNATURE   "time_resync;catroot2_reset;component_store_repair"
#define DIAGNOSE    "troubleshooter"
#define NO_REPAIR   ""
#define AGENT_SETUP "wu_services_reset;reboot;component_store_repair;system_file_check"

#define FAILS(first, last, cause, ladder, text)                                                              \
    {                                                                                                        \
        first, last, CODE_FAILURE, CODE_CAUSE_##cause, ladder, text                                          \
    }
#define GOOD(first, last, text)                                                                              \
    {                                                                                                        \
        first, last, CODE_SUCCESS, CODE_CAUSE_UNKNOWN, NO_REPAIR, text                                       \
    }

static const struct code_range ranges[] = {
    GOOD(0x00000001, 0x0000FFFF,
         "Not a failure as it stands, but a bare small number in a setup log is a Win32 error: look it up "
         "with 8007 in front, as in 0x80070490."),
    GOOD(0x000F0000, 0x000FFFFF, "A notice of Windows servicing (CBS), not a failure."),
    GOOD(0x00200000, 0x0020FFFF, "A notice of the background transfer service (BITS), not a failure."),
    GOOD(0x00240000, 0x0024FFFF, "A notice of the update agent, not a failure."),
    GOOD(0x00000000, 0x7FFFFFFF, "Not a failure: the highest bit of the code is clear."),

    FAILS(0x80000000, 0x8004FFFF, UNKNOWN, COM,
          "A general error of Windows' component interface (COM), which many programs use."),
    FAILS(0x80080000, 0x8008FFFF, UNKNOWN, COM,
          "An error while Windows started or called a component in another process, or read an app package."),

    /* Win32 errors: the low half is the number other tools print in decimal. */
    FAILS(0x8007041B, 0x8007043C, SERVICE, "wu_services_reset;reboot;component_store_repair",
          "A Win32 error about a Windows service that could not be used."),
    FAILS(0x80070641, 0x8007067D, UNKNOWN, STORE, "An error of the Windows Installer (MSI)."),
    FAILS(0x800706A4, 0x80070729, SERVICE, "wu_services_reset;reboot",
          "A Win32 error about a call to a service in another process (RPC)."),
    FAILS(0x800719C8, 0x80071AC7, COMPONENT_STORE, "component_store_repair;reboot",
          "An error of the transaction log that guards file changes during servicing."),
    FAILS(0x80072710, 0x80072EDF, NETWORK, DIAGNOSE, "An error of the network layer (sockets and DNS)."),
    FAILS(0x80072EE0, 0x80072F9E, NETWORK, DIAGNOSE,
          "An error of the web connection (WinHTTP or WinINet) to the update server or proxy."),
    FAILS(0x800736B0, 0x8007371F, COMPONENT_STORE, STORE,
          "An error of the side-by-side store (WinSxS), where Windows keeps its components."),
    FAILS(0x80073CF0, 0x80073D58, UNKNOWN, "wu_services_reset;cache_reset",
          "An error while a Store app package was installed or removed."),
    FAILS(0x80070000, 0x8007FFFF, UNKNOWN, GENERAL,
          "A general Win32 error: the last four hex digits are its number."),

    FAILS(0x80090300, 0x800903FF, NETWORK, DIAGNOSE,
          "An error of sign-in or of the secure connection to a server (SSPI, TLS)."),
    FAILS(0x80090000, 0x80091FFF, COMPONENT_STORE, "catroot2_reset;component_store_repair",
          "An error of Windows' cryptographic services."),
    FAILS(0x80092000, 0x8009FFFF, COMPONENT_STORE, SIGNATURE,
          "An error while a signature or certificate was checked."),
    FAILS(0x800B0000, 0x800BFFFF, CLOCK, "time_resync;catroot2_reset;cache_reset;component_store_repair",
          "An error while the trust in a signature or certificate was judged."),

    FAILS(0x800F0940, 0x800F096F, WSUS, DIAGNOSE,
          "Servicing did not get the files of a feature or language from the update server."),
    FAILS(0x800F0970, 0x800F09FF, COMPONENT_STORE, STORE,
          "An error while an update was put together from differences to the installed files."),
    FAILS(0x800F0800, 0x800FFFFF, COMPONENT_STORE, STORE,
          "An error of Windows servicing (CBS); CBS.log has the details."),
    FAILS(0x800F0000, 0x800F07FF, DRIVER, "driver_update;reboot;component_store_repair",
          "An error of device and driver setup; setupapi.dev.log has the details."),

    FAILS(0x80130000, 0x8013FFFF, UNKNOWN, "component_store_repair;reboot",
          "An error of a .NET program that took part in the update."),

    FAILS(0x80190190, 0x801901F3, NETWORK, DIAGNOSE,
          "The server or a proxy refused the download: the last three hex digits are an HTTP status from 400 "
          "to 499."),
    FAILS(0x801901F4, 0x80190257, NETWORK, DIAGNOSE,
          "The server or a proxy failed during the download: the last three hex digits are an HTTP status "
          "from 500 to 599."),
    FAILS(0x80190000, 0x8019FFFF, NETWORK, DIAGNOSE,
          "A download got an unexpected answer: the last four hex digits are the HTTP status."),
    FAILS(0x80200000, 0x8020FFFF, NETWORK, DIAGNOSE, "An error of the background transfer service (BITS)."),

    /* The Windows Update Agent: the fifth hex digit is its part. */
    FAILS(0x80240430, 0x8024044F, NETWORK, DIAGNOSE,
          "An error of the web service connection to the update server."),
    FAILS(0x80240000, 0x80240FFF, UNKNOWN, GENERAL, "A general error of the update agent."),
    FAILS(0x80241000, 0x80241FFF, UNKNOWN, "component_store_repair;system_file_check",
          "An error while the update agent worked with a Windows Installer (MSI) update."),
    FAILS(0x80242000, 0x80242FFF, COMPONENT_STORE, "cache_reset;component_store_repair;system_file_check",
          "An error of the part of the update agent that hands updates to their installers."),
    FAILS(0x80243000, 0x80243FFF, UNKNOWN, "wu_services_reset",
          "An error while installation results were kept or shown to the user."),
    FAILS(0x80244000, 0x80244FFF, WSUS, DIAGNOSE,
          "An error in the talk between the update agent and the update server."),
    FAILS(0x80245000, 0x80245FFF, NETWORK, DIAGNOSE,
          "An error while the update agent asked where its services are, or healed itself by order of the "
          "service."),
    FAILS(0x80246000, 0x80246FFF, CACHE_CORRUPT, "wu_services_reset;cache_reset",
          "An error of the update agent's download manager."),
    FAILS(0x80247000, 0x80247FFF, CACHE_CORRUPT, "time_resync;cache_reset",
          "An error of an offline scan, or in the check that update descriptions are genuine and in date."),
    FAILS(0x80248000, 0x80248FFF, CACHE_CORRUPT, "wu_services_reset;cache_reset;component_store_repair",
          "An error of the update agent's database (DataStore.edb)."),
    FAILS(0x80249000, 0x80249FFF, UNKNOWN, "wu_services_reset",
          "An error while the update agent took the machine's inventory."),
    FAILS(0x8024A000, 0x8024AFFF, SERVICE, "wu_services_reset;reboot",
          "An error of automatic updates or of the update orchestrator."),
    FAILS(0x8024B000, 0x8024BFFF, UNKNOWN, "wu_services_reset;reboot",
          "An error of an update task, or in a check of hardware or of a file's trust."),
    FAILS(0x8024C000, 0x8024CFFF, DRIVER, "driver_update", "An error of the update agent's driver part."),
    FAILS(0x8024D000, 0x8024DFFF, SERVICE, AGENT_SETUP, "An error while the update agent renewed itself."),
    FAILS(0x8024E000, 0x8024EFFF, CACHE_CORRUPT, "cache_reset;component_store_repair",
          "An error while the update agent evaluated whether an update applies."),
    FAILS(0x8024F000, 0x8024FFFF, UNKNOWN, "cache_reset",
          "An error while the update agent reported its results."),

    FAILS(0x803D0000, 0x803DFFFF, NETWORK, DIAGNOSE,
          "An error of the web services layer the update agent talks through."),
    FAILS(0x80D00000, 0x80D0FFFF, NETWORK, DIAGNOSE,
          "An error of Delivery Optimization, which downloads updates."),

    FAILS(0xC1420000, 0xC142FFFF, COMPONENT_STORE, STORE,
          "An error while a Windows image was mounted or used (WIM)."),
    FAILS(0xC1800000, 0xC180FFFF, OS_UPGRADE, "cache_reset;reboot;component_store_repair",
          "An error while the files of a Windows upgrade were fetched or unpacked."),
    FAILS(0xC1900000, 0xC190FFFF, OS_UPGRADE, "cache_reset;component_store_repair;driver_update;reboot",
          "An error of Windows setup during an upgrade; setupact.log has the details."),
    FAILS(0xC0000000, 0xCFFFFFFF, UNKNOWN, "component_store_repair;reboot",
          "An error of the Windows kernel or of setup (NTSTATUS)."),
    FAILS(0xD0000000, 0xDFFFFFFF, UNKNOWN, DIAGNOSE,
          "A kernel status written as an update code; it mostly accompanies the code that matters."),
    FAILS(0x80000000, 0xFFFFFFFF, UNKNOWN, DIAGNOSE,
          "A failure of a program or component that is not part of Windows Update's known codes."),
};

const struct code_range *code_range_find(uint32_t code)
{
    const struct code_range *range = ranges;
    while (code < range->first || code > range->last)
        range++;
    return range;
}
