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

steps_short=(packages release layers unit scenarios analyse asan windows wine demo wine_scenario)
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
step_scenarios() {
  local status=0 name
  for name in loop kills restore clocks doors orders away page; do
    [ -e "tests/scenario/$name.py" ] || continue
    echo "== $name"
    timeout 300 /usr/bin/python3 "tests/scenario/$name.py" --bin build/release/bin || { echo "FAIL - scenario $name"; status=1; }
  done
  return $status
}
step_wine_scenario() { timeout 400 /usr/bin/python3 tests/scenario/wine.py --bin build/release/bin --exe build/windows/bin/fleetmend-agent.exe; }
step_long_scenarios() {
  local status=0 name
  for name in kills away; do
    echo "== $name --long"
    timeout 3600 /usr/bin/python3 "tests/scenario/$name.py" --bin build/release/bin --long ||
      { echo "FAIL - scenario $name --long"; status=1; }
  done
  return $status
}
step_fuzz() { tests/fuzz/run.sh; }

# ctest's closing line, or lines that begin with "ok" and "FAIL" (or "not ok"). Prints "PASSED FAILED".
count_results() {
  local log=$1 status=$2 good bad ctest_line f n
  good=$(grep -cE '^(ok|PASS)\b' "$log")
  bad=$(grep -cE '^(FAIL|not ok)\b' "$log")
  ctest_line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -1)
  if [ -n "$ctest_line" ]; then
    f=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\1/' <<< "$ctest_line")
    n=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\2/' <<< "$ctest_line")
    good=$((good + n - f)) bad=$((bad + f))
  fi
  if grep -q 'No tests were found' "$log"; then
    bad=$((bad + 1))
  fi
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
  elif [ "$status" -eq 0 ] && [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
    good=1
  fi
  echo "$good $bad"
}

run_step() {
  local step=$1 begin=$SECONDS status=0 good bad report
  ( "step_$step" ) > "$logs/$step.log" 2>&1 < /dev/null || status=$?
  read -r good bad <<< "$(count_results "$logs/$step.log" "$status")"
  echo "$good $bad" > "$logs/$step.result"
  report=$(printf '%-16s %4ds  %d passed, %d failed' "$step" $((SECONDS - begin)) "$good" "$bad")
  if [ "$bad" -ne 0 ]; then
    report+=$'\n'$(grep -E '^(FAIL|not ok)\b|\*\*\*|error:' "$logs/$step.log" | head -20 | sed 's/^/    /')
    report+=$'\n'"    --- the end of build/test-logs/$step.log:"$'\n'$(tail -25 "$logs/$step.log" | sed 's/^/    /')
  fi
  echo "$report"
  [ "$bad" -eq 0 ]
}

# Steps of one lane follow each other; lanes run side by side, since much of their time is waiting. What a lane builds
# no other lane builds.
lane_of() {
  case $1 in
    packages|release) echo 0 ;;
    windows|wine|demo|wine_scenario) echo 1 ;;
    layers|analyse|asan|tsan|fuzz) echo 2 ;;
    *) echo 3 ;;
  esac
}

run_lane() {
  local step
  for step in "${wanted[@]}"; do
    if [ "$(lane_of "$step")" = "$1" ]; then
      run_step "$step" || [ "$1" != 0 ] || return 1
    fi
  done
}

mkdir -p "$logs"
for step in "${wanted[@]}"; do
  declare -F "step_$step" > /dev/null || { echo "run.sh: no step $step (see --list)" >&2; exit 2; }
  rm -f "$logs/$step.result"
done

if run_lane 0; then
  run_lane 1 &
  run_lane 2 &
  run_lane 3 &
  wait
else
  echo "the rest needs this: stopping"
fi

passed=0 failed=0
for step in "${wanted[@]}"; do
  if [ -e "$logs/$step.result" ]; then
    read -r good bad < "$logs/$step.result"
    passed=$((passed + good)) failed=$((failed + bad))
  fi
done
printf '\n%ds in all; logs in build/test-logs\n' $((SECONDS - started))
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
