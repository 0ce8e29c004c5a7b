#!/bin/sh
# Fetches what the Windows agent is linked with, as Debian's source packages: curl, cJSON and cmocka (tests).
#
#   deploy/windows-sources.sh [--update] [FOLDER]        FOLDER: build/windows-sources
#
# Leaves FOLDER/curl, FOLDER/cjson, FOLDER/cmocka and FOLDER/versions. Does nothing when they are there;
# --update looks for newer ones (security fixes). apt fetches and verifies them by Debian's signatures, from the
# mirrors this system is configured with, through a private source list: nothing in /etc or /var is written, and
# it needs no root.
set -eu

packages="curl cjson cmocka"
fallback="http://deb.debian.org/debian http://deb.debian.org/debian-security"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail()
{
    echo "windows-sources: $1" >&2
    [ $# -lt 2 ] || echo "windows-sources: $2" >&2
    exit 1
}

update=""
if [ "${1-}" = --update ]; then
    update=yes
    shift
fi
folder=${1:-$(dirname "$0")/../build/windows-sources}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ -z "$update" ] && [ -f "$folder/versions" ]; then
    echo "windows-sources: present: $(tr '\n' ' ' <"$folder/versions")"
    exit 0
fi

command -v apt-get >/dev/null || fail "apt-get is not here" "build the Windows agent on Debian 12"
command -v dpkg-source >/dev/null || fail "dpkg-source is not here" "run deploy/packages.sh windows"
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ -n "$release" ] || fail "/etc/os-release names no VERSION_CODENAME" "build the Windows agent on Debian 12"

# Own folder per run: two builds may start this at once. Readable, because apt fetches as the user _apt.
work=$(mktemp -d "$folder/.fetch.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/get"
log=$folder/log
: >"$log"

private_apt()
{
    LC_ALL=C apt-get -q -o Dir::Etc::SourceList="$work/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Retries=2 "$@"
}

# "URI SUITE" of every configured repository of this release. apt itself reads its lists, so both their formats
# count; an empty folder of lists makes it name everything it would fetch. With a repository that is not Debian's
# own, the signature will not hold and apt leaves it out.
configured()
{
    LC_ALL=C apt-get update --print-uris -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" 2>/dev/null |
        sed -n "s|^'\(.*\)/dists/\(${release}[a-z-]*\)/InRelease'.*|\1 \2|p"
}

stanza()
{
    echo "Types: deb-src"
    echo "URIs: $1"
    echo "Suites: $2"
    echo "Components: main"
    [ ! -f "$keyring" ] || echo "Signed-By: $keyring"
    echo
}

# An unreachable repository is only an error when the packages can't be had from the others; then it is said,
# because security fixes may be missing.
download()
{
    : >"$log"
    private_apt update >>"$log" 2>&1 || true
    # shellcheck disable=SC2086 # a list of words
    (cd "$work/get" && private_apt source --download-only --only-source $packages >>"$log" 2>&1) || return 1
    sed -n 's/^Err:[0-9]* /windows-sources: left out, not reachable or not signed by Debian: /p' "$log" >&2
}

echo "windows-sources: fetching $packages"
configured | while read -r uri suite; do stanza "$uri" "$suite"; done >"$work/debian.sources"
if [ ! -s "$work/debian.sources" ] || ! download; then
    # shellcheck disable=SC2086 # two words
    set -- $fallback
    {
        stanza "$1" "$release"
        stanza "$2" "$release-security"
    } >"$work/debian.sources"
    if ! download; then
        grep -E '^(E|Err)' "$log" | tail -n 5 >&2
        fail "the source packages could not be fetched (above; all of it in $log)" \
            "check the network, a proxy (http_proxy or /etc/apt/apt.conf.d) and /etc/apt/sources.list*, then run this again"
    fi
fi

: >"$work/versions"
for package in $packages; do
    set -- "$work/get/$package"_*.dsc
    [ -f "$1" ] || fail "apt fetched no .dsc for $package" "see $log"
    # apt checked every file against the signed index; the .dsc's own signature would need debian-keyring.
    dpkg-source --no-check -x "$1" "$work/$package" >>"$log" 2>&1 || fail "dpkg-source could not unpack $1" "see $log"
    sed -n 's/^Version: *//p' "$1" | head -n 1 | sed "s/^/$package /" >>"$work/versions"
done

rm -f "$folder/versions"
for package in $packages; do
    rm -rf "${folder:?}/$package"
    mv "$work/$package" "$folder/$package"
done
mv "$work/versions" "$folder/versions"
echo "windows-sources: ready: $(tr '\n' ' ' <"$folder/versions")"
