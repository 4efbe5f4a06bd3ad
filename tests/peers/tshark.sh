#!/usr/bin/env bash
# tshark reads every PDU that the gateway writes: none is malformed, and the fields are what an SMSC
# and a SIM expect.
# needs: node smpp tshark
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

mkdir "$DIR/site"
node smsc.js --svgate "$SVGATE" --dir "$DIR/site" --orders 400 --kills 0 --seed "$SEED" \
  --capture "$DIR/smpp.pcapng"
if [[ ! -s $DIR/smpp.pcapng ]]; then
  echo "tshark may not capture on the loopback interface here"
  exit 77
fi
node tshark_check.js "$DIR/site" "$DIR/smpp.pcapng"
