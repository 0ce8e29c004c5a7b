/* What Windows writes down: ReportingEvents.log (UTF-16LE with mark, 13 columns, CRLF) and CBS.log. The agent reads
 * these with the parsers it uses on real machines. */
#include "sim_internal.h"

#include "code.h"
#include "times.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    LOG_MAX_BYTES = 48 * 1024, /* then the service trims its log; here it begins a new one */
    CBS_MAX_BYTES = 32 * 1024,
    LINE_MAX_BYTES = 1500,
    TITLE_BYTES = 200,
};

/* Windows Update's service id, as it stands in scan lines. */
#define SERVICE_GUID "{9482F4B4-E343-43B6-B170-9A65BC822C77}"

/* One kind of line in ReportingEvents.log. */
struct report {
    const char *event;    /* "148 [AGENT_DETECTION_FAILED]" */
    const char *category;
    const char *text;     /* a text around the code, or the title */
    bool failed;
};

static const struct report scan_failed = {"148 [AGENT_DETECTION_FAILED]", "Software Synchronization",
                                          "Windows Update Client failed to detect with error ", true};
static const struct report scan_done = {"147 [AGENT_DETECTION_FINISHED]", "Software Synchronization",
                                        "Windows Update Client successfully detected 1 updates.", false};
static const struct report download_failed = {"161 [AGENT_DOWNLOAD_FAILED]", "Content Download",
                                              "Error: Download failed.", true};
static const struct report download_started = {"167 [AGENT_DOWNLOAD_STARTED]", "Content Download", "Download started.",
                                               false};
static const struct report download_done = {"162 [AGENT_DOWNLOAD_SUCCEEDED]", "Content Download",
                                            "Download succeeded.", false};
static const struct report install_started = {
    "181 [AGENT_INSTALLING_STARTED]", "Content Install",
    "Installation Started: Windows has started installing the following update: ", false};
static const struct report install_failed = {
    "182 [AGENT_INSTALLING_FAILED]", "Content Install",
    "Installation Failure: Windows failed to install the following update with error ", true};
static const struct report install_done = {
    "183 [AGENT_INSTALLING_SUCCEEDED]", "Content Install",
    "Installation Successful: Windows successfully installed the following update: ", false};

/* "2026-01-31 08:00:00" and "123" of the machine's local time. */
static void local_time(const struct sim_machine *m, int64_t wall_ms, char day[20], char ms[4])
{
    char text[TIME_TEXT_MAX];
    time_print(wall_ms + (int64_t)m->zone_minutes * 60000, text);
    snprintf(day, 20, "%.10s %.8s", text, text + 11);
    snprintf(ms, 4, "%.3s", text + 20);
}

static void guid_print(struct sim_random r, char out[39])
{
    uint64_t a = sim_random_next(&r), b = sim_random_next(&r);
    snprintf(out, 39, "{%08X-%04X-4%03X-%04X-%012" PRIX64 "}", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
             (unsigned)(a & 0xfff), (unsigned)(b >> 48 | 0x8000), b & UINT64_C(0xffffffffffff));
}

/* The same update has the same id on every machine. */
static void update_guid(const char *kb, char out[39])
{
    uint64_t number = 0;
    for (const char *c = kb; *c; c++)
        number = number * 131 + (unsigned char)*c;
    guid_print(sim_random_of(0x75706461, number), out);
}

static void append_utf16(struct sim_machine *m, const char *line)
{
    struct buf wide;
    buf_init(&wide, 2 * LINE_MAX_BYTES + 16);
    int64_t size = sim_store_size(m->windows_files, SIM_REPORTING_LOG);
    if (size > LOG_MAX_BYTES) {
        sim_store_remove(m->windows_files, SIM_REPORTING_LOG, NULL);
        m->log_identity++;
        size = -1;
    }
    if (size <= 0)
        buf_append(&wide, "\xff\xfe", 2);
    for (const char *c = line; *c; c++)
        buf_append(&wide, (char[2]){*c, 0}, 2);
    buf_append(&wide, "\r\0\n\0", 4);
    sim_store_append(m->windows_files, SIM_REPORTING_LOG, buf_slice(&wide), false, NULL);
    buf_free(&wide);
    m->logged = true;
}

static void report_put(struct sim_machine *m, int64_t wall_ms, const struct report *r, const char *guid, uint32_t code,
                       const char *text)
{
    char line[LINE_MAX_BYTES], id[39], day[20], ms[4];
    int zone = m->zone_minutes;
    guid_print(sim_random_of(sim_random_next(&m->random), 1), id);
    local_time(m, wall_ms, day, ms);
    /* Column 8 is hexadecimal without 0x and without leading zeros. */
    snprintf(line, sizeof line, "%s\t%s:%s%c%02d%02d\t1\t%s\t101\t%s\t%d\t%x\t%s\t%s\t%s\t%s\t%016" PRIX64 ".1.1.0", id,
             day, ms, zone < 0 ? '-' : '+', (zone < 0 ? -zone : zone) / 60, (zone < 0 ? -zone : zone) % 60, r->event,
             guid, strcmp(guid, SERVICE_GUID) == 0 ? 0 : 200, (unsigned)code, "UpdateOrchestrator",
             r->failed ? "Failure" : "Success", r->category, text, sim_random_next(&m->random));
    append_utf16(m, line);
}

static void title_of(const struct sim_machine *m, const char *kb, char out[TITLE_BYTES])
{
    snprintf(out, TITLE_BYTES, "2026-09 Cumulative Update for %s for x64-based Systems (%s)",
             m->group->os[0] ? m->group->os : "Windows", kb[0] ? kb : "KB5031356");
}

void sim_log_scan(struct sim_machine *m, int64_t wall_ms, uint32_t code)
{
    char text[200];
    snprintf(text, sizeof text, "%s0x%08x.", scan_failed.text, (unsigned)code);
    if (code)
        report_put(m, wall_ms, &scan_failed, SERVICE_GUID, code, text);
    else
        report_put(m, wall_ms, &scan_done, SERVICE_GUID, 0, scan_done.text);
}

void sim_log_download(struct sim_machine *m, int64_t wall_ms, uint32_t code, const char *kb)
{
    char guid[39];
    const struct report *end = code ? &download_failed : &download_done;
    update_guid(kb, guid);
    report_put(m, wall_ms, &download_started, guid, 0, download_started.text);
    report_put(m, wall_ms, end, guid, code, end->text);
}

void sim_log_install(struct sim_machine *m, int64_t wall_ms, uint32_t code, const char *kb)
{
    char guid[39], title[TITLE_BYTES], text[400];
    update_guid(kb, guid);
    title_of(m, kb, title);
    snprintf(text, sizeof text, "%s%s", install_started.text, title);
    report_put(m, wall_ms, &install_started, guid, 0, text);
    if (code)
        snprintf(text, sizeof text, "%s0x%08x: %s", install_failed.text, (unsigned)code, title);
    else
        snprintf(text, sizeof text, "%s%s", install_done.text, title);
    report_put(m, wall_ms, code ? &install_failed : &install_done, guid, code, text);
}

static void cbs_put(struct sim_machine *m, int64_t wall_ms, const char *level, const char *text, struct buf *out)
{
    char day[20], ms[4];
    local_time(m, wall_ms, day, ms);
    buf_printf(out, "%s, %-22s CBS    %s\r\n", day, level, text);
}

void sim_log_missing_package(struct sim_machine *m, int64_t wall_ms, uint32_t code, const char *missing_kb)
{
    char package[120], text[400], symbol[60];
    struct buf out;
    buf_init(&out, 8192);
    int64_t size = sim_store_size(m->windows_files, SIM_CBS_LOG);
    if (size > CBS_MAX_BYTES) /* rolled: the old one becomes a CbsPersist */
        sim_store_remove(m->windows_files, SIM_CBS_LOG, NULL);
    if (size <= 0 || size > CBS_MAX_BYTES)
        buf_puts(&out, "\xef\xbb\xbf");
    const struct code_info *info = code_find(code);
    snprintf(symbol, sizeof symbol, "%.*s", info ? (int)strcspn(info->symbol, "|") : 7, info ? info->symbol : "unknown");
    snprintf(package, sizeof package, "Package_1174_for_%s~31bf3856ad364e35~amd64~~19041.1.0.5", missing_kb);
    snprintf(text, sizeof text, "Store corruption, manifest missing for package: %s", package);
    cbs_put(m, wall_ms, "Info", text, &out);
    snprintf(text, sizeof text, "Failed to resolve package '%s' [HRESULT = 0x%08x - %s]", package, (unsigned)code, symbol);
    cbs_put(m, wall_ms, "Error", text, &out);
    snprintf(text, sizeof text, "Mark store corruption flag because of package: %s. [HRESULT = 0x%08x - %s]", package,
             (unsigned)code, symbol);
    cbs_put(m, wall_ms, "Info", text, &out);
    sim_store_append(m->windows_files, SIM_CBS_LOG, buf_slice(&out), false, NULL);
    buf_free(&out);
    m->logged = true;
}
