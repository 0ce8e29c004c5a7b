#!/bin/sh
# The agent's repairs by hand, on a real (if small) Windows: real services, real folders, through the real program.
#
#   tests/windows/agent_repairs.sh BUILD_DIR
#
# In a Wine prefix of its own, because it moves system folders. What Wine lacks is put there: w32tm.exe and a
# Windows Time service. Wine offers no update scan, so every verdict is "unknown", and says why.
set -eu

build=$1
here=$(dirname "$0")
prefix=$build/wineprefix-agent
tests=$build/tests
agent=$build/bin/fleetmend-agent.exe
export WINEPREFIX="$prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
windows=$prefix/drive_c/windows
work=$prefix/drive_c/fleetmend-test
out=$work/out
holder=

fail()
{
    echo "FAILED: $1" >&2
    [ ! -f "$out" ] || cat "$out" >&2
    exit 1
}

end()
{
    [ -z "$holder" ] || kill "$holder" 2>/dev/null || true
    "$here/wine.sh" stop "$prefix"
    wineserver -k 2>/dev/null || true # of this prefix alone
}
trap end EXIT

run_agent() # ARGUMENTS...: output in $out, exit code in $code
{
    code=0
    wine "$agent" "$@" >"$out.raw" 2>"$out.err" </dev/null || code=$?
    tr -d '\r' <"$out.raw" >"$out"
    tr -d '\r' <"$out.err" >>"$out"
}

rig() { wine "$tests/rig.exe" "$@" </dev/null | tr -d '\r'; }
expect_code() { [ "$code" = "$1" ] || fail "$2: exit code $code, expected $1"; }
expect() { grep -qF -- "$1" "$out" || fail "no line with: $1"; }
expect_state() { [ "$(rig state "$1")" = "$2" ] || fail "service $1 is $(rig state "$1"), expected $2"; }

expect_calls() # TEXT: how w32tm was called, a line each
{
    tr -d '\r' <"$work/w32tm.calls" >"$work/calls"
    printf "$1" | cmp -s - "$work/calls" || fail "w32tm was called: $(cat "$work/calls")"
}

fill_cache()
{
    rm -rf "$windows"/SoftwareDistribution*
    mkdir -p "$windows/SoftwareDistribution/DataStore" "$windows/SoftwareDistribution/Download"
    printf 'old events\r\n' >"$windows/SoftwareDistribution/ReportingEvents.log"
    rig start wuauserv
    rig start bits
}

state() { printf 'C:\\fleetmend-test\\%s' "$1"; } # a state folder of its own: limits are per agent

picture() # all that a repair could change
{
    (cd "$windows" && find . -path '*oftware?istribution*' | LC_ALL=C sort)
    for service in wuauserv bits W32Time; do rig state $service; done
}

backups() { find "$windows" -maxdepth 1 -name 'SoftwareDistribution.*' | wc -l; }

"$here/wine.sh" start "$prefix" "$tests/keep.exe"
rm -rf "$work"
mkdir -p "$work"
cp "$tests/fake_w32tm.exe" "$windows/system32/w32tm.exe"
rig install W32Time disabled
fill_cache

echo "dry run: changes nothing"
picture >"$work/before"
run_agent repair cache_reset --dry-run --state "$(state dry)"
expect_code 0 "dry run"
expect "now: wuauserv is running, start manual"
run_agent repair time_resync --dry-run --state "$(state dry)"
expect_code 0 "dry run"
picture >"$work/after"
cmp -s "$work/before" "$work/after" || fail "a dry run changed the machine"
[ ! -e "$work/w32tm.calls" ] || fail "a dry run ran w32tm"

echo "cache_reset: stops, moves aside, restarts, keeps evidence"
run_agent repair cache_reset --state "$(state cache)"
expect_code 0 "cache_reset"
expect "result done"
expect "verdict unknown: this system offers no update scan: IUpdateSearcher::Search is not implemented"
for words in "wuauserv stopped" "bits stopped" "wuauserv started" "bits started"; do expect "$words"; done
[ ! -e "$windows/SoftwareDistribution/ReportingEvents.log" ] || fail "the cache was not moved"
[ "$(backups)" = 1 ] || fail "one backup expected"
grep -rq 'old events' "$work/cache/evidence" || fail "no evidence kept"
expect_state wuauserv "running manual"
expect_state bits "running manual"
job=$(sed -n 's/^job //p' "$out")

echo "undo: puts the folder back"
run_agent undo "$job" --state "$(state cache)"
expect_code 0 "undo"
expect "result done"
grep -q 'old events' "$windows/SoftwareDistribution/ReportingEvents.log" || fail "the cache is not back"
expect_state wuauserv "running manual"
expect_state bits "running manual"

echo "a held folder: failed, and everything as it was"
fill_cache
rig stop bits # stays stopped
mkfifo "$work/hold" # its reading end closes when the holder is told to end
sd='C:\windows\SoftwareDistribution'
: >"$work/hold.out"
wine "$tests/rig.exe" hold "$sd" "$sd\\DataStore" "$sd\\Download" <"$work/hold" >"$work/hold.out" 2>/dev/null &
holder=$!
exec 9>"$work/hold"
tries=0
until grep -q ready "$work/hold.out"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "the folder could not be held"
    sleep 0.1
done
picture >"$work/before"
run_agent repair cache_reset --state "$(state held)" # tries all it may, with pauses: most of a minute
exec 9>&-
wait "$holder" || true
holder=
picture >"$work/after"
expect_code 1 "cache_reset of a held folder"
expect "result failed"
expect "trying its sub-folders DataStore and Download"
cmp -s "$work/before" "$work/after" || fail "a failed repair left something changed: $(diff "$work/before" "$work/after")"
expect_state wuauserv "running manual"
expect_state bits "stopped manual"

echo "time_resync: starts, resyncs, restores the start type"
run_agent repair time_resync --state "$(state time)"
expect_code 0 "time_resync"
expect "result done"
expect_calls '/resync /rediscover\n'
expect_state W32Time "stopped disabled"

echo "time_resync: tells what w32tm said"
printf '%s' -2147023838 >"$work/w32tm.exit" # 0x80070422
rm -f "$work/w32tm.calls"
run_agent repair time_resync --state "$(state time-code)"
expect_code 1 "time_resync with an error"
expect "result failed"
expect "0x80070422"
expect_calls '/resync /rediscover\n/resync\n'
expect_state W32Time "stopped disabled"
rm -f "$work/w32tm.exit"

echo "time_resync: a missing tool is told apart"
rm "$windows/system32/w32tm.exe"
run_agent repair time_resync --state "$(state time-tool)"
expect_code 1 "time_resync without w32tm"
expect "result not_available"
expect_state W32Time "stopped disabled"
rig remove W32Time
run_agent repair time_resync --state "$(state time-service)"
expect_code 1 "time_resync without the service"
expect "result not_available"
expect "no Windows Time service"

echo "scan: reads logs by any name"
mkdir -p "$work/$(printf 'Prot\303\266kolle')"
cp "$here/scan_sample.log" "$work/$(printf 'Prot\303\266kolle/\316\261 CBS.log')"
run_agent scan "$(printf 'C:\\fleetmend-test\\Prot\303\266kolle')"
expect_code 0 "scan"
expect "$(printf 'Prot\303\266kolle/\316\261 CBS.log')"
expect "0x800F081F"

echo "all well"
