#!/usr/bin/env bash
# schemathesis reads /openapi.json and tries to find a request that the gateway answers otherwise
# than it says: as a machine with its token, while orders come in.
# needs: node smpp python3
#
#   SVGATE_BIG=1 tests/peers/schemathesis.sh    more examples
set -euo pipefail
VERSION=4.32.5
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
if [[ ${SVGATE_BIG:-} == 1 ]]; then EXAMPLES=${EXAMPLES:-400}; fi
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

if ! python3 -m venv "$DIR/venv" >"$DIR/venv.log" 2>&1 ||
  ! timeout 240 "$DIR/venv/bin/pip" install -q "schemathesis==$VERSION" >>"$DIR/venv.log" 2>&1
then
  tail -n 3 "$DIR/venv.log"
  echo "schemathesis could not be installed"
  exit 77
fi

mkdir "$DIR/site" "$DIR/work"
echo "SEED=$SEED"
export EXAMPLES=${EXAMPLES:-60}
# schemathesis keeps what it found in the folder that it runs in, and looks for its hooks there.
cp schemathesis.toml schemathesis_hooks.py "$DIR/work"
# shellcheck disable=SC2016  # HTTP and TOKEN are known only beside the gateway
node with_gateway.js --svgate "$SVGATE" --dir "$DIR/site" -- bash -c '
  cd "$0" && exec "$1" --no-color run "$HTTP/openapi.json" --seed "$2" --max-examples "$EXAMPLES" \
    --header "Authorization: Bearer $TOKEN" --generation-database none
' "$DIR/work" "$DIR/venv/bin/schemathesis" "$SEED"
