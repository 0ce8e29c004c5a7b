#!/bin/sh
# The agent as the Windows service: waits for policy, begins when it comes, begins anew when it changes, stops when
# told.
#
#   tests/windows/agent_service.sh BUILD_DIR
set -eu

build=$1
here=$(dirname "$0")
prefix=$build/wineprefix-service
export WINEPREFIX="$prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
log=$prefix/drive_c/ProgramData/Fleetmend/Agent/agent.log
policy='HKLM\SOFTWARE\Policies\Fleetmend\Agent'

fail()
{
    echo "FAILED: $1" >&2
    cat "$log" >&2 || true
    exit 1
}

end()
{
    "$here/wine.sh" stop "$prefix"
    wineserver -k 2>/dev/null || true # of this prefix alone
}
trap end EXIT

rig() { wine "$build/tests/rig.exe" "$@" </dev/null | tr -d '\r'; }
count() { [ ! -f "$log" ] || grep -cF -- "$1" "$log" || true; }

await() # COUNT TEXT: that many lines with it, within 20 seconds
{
    tries=0
    until [ "0$(count "$2")" -ge "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "not seen: $2"
        sleep 0.1
    done
}

"$here/wine.sh" start "$prefix" "$build/tests/keep.exe"
wine reg delete "$policy" /f >/dev/null 2>&1 </dev/null || true
rig remove FleetmendAgent 2>/dev/null || true
rm -rf "$prefix/drive_c/ProgramData/Fleetmend"
exe=$(wine winepath -w "$build/bin/fleetmend-agent.exe" </dev/null | tr -d '\r')
wine sc create FleetmendAgent binPath= "\"$exe\" service" start= demand >/dev/null </dev/null

echo "waits for policy"
rig start FleetmendAgent
await 1 "service.waits_for_policy"
[ "$(rig state FleetmendAgent)" = "running manual" ] || fail "a service without policy must run"

echo "begins when policy comes"
wine reg add "$policy" /v ServerUrl /t REG_SZ /d https://127.0.0.1:1 /f >/dev/null </dev/null
await 1 "service.policy_changed"
await 1 "server=https://127.0.0.1:1"

echo "begins anew when it changes"
wine reg add "$policy" /v ServerUrl /t REG_SZ /d https://127.0.0.1:2 /f >/dev/null </dev/null
await 2 "service.policy_changed"
await 1 "agent.stopped"
await 1 "server=https://127.0.0.1:2"

echo "names a wrong value"
wine reg add "$policy" /v ServerUrl /t REG_DWORD /d 5 /f >/dev/null </dev/null
await 1 "ServerUrl: REG_SZ or REG_MULTI_SZ expected"

echo "stops when told"
rig stop FleetmendAgent
await 1 "service.stopped"
[ "$(rig state FleetmendAgent)" = "stopped manual" ] || fail "did not stop"

echo "is not for people"
code=0
wine "$build/bin/fleetmend-agent.exe" service 2>"$prefix/err" </dev/null || code=$?
[ $code = 1 ] || fail "service by hand: exit code $code"
grep -q "only the service manager" "$prefix/err" || fail "service by hand: $(cat "$prefix/err")"

echo "all well"
