#!/bin/bash
# Every test of Fleetmend on a Debian 12: installs what is missing, builds natively and for Windows, runs unit tests
# (release, sanitizers, under Wine), scenarios with real processes, static analysis and the demo.
#
#   tests/run.sh                 all of it, under 15 minutes on two cores
#   tests/run.sh --long          also soaks, long fuzzing, hundreds of kills, ThreadSanitizer
#   tests/run.sh STEP...         only these steps (see --list); builds they need are made
#
# Ends with `N passed, N failed`; the logs of all steps are in build/test-logs.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
logs=$root/build/test-logs
long=false
wanted=()
started=$SECONDS
passed=0 failed=0

steps_short=(packages release unit layers analyse asan windows wine scenarios cli demo)
steps_long=(tsan fuzz long_scenarios)

for arg; do
  case $arg in
    --long) long=true ;;
    --list) printf '%s\n' "${steps_short[@]}" "${steps_long[@]}"; exit 0 ;;
    -h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown option $arg" >&2; exit 2 ;;
    *) wanted+=("$arg") ;;
  esac
done
if [ ${#wanted[@]} -eq 0 ]; then
  wanted=("${steps_short[@]}")
  $long && wanted+=("${steps_long[@]}")
fi

# ---- steps: each runs in a shell of its own with its output in a log ----

step_packages() { deploy/packages.sh build windows tests; }
step_release() { cmake --preset release -DFLEETMEND_TESTS=ON && cmake --build --preset release; }
step_unit() { ctest --preset release; }
step_layers() { tests/layers.sh; }
step_analyse() { tests/analyse.sh build/release; }
step_asan() { cmake --preset asan -DFLEETMEND_TESTS=ON && cmake --build --preset asan && ctest --preset asan; }
step_tsan() { cmake --preset tsan -DFLEETMEND_TESTS=ON && cmake --build --preset tsan && ctest --preset tsan; }
step_windows() { cmake --preset windows -DFLEETMEND_TESTS=ON && cmake --build --preset windows; }
step_wine() { ctest --preset windows; }
step_demo() { deploy/demo.sh --once && echo "ok - the demo closed the loop"; }
step_cli() { /usr/bin/python3 tests/scenario/cli_against_fake.py build/release/bin/fleetmend; }
step_scenarios() {
  local status=0 name
  for name in loop kills clocks doors orders away page; do
    [ -e "tests/scenario/$name.py" ] || continue
    echo "== $name"
    timeout 300 /usr/bin/python3 "tests/scenario/$name.py" --bin build/release/bin || { echo "FAIL - scenario $name"; status=1; }
  done
  return $status
}
step_long_scenarios() {
  local status=0 name
  for name in kills away; do
    echo "== $name --long"
    timeout 3600 /usr/bin/python3 "tests/scenario/$name.py" --bin build/release/bin --long ||
      { echo "FAIL - scenario $name --long"; status=1; }
  done
  return $status
}
step_fuzz() { tests/fuzz/run.sh --long; }

# ctest's closing line, or lines that begin with "ok" and "FAIL" (or "not ok").
count_results() {
  local log=$1 status=$2 good bad
  good=$(grep -cE '^(ok|PASS)\b' "$log")
  bad=$(grep -cE '^(FAIL|not ok)\b' "$log")
  local ctest_line
  ctest_line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -1)
  if [ -n "$ctest_line" ]; then
    local f n
    f=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\1/' <<< "$ctest_line")
    n=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\2/' <<< "$ctest_line")
    good=$((good + n - f)) bad=$((bad + f))
  fi
  if grep -q 'No tests were found' "$log"; then
    bad=$((bad + 1))
  fi
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
  elif [ "$status" -eq 0 ] && [ "$good" -eq 0 ]; then
    good=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
}

run_step() {
  local step=$1 begin=$SECONDS status=0
  ( "step_$step" ) > "$logs/$step.log" 2>&1 < /dev/null || status=$?
  local before_pass=$passed before_fail=$failed
  count_results "$logs/$step.log" "$status"
  printf '%-16s %4ds  %d passed, %d failed\n' "$step" $((SECONDS - begin)) $((passed - before_pass)) $((failed - before_fail))
  if [ "$status" -ne 0 ] || [ $((failed - before_fail)) -ne 0 ]; then
    grep -E '^(FAIL|not ok)\b|\*\*\*|error:|Error' "$logs/$step.log" | head -20 | sed 's/^/    /'
    echo "    --- the end of $logs/$step.log:"
    tail -25 "$logs/$step.log" | sed 's/^/    /'
  fi
  return $status
}

mkdir -p "$logs"
for step in "${wanted[@]}"; do
  declare -F "step_$step" > /dev/null || { echo "run.sh: no step $step (see --list)" >&2; exit 2; }
  if ! run_step "$step"; then
    case $step in
      packages|release) echo "the rest needs $step: stopping"; break ;;
    esac
  fi
done

printf '\n%ds in all; logs in build/test-logs\n' $((SECONDS - started))
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
