#!/usr/bin/env bash
# USSD over SMPP with centres by another hand: node-smpp plays every dialect, whole dialogues and what
# goes wrong in them; tshark reads the TLVs that the gateway sent.
# needs: node smpp sqlite3 tshark
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

echo "SEED=$SEED"
mkdir "$DIR/site"
node ussd.js --svgate "$SVGATE" --dir "$DIR/site" --seed "$SEED" --capture "$DIR/smpp.pcapng"
PAID=$(sqlite3 "$DIR/site/svgate.db" \
  "select count(*) from purchase where channel = 'ussd' and paid_ms is not null")
TWICE=$(sqlite3 "$DIR/site/svgate.db" \
  "select count(*) from (select msisdn from purchase where channel = 'ussd' and paid_ms is not null
   group by msisdn having count(*) > 1)")
BALANCE=$(sqlite3 "$DIR/site/svgate.db" \
  "select (select sum(balance_minor) from account) + (select sum(owed_minor) from line)")
node ussd_check.js "$DIR/site" "$DIR/smpp.pcapng" "$PAID" "$TWICE" "$BALANCE"
