#!/usr/bin/env bash
# An independent SMSC against the gateway: thousands of orders at window 50, and kill -9 in between.
# needs: node smpp sqlite3
#
#   tests/peers/kill9.sh                 3,000 orders, 4 kills
#   SVGATE_BIG=1 tests/peers/kill9.sh    20,000 orders, 10 kills
#   SEED=7 KEEP=1 tests/peers/kill9.sh   the run of that seed; its folder stays
#   THROTTLED=0 …                        the SMSC throttles that share of the gateway's messages; 0.003
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
if [[ ${SVGATE_BIG:-} == 1 ]]; then ORDERS=${ORDERS:-20000} KILLS=${KILLS:-10}; fi
ORDERS=${ORDERS:-3000} KILLS=${KILLS:-4}

DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

echo "SEED=$SEED: $ORDERS orders, $KILLS kills"
node self_test.js
failed=0
node smsc.js --svgate "$SVGATE" --dir "$DIR" --orders "$ORDERS" --kills "$KILLS" \
  --seed "$SEED" --throttled "${THROTTLED:-0.003}" || failed=1
if [[ -f $DIR/journal.json ]]; then node kill9_check.js "$DIR" || failed=1; fi

# The gateway's own proof, which must agree: each ends with 0 only when nothing is off.
for proof in "export run" "export verify" "reconcile"; do
  echo "--- svgate $proof"
  # shellcheck disable=SC2086  # a command and its action are two words
  "$SVGATE" $proof --config "$DIR/svgate.toml" || { echo "svgate $proof ended with $?"; failed=1; }
done

if ((failed)); then
  echo "failed with SEED=$SEED; the gateway's last lines:"
  tail -n 15 "$DIR/gateway.log" || true
fi
exit $failed
