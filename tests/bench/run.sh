#!/bin/bash
# Measures a server on this machine alone and prints one table: what was measured, the goal, and a reference
# of the same run. docs/performance.md says what the rows mean and what was found.
#
#   tests/bench/run.sh            three rounds of each, about five minutes
#   tests/bench/run.sh --quick    fewer machines and one round, about a minute
#   --bin DIR                     programs of another build (default: the release preset, built first)
#   --keep                        leaves the server's folder for a look
#
# Everything runs on 127.0.0.1 and ends with the script. A quiet machine matters: the load is printed.
set -euo pipefail

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }

quick=false keep=false bin=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true ;;
    --keep) keep=true ;;
    --bin) bin=${2:?--bin needs a folder}; shift ;;
    -h|--help) usage; exit 0 ;;
    *) echo "run.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
if [ -z "$bin" ]; then
  bin=$root/build/release/bin
  cmake --preset release >/dev/null
  cmake --build --preset release --target fleetmend-server bench_enrol bench_reports bench_idle bench_push bench_jobs bench_raw >/dev/null
fi

machines=10000 reporting=1000 reports=30000 rounds=3 pushes=1000 idle_s=10
if $quick; then
  machines=2000 reporting=500 reports=10000 rounds=1 pushes=500 idle_s=3
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/fleetmend-bench.XXXXXX")
server_pid='' raw_pid='' nginx_pid=''

stop() { # PID: ends it and waits until it is gone
  [ -n "$1" ] || return 0
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

cleanup() {
  trap - EXIT INT TERM
  stop "$nginx_pid"
  stop "$raw_pid"
  stop "$server_pid"
  if $keep; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { echo "run.sh: $*" >&2; exit 1; }
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/init.json"; }

free_port() {
  local port
  for port in $(seq "$1" $(($1 + 200))); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
  done
  fail "no free port from $1"
}

wait_for() { # FILE WORD
  local i
  for i in $(seq 100); do
    if grep -q "$2" "$1" 2>/dev/null; then return; fi
    sleep 0.1
  done
  fail "$(basename "$1") never said \"$2\": $(tail -3 "$work"/*.err 2>/dev/null)"
}

start_server() {
  "$bin/fleetmend-server" serve --data "$work/data" >"$work/server.out" 2>"$work/server.err" &
  server_pid=$!
  wait_for "$work/server.out" '^ready'
}

# A fresh process for each measure: what an earlier one left in its heap and caches would be counted, or missing.
restart_server() { stop "$server_pid"; start_server; }

measure() { # PROGRAM ARGUMENT...: comments are shown at once, rows are kept for the table
  local program=$1
  shift
  "$bin/$program" --url "$url" --ca "$ca" "$@" | tee -a "$work/lines" | sed -n '/^#/p'
}

load() { cut -d' ' -f1-3 /proc/loadavg; }

# ---- a server, and a fleet for it ----

ulimit -n "$(ulimit -Hn)"
port=$(free_port 19443)
(umask 077; head -c 18 /dev/urandom | base64 >"$work/password")
"$bin/fleetmend-server" init --data "$work/data" --listen "127.0.0.1:$port" --admin bench \
  --password-file "$work/password" --lab --json >"$work/init.json"
url=https://localhost:$port ca=$work/data/tls/ca.pem
admin=(--user bench --password-file "$work/password")
fleet=(--fleet "$work/fleet")
: >"$work/lines"

echo "# $(uname -sr), $(nproc) cores, load $(load)"
start_server
measure bench_enrol --token "$(member enroll_token)" --pid "$server_pid" --machines "$machines" --out "$work/fleet"

# ---- reports ----

restart_server
raw_port=$(free_port 19643)
"$bin/bench_raw" "$raw_port" "$work/data/tls/server.pem" "$work/data/tls/server.key" "$work/raw.db" >"$work/raw.out" &
raw_pid=$!
wait_for "$work/raw.out" '^ready'
measure bench_reports "${fleet[@]}" --pid "$server_pid" --dir "$work" --machines "$reporting" --reports "$reports" \
  --answers "$reports" --rounds "$rounds" --raw-url "https://localhost:$raw_port" --raw-pid "$raw_pid"
stop "$raw_pid"
raw_pid=''
rm -f "$work"/raw.db*

# ---- idle long polls; nginx beside ----

nginx=()
if [ -x /usr/sbin/nginx ]; then
  nginx_port=$(free_port 19843)
  mkdir -p "$work/nginx"
  cat >"$work/nginx.conf" <<CONF
daemon off;
master_process off;
user $(id -un);
pid $work/nginx/pid;
error_log $work/nginx/error.log;
worker_rlimit_nofile $(ulimit -Hn);
events { worker_connections $((machines + 500)); }
http {
  access_log off;
  keepalive_timeout 3600s;
  keepalive_requests 1000000;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  server {
    listen 127.0.0.1:$nginx_port ssl backlog=4096;
    ssl_certificate $work/data/tls/server.pem;
    ssl_certificate_key $work/data/tls/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    location / { return 204; }
  }
}
CONF
  /usr/sbin/nginx -p "$work/nginx" -c "$work/nginx.conf" 2>"$work/nginx.err" &
  nginx_pid=$!
  for i in $(seq 50); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$nginx_port") 2>/dev/null; then break; fi
    kill -0 "$nginx_pid" 2>/dev/null || fail "nginx: $(cat "$work/nginx.err")"
    sleep 0.1
  done
  nginx=(--nginx-url "https://localhost:$nginx_port" --nginx-pid "$nginx_pid")
fi
restart_server
measure bench_idle "${fleet[@]}" --pid "$server_pid" --machines "$machines" --idle "$idle_s" "${nginx[@]}"
stop "$nginx_pid"
nginx_pid=''

# ---- pushes, to one and to all ----

restart_server
measure bench_push "${fleet[@]}" "${admin[@]}" --machines "$machines" --pushes "$pushes" --rounds "$rounds"
restart_server
measure bench_jobs "${fleet[@]}" "${admin[@]}" --pid "$server_pid" --machines "$machines" --rounds "$rounds"

echo "# load at the end $(load)"
echo
{
  printf 'measure\tvalue\tgoal\treference in this run\tratio\n'
  sed -n 's/^row\t//p' "$work/lines"
} | awk -F '\t' '
  { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
  END { for (r = 1; r <= NR; r++) {
          line = ""
          for (i = 1; i <= 5; i++) line = line sprintf("%-" (width[i] + 2) "s", cell[r, i])
          sub(/ +$/, "", line); print line } }'
