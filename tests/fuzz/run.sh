#!/bin/bash
# Long fuzzing with AddressSanitizer and UndefinedBehaviorSanitizer: tests/fuzz/run.sh [SECONDS a target, default 300].
# Each round has a seed of its own, printed, so a finding can be had again.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=300
[[ ${1:-} =~ ^[0-9]+$ ]] && seconds=$1
cmake --preset asan -DFLEETMEND_TESTS=ON && cmake --build --preset asan --target fuzz_log_parser fuzz_protocol || exit 1
status=0
corpus=(tests/golden/synthetic_cbs_0x800f0831.log)
[ -d ../shared/corpus ] && corpus+=(../shared/corpus/*.log)

fuzz() { # target, runs a round, files...
  local target=$1 runs=$2 end=$((SECONDS + seconds)) seed=1
  shift 2
  while [ $SECONDS -lt $end ]; do
    build/asan/tests/"$target" --runs "$runs" --seed $seed "$@" > /dev/null || { echo "FAIL - $target --runs $runs --seed $seed"; status=1; return; }
    seed=$((seed + 1))
  done
  echo "ok - $target: $((seed - 1)) rounds of $runs mutations"
}
fuzz fuzz_log_parser 2000 "${corpus[@]}"
fuzz fuzz_protocol 50000 tests/fuzz/seeds/* tests/golden/envelope_*.json
exit $status
