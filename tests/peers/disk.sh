#!/usr/bin/env bash
# The gateway on a disk that is full, that refuses writes, and that fails to flush.
# needs: node smpp sqlite3 strace
#
#   KEEP=1 tests/peers/disk.sh        its folder stays
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then
  echo "kept: $DIR"
else
  trap 'umount "$DIR/disk" 2>/dev/null || true; rm -rf "$DIR"' EXIT
fi

mkdir "$DIR/disk"
if ! mount -t tmpfs -o size=192m tmpfs "$DIR/disk" 2>/dev/null; then
  echo "a small file system can't be mounted here: that takes root"
  exit 77
fi

failed=0
node disk.js --svgate "$SVGATE" --dir "$DIR" --disk "$DIR/disk" || failed=$?
if ((failed == 77)); then exit 77; fi
# The gateway's own proof, which must agree.
for proof in "export run" "export verify" "reconcile"; do
  echo "--- svgate $proof"
  # shellcheck disable=SC2086  # a command and its action are two words
  "$SVGATE" $proof --config "$DIR/disk/svgate.toml" | tail -n 2 || { echo "svgate $proof failed"; failed=1; }
done

if ((failed)); then
  echo "the gateway's last lines:"
  grep -v ' purchase purchase=' "$DIR/gateway.log" | tail -n 25 || true
fi
exit "$failed"
