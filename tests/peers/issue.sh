#!/usr/bin/env bash
# A new card from its keys to its first purchase: `svgate keys issue` writes its script, the applet on its
# Java card takes it under transport keys that openssl derived, and `svgate phone` buys a drink with the
# PIN of the letter. The gateway was told nothing of the card but its line of the subscribers' file.
# needs: javac mvn openssl xxd curl
set -euo pipefail
cd "$(dirname "$0")/../.."

SVGATE=$(realpath "${SVGATE:-target/release/svgate}")
CARD_JAR=$(realpath -m "${CARD_JAR:-sim-applet/card/target/svgate-card-1.0.0.jar}")
if [[ ! -f $CARD_JAR ]]; then
  mvn -B -q -f sim-applet/pom.xml -DskipTests -pl card -am package
fi
TEXTS=$PWD/sim-applet/card/src/main/resources/texts
DIR=$(mktemp -d)
finish() {
  jobs -p | xargs -r kill 2>/dev/null || true
  if [[ ${KEEP:-} == 1 ]]; then echo "kept: $DIR"; else rm -rf "$DIR"; fi
}
trap finish EXIT
cp config/demo/* "$DIR"
cd "$DIR"
umask 077

port() {
  local port
  while port=$((20000 + RANDOM % 10000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
SMSC=$(port) HTTP=$(port) METRICS=$(port) CARD=$(port)
sed -i -e "s/port = 2775/port = $SMSC/" -e "s/:8080/:$HTTP/" -e "s/:9464/:$METRICS/" svgate.toml
echo demo-pwd >smsc.password
"$SVGATE" keys init --out master.key >/dev/null
for name in alice bob; do
  "$SVGATE" keys operator "$name" >made
  head -n 1 made >"$name.secret"
  sed 1d made >>svgate.toml
done

openssl rand -hex 32 >transport.master
cut -d, -f3,4,10 subscribers.csv >cards.csv
"$SVGATE" keys issue --in cards.csv --out-dir batch --transport-master-file transport.master \
  --service 778 --currency EUR --texts "$TEXTS" --languages en,de,fr,ar --config svgate.toml \
  --who alice --secret-file alice.secret --second bob --second-secret-file bob.secret 2>>log
IFS=, read -r ICCID PIN _ < <(sed -n 2p batch/pins.csv)

# NIST SP 800-108 with CMAC: counter, label, 00, version 0, EF-ICCID, 128 bits.
transport() {
  local swapped
  # shellcheck disable=SC2001  # digits change places in pairs
  swapped=$(sed 's/\(.\)\(.\)/\2\1/g' <<<"${ICCID}f")
  { printf '\1svgate-mt-%s\0\0' "$1" && xxd -r -p <<<"${swapped}0080"; } |
    openssl mac -cipher AES-256-CBC -macopt hexkey:"$(cat transport.master)" -in - CMAC
}
: >card.log
java -jar "$CARD_JAR" --script "batch/$ICCID.apdu" --transport "$(transport kic)$(transport kid)" \
  --port "$CARD" >>card.log 2>&1 &
for _ in $(seq 100); do
  if grep -q listening card.log; then break; fi
  sleep 0.2
done
grep -q listening card.log || { cat card.log; echo "FAILED: the card does not take its script"; exit 1; }
echo "ok the card took $(grep -c '^80e2' "batch/$ICCID.apdu") commands under its transport keys"

"$SVGATE" merchant import merchants.toml --config svgate.toml >/dev/null
"$SVGATE" subscriber import subscribers.csv --config svgate.toml >/dev/null
"$SVGATE" purse load --amount 100.00 --currency EUR --reference ISSUER-1 --config svgate.toml >/dev/null
TOKEN=$("$SVGATE" terminal token coffee-4711 --config svgate.toml)
"$SVGATE" serve --config svgate.toml 2>serve.log &
machine() {
  while :; do
    curl -s -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$HTTP/v1/terminals/coffee-4711/acks?after=0" || true
    sleep 0.5
  done
}
machine >acks.log &
for _ in $(seq 100); do
  if [[ -s acks.log ]]; then break; fi
  sleep 0.2
done
printf '%s\n' 1 1 4711 12 2 6.00 '' "$PIN" '' w '' q |
  timeout 60 "$SVGATE" phone --card "127.0.0.1:$CARD" --msisdn 4915112345601 \
    --password-file smsc.password --listen "127.0.0.1:$SMSC" >screen 2>&1 || true
if ! grep -q 'Paid 5.10 EUR to Espresso Bar' screen; then
  cat screen serve.log
  echo "FAILED: the card's order was not paid"
  exit 1
fi
echo "ok its order was paid, and its receipt read"
"$SVGATE" keys log --subject "$ICCID" --config svgate.toml | grep -q "issued $ICCID by alice and bob" ||
  { echo "FAILED: the log of keys does not have it"; exit 1; }
echo "ok the log of keys says who issued it"
