#!/usr/bin/env bash
# Accept against withdraw, raced over HTTP: two connections say both words about each ack at once.
# needs: node smpp sqlite3
#
#   tests/peers/race.sh                100,000 races
#   RACES=5000 SEED=7 KEEP=1 …         fewer, of that seed; its folder stays
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM} RACES=${RACES:-100000}

DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

echo "SEED=$SEED: $RACES races"
failed=0
node race.js --svgate "$SVGATE" --dir "$DIR" --races "$RACES" --seed "$SEED" || failed=1

# The gateway's own proof, which must agree.
for proof in "export run" "export verify" "reconcile"; do
  echo "--- svgate $proof"
  # shellcheck disable=SC2086  # a command and its action are two words
  "$SVGATE" $proof --config "$DIR/svgate.toml" | tail -n 4 || { echo "svgate $proof failed"; failed=1; }
done

if ((failed)); then
  echo "failed with SEED=$SEED; the gateway's last lines:"
  tail -n 15 "$DIR/gateway.log" || true
fi
exit $failed
