#!/usr/bin/env bash
# A card vendor by another hand (pyca/cryptography): its files of keys are imported in both forms, its
# cards' orders are opened under them, their answers open on the cards, and what was changed, cut or
# swapped on the way is refused.
# needs: python3
#
#   CARDS=300 tests/peers/vendor_keys.sh
set -euo pipefail
VERSION=48.0.0
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
CARDS=${CARDS:-300}
DIR=$(mktemp -d)
GATEWAY=
finish() {
  if [[ -n $GATEWAY ]]; then kill "$GATEWAY" 2>/dev/null || true; fi
  if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else rm -rf "$DIR"; fi
}
trap finish EXIT

PYTHON=python3
if ! python3 -c 'import cryptography' 2>/dev/null; then
  if ! python3 -m venv "$DIR/venv" >"$DIR/venv.log" 2>&1 ||
    ! timeout 240 "$DIR/venv/bin/pip" install -q "cryptography==$VERSION" >>"$DIR/venv.log" 2>&1
  then
    tail -n 3 "$DIR/venv.log"
    echo "cryptography could not be installed"
    exit 77
  fi
  PYTHON=$DIR/venv/bin/python
fi

fail() {
  echo "FAILED: $*"
  exit 1
}

port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# An office with two operators; its SMSC is on the given port.
office() {
  local name folder=$1 smsc=$2
  mkdir -m 700 "$folder"
  "$SVGATE" keys init --out "$folder/master.key" >/dev/null
  (umask 077 && echo secret08 >"$folder/smsc-main.password")
  sed -e "s/^port = 2775/port = $smsc/" -e "s/127.0.0.1:8080/127.0.0.1:$(port)/" \
    -e "s/127.0.0.1:9464/127.0.0.1:$(port)/" ../../config/svgate.toml >"$folder/svgate.toml"
  for name in alice bob; do
    (umask 077 && "$SVGATE" keys operator "$name" >"$folder/$name.made")
    (umask 077 && head -n 1 "$folder/$name.made" >"$folder/$name.secret")
    sed 1d "$folder/$name.made" >>"$folder/svgate.toml"
  done
}

import() {
  local folder=$1 file=$2 form=$3
  "$SVGATE" keys import "$file" --sealing "$form" --json --config "$folder/svgate.toml" \
    --transport-key-file "$folder/transport.key" --mac-key-file "$folder/mac.key" \
    --who alice --secret-file "$folder/alice.secret" \
    --second bob --second-secret-file "$folder/bob.secret" 2>>"$folder/log"
}

# Refused with these words, and nothing of it stored.
refused() {
  local words=$1 said
  shift
  if said=$(import "$@"); then fail "$2 was imported: $said"; fi
  grep -q "$words" <(echo "$said"; tail -n 5 "$1/log") || fail "not told: $words: $said"
}

for form in gcm kwp; do
  folder=$DIR/$form
  smsc=$(port)
  office "$folder" "$smsc"
  "$PYTHON" vendor_keys.py make "$folder" "$form" "$CARDS"
  vendor=$folder/vendor.csv
  sed '2{h;d};3{G}' "$vendor" >"$folder/swapped.csv"
  sed '$d' "$vendor" >"$folder/cut.csv"
  sed '2s/1/2/' "$vendor" >"$folder/changed.csv"
  refused 'MAC' "$folder" "$folder/swapped.csv" "$form"
  refused 'cut off' "$folder" "$folder/cut.csv" "$form"
  refused 'MAC' "$folder" "$folder/changed.csv" "$form"
  if [[ $form == kwp ]]; then refused 'does not open' "$folder" "$vendor" gcm; fi
  grep -q "\"added\":$CARDS" <<<"$(import "$folder" "$vendor" "$form")" || fail "$form: not added"
  grep -q '"added":0' <<<"$(import "$folder" "$vendor" "$form")" || fail "$form: added again"
  "$SVGATE" subscriber import "$folder/subscribers.csv" --config "$folder/svgate.toml" >/dev/null
  "$SVGATE" serve --config "$folder/svgate.toml" 2>"$folder/serve.log" &
  GATEWAY=$!
  "$PYTHON" vendor_keys.py orders "$folder" "$smsc" >"$folder/orders.log" ||
    fail "$form: $(tail -n 3 "$folder/orders.log" "$folder/serve.log")"
  echo "$form: $CARDS cards imported; $(cat "$folder/orders.log")"
  kill "$GATEWAY"
  wait "$GATEWAY" || true
  GATEWAY=
done
