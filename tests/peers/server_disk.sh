#!/usr/bin/env bash
# The gateway on a PostgreSQL server whose disks are full, and which turns read-only.
# needs: node smpp psql
#
#   KEEP=1 tests/peers/server_disk.sh        its folder stays, with its small disks
set -euo pipefail
cd "$(dirname "$0")"

SVGATE=$(realpath "${SVGATE:-../../target/release/svgate}")
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  echo "no PostgreSQL server is installed here (Debian: postgresql)"
  exit 77
fi
DIR=$(mktemp -d)
if [[ ${KEEP:-} == 1 ]]; then
  echo "kept: $DIR"
else
  # Lazily: a server that was told to end with its test is gone soon, but not at once.
  trap 'umount -l "$DIR"/{data,wal} 2>/dev/null || true; rm -rf "$DIR"' EXIT
fi

mkdir "$DIR"/{data,wal}
for disk in "$DIR"/{data,wal}; do
  if ! mount -t tmpfs -o size=128m tmpfs "$disk" 2>/dev/null; then
    echo "a small file system can't be mounted here: that takes root"
    exit 77
  fi
done

failed=0
node server_disk.js --svgate "$SVGATE" --dir "$DIR" --data "$DIR/data" --wal "$DIR/wal" || failed=1
if ((failed)); then
  echo "the gateway's last lines:"
  grep -v ' purchase purchase=' "$DIR/gateway.log" | tail -n 25 || true
  echo "the server's:"
  tail -n 25 "$DIR/server.log" || true
fi
exit "$failed"
