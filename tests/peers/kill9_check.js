'use strict';
// Holds what everybody outside saw (journal.json of smsc.js) against the claims of the gateway: no
// acknowledged order lost, none paid twice, every paid one confirmed and acked to its machine. The
// books themselves are read by smsc_lib/book_claims.js.
//
//   node kill9_check.js DIR

const { readFileSync } = require('node:fs');
const path = require('node:path');

const { checkBooks, sqliteBooks } = require('./smsc_lib/book_claims');
const { Checks } = require('./smsc_lib/checks');
const { checkMachines, checkOrders } = require('./smsc_lib/order_claims');

const json = JSON.stringify;

/** The wire: forgeries, malformed PDUs, kills. */
function checkWire(checks, journal) {
  const { counts, malformed, gateway } = journal;
  checks.claim('phones, SIMs and SMSC met nothing wrong', counts.submits, journal.faults);
  const other = Object.entries(counts.refusals).filter(([status]) => status !== '0x14');
  checks.claim('deliver_sm is answered 0, or 0x14 to come again', counts.sent,
    other.map(([status, times]) => `${status}: ${times}`));
  checks.claim('malformed PDUs are answered and the link stays in step', malformed.sent,
    [...malformed.faults, ...malformed.unanswered]);
  checks.claim('a stream out of step is told so, and bound anew', 1,
    malformed.step.nacked && malformed.step.bound ? [] : [json(malformed.step)]);
  checks.claim('the gateway binds again after each kill', counts.binds, [
    ...gateway.crashes,
    ...(counts.wrongBinds > 0 ? [`${counts.wrongBinds} wrong binds`] : []),
  ]);
  checks.claim('the gateway stops by SIGTERM with status 0', 1,
    gateway.stopped === 0 ? [] : [String(gateway.stopped)]);
}

function tell(journal) {
  const { counts, gateway, malformed, orders } = journal;
  console.log([
    `${orders.length} orders in ${counts.sent} deliver_sm within ${counts.wall_ms} ms`,
    `${gateway.kills} kills with -9, ${counts.resent} deliveries sent again after them`,
    `${counts.copies} copies, ${counts.swapped} swapped, ${counts.inParts} in parts`,
    `${counts.forged} forged, ${counts.strangers} from strangers, ${malformed.sent} malformed PDUs`,
    `${counts.comeAgain} told to come again, ${counts.again} AGAIN, `
      + `${counts.retries} sent again by the SIM for their counter`,
    `${counts.submits} submit_sm: ${counts.confirmations} secured confirmations, `
      + `${counts.sentTwice} of them seen before, and ${counts.texts} texts; `
      + `${counts.throttled} throttled`,
    // No claim: a disk that stands still, which a busy host's does, holds up every commit.
    `${counts.late} deliveries waited longer than the 5 s of the network`,
  ].join('\n'));
  for (const [said, times] of Object.entries(malformed.answered)) {
    console.log(`  ${String(times).padStart(4)}  ${said}`);
  }
}

function main() {
  const dir = process.argv[2];
  const journal = JSON.parse(readFileSync(path.join(dir, 'journal.json'), 'utf8'));
  tell(journal);
  const checks = new Checks();
  checkOrders(checks, journal);
  checkMachines(checks, journal);
  checkWire(checks, journal);
  checkBooks(checks, journal, sqliteBooks(path.join(dir, 'svgate.db')));
  process.exitCode = checks.report() ? 0 : 1;
}

main();
