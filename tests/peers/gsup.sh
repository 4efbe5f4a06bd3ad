#!/usr/bin/env bash
# USSD from a core network by another hand: osmo-hlr routes it, an MSC of this test has the phones, the
# gateway is the HLR's external USSD entity, and is killed in the middle of sessions.
# needs: node smpp sqlite3 osmo-hlr
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

echo "SEED=$SEED"
mkdir "$DIR/site"
node gsup.js --svgate "$SVGATE" --dir "$DIR/site" --seed "$SEED"
