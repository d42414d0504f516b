#!/usr/bin/env bash
# Trains a network and checks it, as a gate for a pipeline. Without arguments: the embedded digits.
#
#   examples/check.sh [DATA [ACCURACY [OPTION OF mlp train...]]]
#   examples/check.sh mnist 0.97 --epochs 5
#
# Exits with 1 if a check failed, and with the status of `mlp` if something could not be done.
set -u

data=${1:-synth}
accuracy=${2:-0.95} # on the test images, at least
shift $(($# < 2 ? $# : 2))
run=${RUN:-runs/check}
reports=${REPORTS:-reports} # JUnit XML and JSON
failed=0

# Runs a check. Status 1 means that it failed: the others are still tried, so that one job shows all
# that is wrong. Another status means that it could not be tried.
check() {
  "$@"
  local status=$?
  case $status in
    0) ;;
    1) failed=1 ;;
    *) exit $status ;;
  esac
}

# The value of a key in a JSON object on standard input.
value_of() {
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

mkdir -p "$reports" || exit
if [ "$data" != synth ] && [ ! -e "$data" ]; then # neither embedded nor a path
  mlp download "$data" || exit
fi
check mlp data check "$data" --json --junit "$reports/data.xml" > "$reports/data.json"
mlp train --data "$data" --out "$run" --auto-resume --json "$@" > "$reports/train.json" || exit
check mlp gradcheck --run "$run" --quick --json --junit "$reports/gradcheck.xml" \
  > "$reports/gradcheck.json"
check mlp eval "$run" --fail-under "$accuracy" --json --junit "$reports/eval.xml" \
  > "$reports/eval.json"

echo "run: $run, epochs: $(value_of epochs < "$reports/train.json")"
echo "accuracy: $(value_of accuracy < "$reports/eval.json")"
if [ $failed = 0 ]; then echo "all checks passed"; else echo "a check failed"; fi
exit $failed
