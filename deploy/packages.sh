#!/bin/sh
# Installs the Debian 12 packages that building, testing and demonstrating Fleetmend need.
#
#   deploy/packages.sh [build] [windows] [tests] [bench]
#
# Without arguments: build, windows and tests. `bench` is only installed by name, because Debian starts the
# web server in it at once, on port 80. Running it again is quick and changes nothing. It works as root or
# through sudo, and never edits the system's package configuration.
set -eu

# The server, the command line, the demo.
build="cmake ninja-build ccache gcc libc6-dev pkg-config git ca-certificates openssl
    libevent-dev libssl-dev libsodium-dev libsqlite3-dev libcurl4-openssl-dev libcjson-dev libcmocka-dev"

# The Windows agent: compiler, Wine for its tests, dpkg-dev to unpack the sources of curl, cJSON and cmocka.
# libgnutls30 is named because Wine's TLS needs it and Wine only recommends it. No 32-bit Wine.
windows="gcc-mingw-w64-x86-64-win32 binutils-mingw-w64-x86-64 mingw-w64-x86-64-dev wine wine64 libgnutls30
    dpkg-dev ca-certificates"

# Chromium shows the page to its test. The sanitizers' libraries and the fuzzers' runtime are named because they are what is wanted of their packages.
tests="chromium fonts-dejavu-core curl python3 sqlite3 libasan8 libubsan1 libtsan2 clang libclang-rt-14-dev clang-tidy cppcheck"

bench="nginx-light"

fail()
{
    echo "packages: $1" >&2
    [ $# -lt 2 ] || echo "packages: $2" >&2
    exit 1
}

usage()
{
    echo "usage: deploy/packages.sh [build] [windows] [tests] [bench]"
}

wanted=""
[ $# -gt 0 ] || set -- build windows tests
for group in "$@"; do
    case $group in
    build) wanted="$wanted $build" ;;
    windows) wanted="$wanted $windows" ;;
    tests) wanted="$wanted $tests" ;;
    bench) wanted="$wanted $bench" ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "there is no group '$group'" ;;
    esac
done

command -v apt-get >/dev/null || fail "apt-get is not here" \
    "this script is for Debian 12; on another system install what it lists (see the top of the file)"

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    case "$state $missing " in
    installed* | *" $package "*) ;;
    *) missing="$missing $package" ;;
    esac
done
if [ -z "$missing" ]; then
    echo "packages: all of '$*' are installed"
    exit 0
fi

as_root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "not root, and sudo is not installed" \
        "as root: apt-get install --no-install-recommends$missing"
    as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # as_root is empty or one word
run()
{
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@" >"$log" 2>&1 && return
    grep -E '^(E|W|Err):?' "$log" | tail -n 5 >&2 || tail -n 5 "$log" >&2
    return 1
}

echo "packages: installing$missing"
run apt-get -q -o DPkg::Lock::Timeout=120 update || fail "the package lists could not be fetched (above)" \
    "check the network, a proxy (http_proxy or /etc/apt/apt.conf.d) and /etc/apt/sources.list*, then run this again"
# shellcheck disable=SC2086 # a list of words
run apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install $missing ||
    fail "apt-get could not install them (above)" \
        "'Unable to locate' means another release than Debian 12; 'unmet dependencies': apt-get -f install; then run this again"
echo "packages: installed"
