#!/usr/bin/env bash
# The SIM applet on its card against the gateway: card, phone, SMSC, svgate serve, vending machines, and a
# network between that loses, repeats, swaps and forges; a blocked PIN, and new keys in the middle. tshark
# then reads every APDU.
# needs: javac mvn tshark
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
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
export CAPTURE=$DIR/card.pcap
cargo test --locked --quiet --test card

failed=0
claim() { # what, how many, of how many
  local mark=ok
  if (($2 == 0 || $2 != $3)); then mark=FAILED failed=1; fi
  echo "$mark tshark: $1 ($2 of $3)"
}
apdus() { tshark -r "$CAPTURE" -Y "$1" -T fields -e etsi_cat.comp_tlv.cmd_type 2>/dev/null; }
count() { apdus "$1" | wc -l; }

claim "APDUs are well formed" "$(count 'gsm_sim && !_ws.malformed && !_ws.expert')" "$(count frame)"
fetched=$(apdus 'gsm_sim.apdu.ins == 0x12') answered=$(apdus 'gsm_sim.apdu.ins == 0x14')
claim "answers are to the command that was fetched" \
  "$(paste <(echo "$fetched") <(echo "$answered") | awk '$1 == $2' | wc -l)" "$(wc -l <<<"$answered")"
claim "messages of the card are an SMS-SUBMIT to 778" \
  "$(count 'gsm_sms.tp-mti == 1 && gsm_sms.tp-da == "778" && gsm_sms.tp-pid == 0x7f && gsm_sms.tp-dcs == 0xf6')" \
  "$(grep -c 0x13 <<<"$answered")"
claim "messages to the card are an SMS-DELIVER from 778" \
  "$(count 'gsm_sms.tp-mti == 0 && gsm_sms.tp-oa == "778" && gsm_sms.tp-pid == 0x7f && gsm_sms.tp-dcs == 0xf6')" \
  "$(count 'gsm_sim.cat.ber_tlv_tag == 0xd1')"
exit $failed
