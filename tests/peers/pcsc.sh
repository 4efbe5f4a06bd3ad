#!/usr/bin/env bash
# The card as a PC/SC reader sees it: pcscd, vsmartcard's vpcd in its reversed mode, and opensc-tool.
# needs: javac mvn pcscd vpcd opensc-tool
#
# Ends with 0 for passed, 77 for skipped (its last line says why), else failed. As root, for pcscd
# has one socket for the whole machine: where one runs already, this is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

JAR=sim-applet/card/target/svgate-card-1.0.0.jar
AID=f073766761746501

skip() { echo "skipped: $*"; exit 77; }
passed=0
expect() { # what, pattern, text
  if grep -qE "$2" <<<"$3"; then
    passed=$((passed + 1))
    echo "ok: $1"
  else
    echo "FAILED: $1: wanted $2 in:"
    echo "$3"
    exit 1
  fi
}

driver=$(find /usr/lib /usr/local/lib -name 'libifdvpcd.so' -print -quit 2>/dev/null)
[[ $(id -u) == 0 ]] || skip "pcscd needs root here"
[[ ! -S /run/pcscd/pcscd.comm ]] || skip "a pcscd runs already"

if [[ ! -f $JAR || -n $(find sim-applet/*/src -newer "$JAR" -print -quit) ]]; then
  mvn -B -q -f sim-applet/pom.xml -DskipTests -pl card -am package
fi

work=$(mktemp -d)
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

start_card() { # port, log
  : >"$2"
  java -jar "$JAR" --port "$1" >"$2" &
  started+=($!)
  for _ in $(seq 100); do
    grep -q listening "$2" && return
    sleep 0.1
  done
  echo "the card did not start"
  exit 1
}
start_card 0 "$work/card.log"
port=$(sed -n 's/.*127\.0\.0\.1://p' "$work/card.log")
# vpcd has a second slot, on the port after, and version 3.3 aborts when nobody listens there.
start_card $((port + 1)) "$work/second.log"

# Reversed mode: the reader connects to the card.
mkdir "$work/readers"
cat >"$work/readers/vpcd" <<CONF
FRIENDLYNAME "svgate card"
DEVICENAME   127.0.0.1:$(printf '0x%X' "$port")
LIBPATH      $driver
CHANNELID    $(printf '0x%X' "$port")
CONF
mkdir -p /run/pcscd
pcscd --foreground --config "$work/readers" >"$work/pcscd.log" 2>&1 &
started+=($!)
for _ in $(seq 100); do
  atr=$(opensc-tool --reader 0 --atr 2>&1) && break
  sleep 0.1
done

expect "the reader has the card's ATR" '3b:86:80:01:73:76:67:61:74:65:15' "$atr"
selected=$(opensc-tool --reader 0 --send-apdu "00:A4:04:00:08:${AID:0:2}:${AID:2:2}:${AID:4:2}:${AID:6:2}:${AID:8:2}:${AID:10:2}:${AID:12:2}:${AID:14:2}" --send-apdu 80:CA:00:01:04 2>&1)
expect "the applet is selected by its AID" 'SW1=0x90, SW2=0x00' "$selected"
expect "its state is read: version 1, personalised, not locked, keys 1" '01 01 00 01' "$selected"
other=$(opensc-tool --reader 0 --send-apdu 00:A4:04:00:05:A0:00:00:00:01 2>&1)
expect "another AID is not there" 'SW1=0x6A, SW2=0x82' "$other"
again=$(opensc-tool --reader 0 --send-apdu "00:A4:04:00:08:F0:73:76:67:61:74:65:01" --send-apdu 80:E2:00:00:02:00:00 2>&1)
expect "personalisation is over for good" 'SW1=0x69, SW2=0x85' "$again"
echo "$passed passed, 0 failed"
