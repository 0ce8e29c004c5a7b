/* The update scan itself, in a process of its own: IUpdateSearcher::Search takes seconds to an hour, has no
 * time limit and can't be taken back.
 *
 * Written by the documentation of the Windows Update Agent API, and not yet proved on a real Windows: Wine,
 * where the tests run, has the session and the searcher, and answers E_NOTIMPL to Search. */
#define INITGUID /* no import library carries these identifiers */
#define COBJMACROS
#include "buf.h"
#include "json.h"
#include "machine_windows.h"
#include "registry.h"

#include <windows.h>

#include <objbase.h>
#include <oleauto.h>
#include <stdio.h>
#include <wuapi.h>

/* WU_E_UNEXPECTED: failed, and said nothing more. */
static const HRESULT unexpected = (HRESULT)0x8024FFFF;

struct answer {
    bool available, reboot;
    HRESULT code;
    const char *reason;
};

/* The first warning of a search that succeeded with errors. */
static HRESULT first_warning(ISearchResult *result)
{
    HRESULT code = unexpected;
    LONG count = 0, value = 0;
    IUpdateExceptionCollection *warnings = NULL;
    IUpdateException *warning = NULL;
    if (SUCCEEDED(ISearchResult_get_Warnings(result, &warnings)) && warnings &&
        SUCCEEDED(IUpdateExceptionCollection_get_Count(warnings, &count)) && count > 0 &&
        SUCCEEDED(IUpdateExceptionCollection_get_Item(warnings, 0, &warning)) && warning &&
        SUCCEEDED(IUpdateException_get_HResult(warning, &value)) && value != 0)
        code = (HRESULT)value;
    if (warning)
        IUpdateException_Release(warning);
    if (warnings)
        IUpdateExceptionCollection_Release(warnings);
    return code;
}

static HRESULT code_of(ISearchResult *result)
{
    OperationResultCode outcome = orcFailed;
    if (FAILED(ISearchResult_get_ResultCode(result, &outcome)))
        return unexpected;
    return outcome == orcSucceeded ? S_OK : first_warning(result);
}

static void search(IUpdateSearcher *searcher, struct answer *out)
{
    ISearchResult *result = NULL;
    /* Asks the update service, not the memory of its last answer. This is the default; systems that can't set
     * it can't search either. */
    IUpdateSearcher_put_Online(searcher, VARIANT_TRUE);
    BSTR criteria = SysAllocString(L"IsInstalled=0 and IsHidden=0");
    HRESULT hr = criteria ? IUpdateSearcher_Search(searcher, criteria, &result) : E_OUTOFMEMORY;
    SysFreeString(criteria);
    out->available = hr != E_NOTIMPL;
    if (hr == E_NOTIMPL)
        out->reason = "IUpdateSearcher::Search is not implemented";
    out->code = FAILED(hr) ? hr : result ? code_of(result) : unexpected;
    if (result)
        ISearchResult_Release(result);
}

static bool reboot_required(void)
{
    ISystemInformation *system = NULL;
    VARIANT_BOOL required = VARIANT_FALSE;
    if (FAILED(CoCreateInstance(&CLSID_SystemInformation, NULL, CLSCTX_INPROC_SERVER, &IID_ISystemInformation,
                                (void **)&system)))
        return false;
    ISystemInformation_get_RebootRequired(system, &required);
    ISystemInformation_Release(system);
    return required != VARIANT_FALSE;
}

static void scan(struct answer *out)
{
    IUpdateSession *session = NULL;
    IUpdateSearcher *searcher = NULL;
    HRESULT hr = CoCreateInstance(&CLSID_UpdateSession, NULL, CLSCTX_INPROC_SERVER, &IID_IUpdateSession,
                                  (void **)&session);
    if (hr == REGDB_E_CLASSNOTREG)
        out->reason = "the Windows Update API is not registered";
    out->available = hr != REGDB_E_CLASSNOTREG;
    out->code = hr;
    if (FAILED(hr))
        return;
    hr = IUpdateSession_CreateUpdateSearcher(session, &searcher);
    out->code = hr;
    if (SUCCEEDED(hr)) {
        search(searcher, out);
        IUpdateSearcher_Release(searcher);
    }
    out->reboot = reboot_required();
    IUpdateSession_Release(session);
}

/* By policy the default service of a search is the company's. */
static const char *service_name(void)
{
    return registry_switch(L"SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU", L"UseWUServer")
               ? "wsus"
               : "windows_update";
}

int scan_child_main(void)
{
    struct answer answer = {.reason = ""};
    HRESULT hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
    if (FAILED(hr))
        return (int)hr;
    scan(&answer);
    CoUninitialize();

    struct buf line;
    buf_init(&line, 4096);
    struct json_writer w = {.out = &line};
    json_begin(&w, '{');
    json_member_bool(&w, "available", answer.available);
    json_member_int(&w, "code", (int64_t)(uint32_t)answer.code);
    json_member_bool(&w, "reboot", answer.reboot);
    json_member_string(&w, "reason", answer.reason);
    json_member_string(&w, "service", service_name());
    json_end(&w, '}');
    int put = printf("%s\n", buf_text(&line));
    buf_free(&line);
    return put > 0 && fflush(stdout) == 0 ? 0 : 1;
}
