#!/usr/bin/env bash
# A PostgreSQL server that is lost and restored to a moment before its end, and the gateway on it.
# needs: node smpp psql
#
#   SEED=7 KEEP=1 tests/peers/pitr.sh        the run of that seed; its folder stays
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
SEED=${SEED:-$RANDOM}
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  echo "no PostgreSQL server is installed here (Debian: postgresql)"
  exit 77
fi
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

echo "SEED=$SEED"
failed=0
node pitr.js --svgate "$SVGATE" --dir "$DIR" --seed "$SEED" || failed=1
if ((failed)); then
  echo "failed with SEED=$SEED; the gateway's last lines:"
  grep -v ' purchase purchase=' "$DIR/gateway.log" | tail -n 25 || true
  echo "the server's:"
  tail -n 25 "$DIR/server.log" || true
fi
exit "$failed"
