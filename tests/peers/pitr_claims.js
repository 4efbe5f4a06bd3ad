'use strict';
// What must hold after books were lost and restored to a moment before: nothing is paid twice, files go
// on where they ended, and nobody has to wait for longer than is said.

const { COUNTER_LOW, PAID } = require('./smsc_lib/applet_data');
const { checkBalances } = require('./smsc_lib/book_claims');
const { Checks } = require('./smsc_lib/checks');
const { checkProofs } = require('./smsc_lib/proofs');

/** Why restored books are not served, and what to do. */
const OLDER = /older than .*svgate\.mark says.* svgate store restored --reason TEXT/;
const ACKS_PER_EPOCH = 1_000_000_000;
/** Answers to words that are sent again: none of them buys anything. */
const BOUGHT_NOTHING = ['plain_rests', 'repeated', 'again_used', 'unknown_item', 'unknown_short_code',
  'over_plain_cap', 'not_billable'];
/** What the books say of a purchase with that end in the machine's journal. */
const STATES = { supplied: 'supplied', part: 'supplied', failed: 'refunded' };
const json = JSON.stringify;

const without = (some, ...known) => [...some].filter((id) => known.every((set) => !set.has(id)));

function checkDeclaration(checks, seen) {
  const { refusedStart, declared } = seen;
  checks.claim('books older than their mark are not served, and the remedy is named', 1,
    refusedStart.status > 0 && OLDER.test(refusedStart.error)
      ? [] : [`status ${refusedStart.status}: ${refusedStart.error}`]);
  checks.claim('svgate store restored ends with 0 and the new epoch', 1,
    declared.status === 0 && JSON.parse(declared.output).epoch === 1
      ? [] : [`status ${declared.status}: ${declared.output} ${declared.error}`]);
  const open = [...seen.restored.values()]
    .filter(({ state }) => ['paid', 'accepted', 'dispensing'].includes(state));
  const { purchases_unknown: unknown } = JSON.parse(declared.output);
  checks.claim('what was paid and open at that moment is unknown', open.length,
    unknown === open.length ? [] : [`${unknown} unknown`]);
}

/** Everything was sent once more before anything else happened. */
function checkSentAgain(checks, seen) {
  checks.claim('all that was sent before is acknowledged, or told to come again', seen.sent,
    seen.acknowledged + seen.givenUp === seen.sent && seen.acknowledged > seen.givenUp
      ? [] : [`${seen.acknowledged} acknowledged, ${seen.givenUp} given up`]);
  const packets = seen.answers.filter(({ way }) => way === 'packet');
  checks.claim('a SIM\'s packet sent again is told that its counter is low', packets.length,
    packets.filter(({ outcome }) => outcome !== COUNTER_LOW).map(json));
  const texts = seen.answers.filter(({ way }) => way === 'text');
  checks.claim('words sent again buy nothing', texts.length,
    texts.filter(({ kind }) => !BOUGHT_NOTHING.includes(kind)).map(json));
  const rests = texts.filter(({ kind }) => kind === 'plain_rests');
  checks.claim('an order in words is told that those rest', rests.length, []);
  checks.claim('all of it came while they rested', 1,
    seen.earlyAt < seen.restsUntil && seen.early.kind === 'plain_rests' ? [] : [json(seen.early)]);
  const known = new Set(seen.told.map(({ purchase }) => purchase));
  checks.claim('no machine is told of anything that was sent again', known.size,
    seen.toldThen.filter(({ purchase }) => !known.has(purchase)).map(json));
  checks.claim('the books pay for nothing that was sent again', seen.restored.size,
    without(seen.paidThen.keys(), seen.restored));
}

function checkFiles(checks, seen) {
  const { notAdopted, adopted, restored, files, paidNow } = seen;
  checks.claim('no file is written before the delivered ones are read back', 1,
    notAdopted.status === 3 && /svgate export adopt DIR/.test(notAdopted.error)
      ? [] : [`status ${notAdopted.status}: ${notAdopted.output} ${notAdopted.error}`]);
  checks.claim('svgate export adopt ends with 0', 1,
    adopted.status === 0 ? [] : [`status ${adopted.status}: ${adopted.output} ${adopted.error}`]);
  const onlyFiled = without(files, restored);
  const recovered = new Set([...paidNow].filter(([, { recovered: is }]) => is === 1).map(([id]) => id));
  checks.claim('what only a file knew is there as recovered, and nothing else is', onlyFiled.length, [
    ...without(onlyFiled, recovered), ...without(recovered, new Set(onlyFiled)),
  ]);
  const ends = new Map(seen.told.map(({ purchase, end }) => [purchase, end]));
  const filed = [...files].filter((id) => ends.has(id));
  checks.claim('what a file knows has the end that its machine gave it', filed.length,
    filed.filter((id) => paidNow.get(id)?.state !== STATES[ends.get(id)])
      .map((id) => `${id}: ${ends.get(id)}, ${paidNow.get(id)?.state}`));
}

/** New orders, and what the books hold in the end. */
function checkSecondLife(checks, seen) {
  const { carried, written, told, toldNow, paidNow, restored, files } = seen;
  checks.claim('a SIM goes on above what it may have sent, and its order is paid', carried.length,
    carried.filter(({ outcome }) => outcome !== PAID).map(json));
  checks.claim('words are taken once they no longer rest', written.length,
    written.filter(({ kind }) => kind !== 'paid').map(json));
  const known = new Set(told.map(({ purchase }) => purchase));
  const acks = toldNow.filter(({ purchase }) => !known.has(purchase));
  checks.claim('each new order is one ack, above all of before', carried.length + written.length, [
    ...(acks.length === carried.length + written.length ? [] : [`${acks.length} acks`]),
    ...acks.filter(({ ack }) => ack <= ACKS_PER_EPOCH).map(json),
  ]);
  const news = new Set(acks.map(({ purchase }) => purchase));
  checks.claim('the books have paid what they held, what files told, and what was ordered since',
    paidNow.size, [
      ...without(paidNow.keys(), restored, files, news),
      ...without(new Set([...restored.keys(), ...files, ...news]), paidNow),
    ]);
  checks.claim('every card could open what it was told', carried.length, seen.phoneFaults);
  checks.claim('machines met no answer but that an ack is forgotten', told.length,
    seen.machineFaults.filter((fault) => !/: 404 /.test(fault)));
  checks.claim('the gateway stops in order', 1, seen.stopped === 0 ? [] : [String(seen.stopped)]);
}

/** Prints every claim about what was seen; true when all of them hold. */
async function judge(seen, { binary, config, query }) {
  const checks = new Checks();
  checkDeclaration(checks, seen);
  checkSentAgain(checks, seen);
  checkFiles(checks, seen);
  checkSecondLife(checks, seen);
  checkBalances(checks, query);
  await checkProofs(checks, binary, config);
  const lost = without(new Set(seen.told.map(({ purchase }) => purchase)), seen.restored, seen.files);
  const held = checks.report();
  console.log(`${lost.length} purchases are lost to billing: machines gave out for them, after that moment `
    + 'and into no file');
  return held;
}

module.exports = { judge };
