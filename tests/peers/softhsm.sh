#!/usr/bin/env bash
# The master key in a token by another hand, SoftHSM2: the token is taken away and brought back while
# orders come, its PIN is wrong, its key is another; known answers through it, and the same keys as a file's.
# needs: node smpp sqlite3 softhsm2-util pkcs11-tool
#
#   KEEP=1 tests/peers/softhsm.sh     its folder stays
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else trap 'rm -rf "$DIR"' EXIT; fi

MODULE=
for library in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
  if [[ -e $library ]]; then MODULE=$library; fi
done
if [[ -z $MODULE ]]; then
  echo "softhsm2-util is here, its library libsofthsm2.so is not"
  exit 77
fi

mkdir "$DIR/tokens" "$DIR/site"
export SOFTHSM2_CONF="$DIR/softhsm2.conf"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$DIR/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label svgate --so-pin 5678 --pin 1234 >/dev/null

failed=0
node softhsm.js --svgate "$SVGATE" --dir "$DIR/site" --module "$MODULE" --tokens "$DIR/tokens" || failed=1
for proof in "export run" "export verify" "reconcile" "keys check"; do
  echo "--- svgate $proof"
  # shellcheck disable=SC2086  # a command and its action are two words
  "$SVGATE" $proof --config "$DIR/site/svgate.toml" | tail -n 7 || { echo "svgate $proof failed"; failed=1; }
done

if ((failed)); then
  echo "the gateway's last lines:"
  grep -v ' purchase purchase=' "$DIR/site/gateway.log" | tail -n 25 || true
fi
exit "$failed"
