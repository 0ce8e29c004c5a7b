#!/bin/bash
# Static analysis of our sources: cppcheck, then clang-tidy with the checks of .clang-tidy, two processes at a time.
#
#   tests/analyse.sh [BUILD] [FILE...]   BUILD holds compile_commands.json (default: build/release);
#                                        with FILEs (as named from the root) only these go through clang-tidy
#
# Prints file:line for each finding; exits 1 when there is one. Takes about three minutes on two cores.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2
build=${1:-build/release}
[ $# -gt 0 ] && shift

# What clang-tidy sees and is not so: FILE CHECK; why. Each is as narrow as it can be.
accepted='
agent/core/journal.c clang-analyzer-core.NullDereference; journal_remove() is given a job that is in the list
agent/core/runner_start.c clang-analyzer-core.NullDereference; a job with steps has a repair
protocol/crypto_openssl.c clang-analyzer-core.NonNullParamChecker; the point is never NULL, only the scalar may be
server/cli/args.c clang-analyzer-core.NonNullParamChecker; argv holds argc words
'

for tool in cppcheck clang-tidy; do
    command -v "$tool" > /dev/null || { echo "analyse.sh: $tool is missing; deploy/packages.sh tests installs it" >&2; exit 2; }
done
if [ ! -f "$build/compile_commands.json" ]; then
    echo "analyse.sh: $build/compile_commands.json is missing; configure that build first" >&2
    exit 2
fi
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
status=0

#   funcArgOrderDifferent: compares names of parameters, and some say no more than the type does
#   identicalInnerCondition: does not see that a call in between changed what was compared
began=$SECONDS
if cppcheck --quiet -j2 --std=c11 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --suppress=funcArgOrderDifferent --suppress=identicalInnerCondition \
    --error-exitcode=1 --template='{file}:{line}: {severity}: {message} [{id}]' \
    -D_GNU_SOURCE '-DFLEETMEND_VERSION="0"' -I protocol -I protocol/base protocol agent server 2>&1; then
    echo "ok - cppcheck: nothing found ($((SECONDS - began)) s)"
else
    echo "FAIL - cppcheck"
    status=1
fi

# Our sources among those the build compiles: no generated ones, and no tests, whose asserts clang-tidy does not follow.
sources() {
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
    else
        sed -nE 's/^ *"file": "(.*)",?$/\1/p' "$build/compile_commands.json" | sed "s|^$PWD/||" |
            grep -E '^(protocol|agent|server)/.*\.c$' | sort -u
    fi
}

began=$SECONDS
sources "$@" > "$scratch/sources"
if [ ! -s "$scratch/sources" ]; then
    echo "FAIL - clang-tidy: $build compiles none of our sources"
    exit 1
fi
# Each process writes a file of its own. Shuffled, because long sources stand together and would all fall to one process.
run='out=$(mktemp "$0/tidy.XXXXXX") || exit 1
clang-tidy --quiet -p "$1" "${@:2}" > "$out" 2> "$out.err"
code=$?
[ $code -le 1 ] || echo "$2: error: clang-tidy ended with $code; it was given ${*:2} [crash]" >> "$out"'
sort -R --random-source=/dev/zero "$scratch/sources" | xargs -P2 -n4 bash -c "$run" "$scratch" "$build"
rm -f "$scratch"/tidy.*.err
cat "$scratch"/tidy.* | sed "s|^$PWD/||" > "$scratch/all"
grep -E '^[^ ].*: (error|warning): .*\[[a-z][^]]*\]$' "$scratch/all" | sed 's/,-warnings-as-errors\]$/]/' | sort -u |
    awk -v accepted="$accepted" '
        BEGIN { n = split(accepted, line, "\n"); for (i = 1; i <= n; i++) { sub(/;.*/, "", line[i]); known[line[i]] = 1 } }
        { file = $0; sub(/:.*/, "", file); check = $0; sub(/.*\[/, "", check); sub(/\]$/, "", check) }
        !((file " " check) in known)' > "$scratch/findings"
count=$(wc -l < "$scratch/findings")
if [ "$count" -eq 0 ]; then
    echo "ok - clang-tidy: nothing found in $(wc -l < "$scratch/sources") files ($((SECONDS - began)) s)"
else
    cat "$scratch/findings"
    echo "FAIL - clang-tidy: $count findings in $(wc -l < "$scratch/sources") files ($((SECONDS - began)) s)"
    status=1
fi
exit $status
