/* Words for people: one sentence per common code, a title and a few sentences per cause. */
#include "code_internal.h"

#include <assert.h>

struct words {
    uint32_t code;
    const char *text;
};

static const struct words words[] = {
#define WORDS(code, text) {code, text},
#include "code_words.inc"
#undef WORDS
};

enum { WORDS_COUNT = sizeof words / sizeof words[0] };

const char *code_text(uint32_t code)
{
    size_t low = 0, high = WORDS_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (words[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < WORDS_COUNT && words[low].code == code ? words[low].text : code_range_find(code)->text;
}

static const struct {
    const char *title, *text;
} causes[] = {
    [CODE_CAUSE_UNKNOWN] = {"not told by the code",
                            "The code alone does not say what is wrong. The phase in which it came and the "
                            "log lines just before it tell more than the number. Fleetmend takes such a code "
                            "as proof of nothing and judges every step by its result."},
    [CODE_CAUSE_COMPONENT_STORE] =
        {"component store or servicing",
         "Files, records or signatures that Windows needs to install updates are damaged, missing or out of "
         "date. DISM repairs them from a good source, and the system file check then puts back single files. "
         "Fleetmend can run both, with no source besides Windows Update and the repository that your group "
         "policy names."},
    [CODE_CAUSE_NETWORK] =
        {"network connection",
         "The update server was not reached, or the connection did not hold. Look at DNS, firewall, VPN and "
         "the way to the server; many such failures pass by themselves. Fleetmend diagnoses and explains "
         "them, and changes no network settings by default."},
    [CODE_CAUSE_SERVICE] =
        {"update services not running",
         "A Windows service that updates need is disabled, stopped, missing or not answering. Fleetmend puts "
         "back the start type that belongs to this Windows version and starts the service. Where a group "
         "policy disables it, the policy must change first."},
    [CODE_CAUSE_DRIVER] =
        {"device or driver",
         "A device driver failed to install, or a driver or device hinders the update. A newer driver or the "
         "removal of the device often helps, and disk errors need a check of the hardware. Fleetmend "
         "installs only drivers that your update source offers or that stand in your repository."},
    [CODE_CAUSE_CACHE_CORRUPT] =
        {"update cache damaged",
         "The folder in which Windows Update keeps its database and downloads holds wrong or missing files. "
         "Windows builds it anew when it is gone. Fleetmend moves the folder aside, saves the update history "
         "first, and can put it back."},
    [CODE_CAUSE_CLOCK] = {"clock or certificates",
                          "Secure connections and signatures hold only while date and time are right and the "
                          "root certificates are current. Fleetmend compares the clock with the server's "
                          "signed time and has Windows set it; domain members only resynchronise with their "
                          "domain. A wrong time zone is reported, not changed."},
    [CODE_CAUSE_WSUS] = {"update server",
                         "The update server (mostly WSUS) answered with an error, or does not have what the "
                         "machine asked for. Look at the server first: its web site, database, clean-up and "
                         "approvals. Fleetmend diagnoses and explains this, and repairs nothing on the "
                         "machines by default, because they are seldom at fault."},
    [CODE_CAUSE_OS_UPGRADE] =
        {"Windows upgrade",
         "Windows setup stopped or undid an upgrade to a newer version. The usual reasons are drivers, "
         "programs that do not get along, too little disk space, or media of another language or edition. "
         "Fleetmend gathers what setup logged and repairs what it can; the rest is named for a person."},
    [CODE_CAUSE_AUTH] =
        {"access denied",
         "Windows or a server refused access, or a signed-in user was needed. Look at changed permissions, "
         "security software and credentials. Fleetmend does not loosen access rights."},
    [CODE_CAUSE_POLICY] = {"policy setting",
                           "A group policy or device management setting forbids what the update needs. "
                           "Change it where it is made, since a change on the machine is undone at the next "
                           "refresh. Fleetmend names the setting and does not change it by default."},
    [CODE_CAUSE_PROXY] =
        {"proxy server",
         "A proxy refused the request, asked for a sign-in that a system service cannot give, or does not "
         "pass downloads in parts. Allow the update servers on it without sign-in. Fleetmend explains this; "
         "a proxy reset is offered for approval only after the proxy was tested and did not answer."},
    [CODE_CAUSE_DISK_SPACE] = {"disk space",
                               "A disk or system partition is too full for the update. Fleetmend removes "
                               "only what is safe: downloads, temporary files, old logs and its own old "
                               "copies. Small system and recovery partitions need a person."},
};

const char *code_cause_title(enum code_cause cause)
{
    assert((size_t)cause < sizeof causes / sizeof causes[0]);
    return causes[cause].title;
}

const char *code_cause_text(enum code_cause cause)
{
    assert((size_t)cause < sizeof causes / sizeof causes[0]);
    return causes[cause].text;
}
