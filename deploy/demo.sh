#!/bin/bash
# Shows Fleetmend at work on this machine alone: a server, 200 simulated Windows PCs and one real Windows agent
# under Wine, all on 127.0.0.1. Needs a Debian 12 and nothing else; what is missing is installed and built.
#
#   deploy/demo.sh          starts it and keeps it running until Ctrl-C
#   deploy/demo.sh --once   runs the loop once, unattended: push, repair, scan, verdicts; exits 0 only if it closed
#
# Everything lives in build/demo (removed at the next start) and everything it started is gone when it ends.
set -euo pipefail

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  echo "options: --once, --machines N (200), --no-windows, --port N (first free from 8443)"
}

once=false machines=200 windows=true port=
while [ $# -gt 0 ]; do
  case $1 in
    --once) once=true ;;
    --machines) machines=${2:?--machines needs a number}; shift ;;
    --port) port=${2:?--port needs a number}; shift ;;
    --no-windows) windows=false ;;
    -h|--help) usage; exit 0 ;;
    *) echo "demo.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
demo=$root/build/demo
bin=$root/build/release/bin
log=$demo/log
code=0x80070002
started=$SECONDS
server_pid='' swarm_pid='' agent_pid='' windows_build_pid=''

say() { printf '%s  %s\n' "$(printf '[%3ds]' $((SECONDS - started)))" "$*"; }
fail() { printf 'demo.sh: %s\n' "$*" >&2; exit 1; }

# Only what this script started, by its PID; Wine's helpers belong to this demo's own prefix.
cleanup() {
  trap - EXIT INT TERM
  local pid
  for pid in $agent_pid $swarm_pid $windows_build_pid $server_pid; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in $agent_pid $swarm_pid $windows_build_pid $server_pid; do
    wait "$pid" 2>/dev/null || true
  done
  if [ -d "$demo/wineprefix" ]; then
    WINEPREFIX=$demo/wineprefix wineserver -k 2>/dev/null || true
    WINEPREFIX=$demo/wineprefix wineserver -w 2>/dev/null || true
  fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- build ----

build_native() {
  say "building the native programs (log: build/demo/log/build.log)"
  { cmake --preset release &&
    cmake --build --preset release --target fleetmend-server fleetmend fleetmend-swarm; } \
    > "$log/build.log" 2>&1 || { tail -20 "$log/build.log" >&2; fail "the build failed"; }
}

build_windows() {
  { cmake --preset windows &&
    cmake --build --preset windows --target fleetmend-agent; } > "$log/windows-build.log" 2>&1
}

# ---- server ----

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_port() {
  if [ -n "$port" ]; then
    port_free "$port" || fail "port $port is in use; choose another with --port"
    return
  fi
  for port in $(seq 8443 8543); do
    port_free "$port" && return
  done
  fail "no free port from 8443 to 8543; choose one with --port"
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$demo/init.json"; }

start_server() {
  choose_port
  head -c 12 /dev/urandom | base64 | tr -d '/+=\n' > "$demo/password"
  "$bin/fleetmend-server" init --data "$demo/server" --listen "127.0.0.1:$port" --admin demo \
    --password-file "$demo/password" --lab --json > "$demo/init.json"
  "$bin/fleetmend-server" serve --data "$demo/server" > "$log/server.out" 2> "$log/server.log" &
  server_pid=$!
  local limit=$((SECONDS + 15))
  until grep -q '^ready ' "$log/server.out"; do
    kill -0 "$server_pid" 2>/dev/null || { cat "$log/server.log" >&2; fail "the server did not start"; }
    [ $SECONDS -lt $limit ] || fail "the server did not become ready; see $log/server.log"
    sleep 0.1
  done
  url=$(field url) ca=$(field ca) token=$(field enroll_token) order_key=$(field order_key)
  export FLEETMEND_CONFIG=$demo/fleetmend.json
  "$bin/fleetmend" login "$url" --ca "$ca" --user demo --password-file "$demo/password" > /dev/null
  say "server ready at $url"
}

start_swarm() {
  "$bin/fleetmend-swarm" --server "$url" --ca "$ca" --token "$token" --order-key "$order_key" \
    --machines "$machines" --seed 7 > "$log/swarm.out" 2> "$log/swarm.log" &
  swarm_pid=$!
  say "$machines simulated machines started"
}

# ---- the real Windows agent ----

# Real log lines, dates moved to yesterday: what is older than 14 days would be history. Up to the failure: a later
# success would close it.
windows_logs() {
  local windir=$1 corpus=$root/../shared/corpus yesterday
  yesterday=$(date -u -d yesterday +%Y-%m-%d)
  mkdir -p "$windir/SoftwareDistribution/DataStore" "$windir/Logs/CBS"
  echo "not a real database" > "$windir/SoftwareDistribution/DataStore/DataStore.edb"
  local reporting=$corpus/reportingevents_win10.log cbs=$corpus/cbs_win10_romi.log
  [ -r "$reporting" ] || reporting=$root/deploy/demo/ReportingEvents.sample.log
  [ -r "$cbs" ] || cbs=$root/deploy/demo/CBS.sample.log
  { printf '\xff\xfe'
    { case $reporting in *.sample.log) cat "$reporting" ;; *) iconv -f UTF-16 -t UTF-8 "$reporting" ;; esac; } |
      awk '!over { print } /_FAILED\]/ { over = 1 }' | sed -E "s/\t[0-9]{4}-[0-9]{2}-[0-9]{2} /\t$yesterday /" | sed 's/\r*$/\r/' |
      iconv -f UTF-8 -t UTF-16LE
  } > "$windir/SoftwareDistribution/ReportingEvents.log"
  sed -E "s/^[0-9]{4}-[0-9]{2}-[0-9]{2} /$yesterday /" "$cbs" > "$windir/Logs/CBS/CBS.log"
}

start_windows_agent() {
  export WINEPREFIX=$demo/wineprefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=;winemenubuilder.exe='
  say "making a Wine prefix (about 10 s)"
  wineboot -i > "$log/wine.log" 2>&1
  wineserver -w
  windows_logs "$WINEPREFIX/drive_c/windows"
  cp "$root/build/windows/bin/fleetmend-agent.exe" "$WINEPREFIX/drive_c/"
  cp "$ca" "$WINEPREFIX/drive_c/fleetmend-ca.pem"
  wine 'C:\fleetmend-agent.exe' run --server "$url" --ca 'C:\fleetmend-ca.pem' --token "$token" \
    --order-key "$order_key" --state 'C:\fleetmend-state' > "$log/windows-agent.log" 2>&1 &
  agent_pid=$!
  # They live as long as some program runs: the agent does. A repair is to find them at work.
  wine net start wuauserv >> "$log/wine.log" 2>&1 || true
  wine net start bits >> "$log/wine.log" 2>&1 || true
  unset WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
  say "the Windows agent (a real .exe, under Wine) started"
}

windows_machine() {
  "$bin/fleetmend" get machines simulated=false -o name 2>/dev/null | head -1
}

wait_windows_build() {
  wait "$windows_build_pid" || { tail -20 "$log/windows-build.log" >&2; fail "the Windows build failed"; }
  windows_build_pid=''
  start_windows_agent
}

# ---- what is seen ----

counts() {
  "$bin/fleetmend" get machines -o json 2>/dev/null |
    grep -o '"state":"[a-z_]*"' | cut -d'"' -f4 | sort | uniq -c | awk '{printf "%s%d %s", sep, $1, $2; sep=", "}' || true
}

count_of() { "$bin/fleetmend" get machines "$1" -o name 2>/dev/null | wc -l; }

wait_until() { # seconds, what is awaited, command...
  local limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $limit ] || fail "gave up waiting: $what ($(counts))"
    sleep 1
  done
}

all_enrolled() { [ "$("$bin/fleetmend" get machines -o name 2>/dev/null | wc -l)" -ge "$machines" ]; }
some_fail() { [ "$(count_of "code=$code")" -ge 1 ]; }
settled() { # every machine has said how it is: no more new failures of this code for five seconds
  local before now
  before=$(count_of "code=$code")
  sleep 5
  now=$(count_of "code=$code")
  [ "$now" -ge 1 ] && [ "$now" = "$before" ] && [ "$(count_of state=never_scanned)" = 0 ]
}
windows_reports() { [ -n "$(windows_machine)" ] && [ -n "$("$bin/fleetmend" get failures "machine=$(windows_machine)" -o name 2>/dev/null)" ]; }

welcome() {
  cat <<EOF

  Console    $url        (its certificate is signed by $ca)
  Log in     demo / $(cat "$demo/password")

  Try, in another terminal:
    export FLEETMEND_CONFIG=$demo/fleetmend.json PATH=$bin:\$PATH
    fleetmend get failures
    fleetmend explain $code
    fleetmend push cache_reset code=$code --wait --yes

EOF
}

run_once() {
  say "waiting until the machines have reported"
  wait_until 60 "$machines machines enrolled" all_enrolled
  wait_until 60 "a machine with $code" some_fail
  wait_until 120 "all machines have scanned" settled
  say "$(counts)"
  say "pushing cache_reset to $(count_of "code=$code") machines with $code, and waiting for their verdicts"
  "$bin/fleetmend" push cache_reset "code=$code" --wait --timeout 5m --yes --reason "demo" -o json > "$demo/push.json" ||
    fail "not every repair ended well: see $demo/push.json"
  "$bin/fleetmend" get jobs "rollout=$(sed -n 's/.*"rollout":"\([^"]*\)".*/\1/p' "$demo/push.json" | head -1)"
  local jobs fixed
  jobs=$(grep -o '"verdict":"' "$demo/push.json" | wc -l)
  fixed=$(grep -o '"verdict":"fixed"' "$demo/push.json" | wc -l)
  if [ "$fixed" -lt 1 ] || [ "$fixed" != "$jobs" ]; then
    fail "the loop did not close: $fixed of $jobs verified fixed"
  fi
  say "$fixed of $jobs verified fixed by a scan after the repair; $(count_of "code=$code") machines still fail with $code"
  $windows || return 0
  wait_windows_build
  wait_until 90 "the Windows agent's report" windows_reports
  say "the Windows agent reported:"
  "$bin/fleetmend" get failures "machine=$(windows_machine)"
  "$bin/fleetmend" push cache_reset --machine "$(windows_machine)" --wait --timeout 5m --yes --reason "demo" -o json \
    > "$demo/windows-push.json" || fail "the Windows agent's repair did not end well: see $demo/windows-push.json"
  "$bin/fleetmend" describe job "$(sed -n 's/.*"job":"\([^"]*\)".*/\1/p' "$demo/windows-push.json")" | tee "$log/windows-job.log"
  if ! { grep -q 'wuauserv stopped' "$log/windows-job.log" && grep -q 'wuauserv started' "$log/windows-job.log" &&
    ls -d "$demo"/wineprefix/drive_c/windows/SoftwareDistribution.* > /dev/null; }; then
    fail "the Windows agent did not do what its result says"
  fi
  say "real services were stopped and started, a real folder moved; Wine offers no update scan, so the verdict is unknown"
}

watch_it() {
  welcome
  local last=''
  if $windows; then
    say "the Windows agent follows when its build is done (log: build/demo/log/windows-build.log)"
  fi
  while kill -0 "$server_pid" 2>/dev/null; do
    if [ -n "$windows_build_pid" ] && ! kill -0 "$windows_build_pid" 2>/dev/null; then
      wait_windows_build
    fi
    local now
    now=$(counts)
    [ "$now" = "$last" ] || say "$now"
    last=$now
    sleep 3
  done
  fail "the server ended; see $log/server.log"
}

# ---- go ----

if [ -e "$demo" ] && [ ! -e "$demo/made-by-demo" ]; then
  fail "$demo exists and was not made by this script: move it away"
fi
rm -rf "$demo"
mkdir -p "$log"
touch "$demo/made-by-demo"

groups=build
$windows && groups="build windows"
# shellcheck disable=SC2086 # a list of words
deploy/packages.sh $groups
build_native
start_server
start_swarm
if $windows; then
  build_windows &
  windows_build_pid=$!
fi
if $once; then
  run_once
  say "done; everything this demo started is being ended"
else
  watch_it
fi
