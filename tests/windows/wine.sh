#!/bin/sh
# The ctest fixture of Windows builds: makes the Wine prefix of a build folder and holds it open.
#
#   tests/windows/wine.sh start PREFIX KEEP_EXE
#   tests/windows/wine.sh stop PREFIX
set -eu

action=$1
export WINEPREFIX="$2"
export WINEDEBUG=-all
export WINEDLLOVERRIDES=mscoree,mshtml= # no offers to download Mono and Gecko
pid_file=$WINEPREFIX/keep.pid
log=$WINEPREFIX/keep.log

# The process of the file, when it is still ours.
keeper()
{
    [ -f "$pid_file" ] || return 1
    pid=$(cat "$pid_file")
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q 'keep\.exe'
}

start()
{
    keeper && return
    mkdir -p "$WINEPREFIX"
    # Nothing started here may hold ctest's pipes: Wine's server outlives this script.
    if [ ! -f "$WINEPREFIX/made" ]; then
        wine wineboot -i </dev/null >"$log" 2>&1
        wineserver -w # it goes on setting up services for a while, and forgets those made meanwhile
        : >"$WINEPREFIX/made"
    fi
    wine "$1" </dev/null >"$log" 2>&1 &
    echo $! >"$pid_file"
    tries=0
    until grep -q ready "$log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! keeper; then
            echo "wine: $1 did not start in $WINEPREFIX; is Wine installed? (deploy/packages.sh windows)" >&2
            cat "$log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

stop()
{
    ! keeper || kill "$pid"
    rm -f "$pid_file"
}

case $action in
start) start "$3" ;;
stop) stop ;;
*) echo "usage: wine.sh start|stop PREFIX [KEEP_EXE]" >&2; exit 2 ;;
esac
