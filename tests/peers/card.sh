#!/usr/bin/env bash
# The SIM applet on its card against the gateway: card, phone, SMSC, svgate serve, vending machines, and a
# network between that loses, repeats, swaps and forges; a blocked PIN, and new keys in the middle.
# needs: javac mvn
#
#   tests/peers/card.sh                           200 purchases
#   SEED=7 PURCHASES=1000 KEEP=1 tests/peers/card.sh    another run, longer; its folder stays
set -euo pipefail
cd "$(dirname "$0")/../.."

SVGATE=$(realpath "${SVGATE:-target/release/svgate}")
CARD_JAR=$(realpath -m sim-applet/card/target/svgate-card-1.0.0.jar)
export SVGATE CARD_JAR SEED=${SEED:-$RANDOM}
if [[ ! -f $CARD_JAR || -n $(find sim-applet/*/src -newer "$CARD_JAR" -print -quit) ]]; then
  mvn -B -q -f sim-applet/pom.xml -DskipTests -pl card -am package
fi
cargo test --locked --quiet --test card
