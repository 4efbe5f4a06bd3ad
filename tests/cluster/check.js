'use strict';
// Holds what rounds.js wrote down against what the cluster's servers now say, by psql: a program
// and sums that svgate did not make.
//
//   node check.js DIR

const { readFileSync } = require('node:fs');
const path = require('node:path');

const { Checks } = require('../peers/smsc_lib/checks');
const { checkPurchases } = require('./purchase_check');
const { checkRows } = require('./row_check');

const SERVED_WITHIN_MS = 30_000;

const name = ({ round, name: fault, member = '' }) => `round ${round}, ${fault} ${member}`;

function checkFaults(checks, faults) {
  checks.claim('every fault struck, and was cured to the end', faults.length,
    faults.filter(({ failure }) => failure !== null).map((one) => `${name(one)}: ${one.failure}`));
  checks.claim('acknowledgements went on around each fault', faults.length,
    faults.filter(({ acknowledged }) => acknowledged === 0).map(name));
  const late = ({ served }) => served.some((ms) => ms === null || ms > SERVED_WITHIN_MS);
  checks.claim('service is back within 30 s of the fail-over', faults.length,
    faults.filter(late).map((one) => `${name(one)}: ${one.served.join(' and ')} ms`));
}

async function main() {
  const dir = process.argv[2];
  const journal = JSON.parse(readFileSync(path.join(dir, 'journal.json'), 'utf8'));
  const checks = new Checks();
  checkFaults(checks, journal.faults);
  if (journal.rows) await checkRows(checks, dir, journal.load);
  else checkPurchases(checks, dir, journal);
  process.exitCode = checks.report() ? 0 : 1;
}

main().then(() => process.exit(), (error) => {
  console.error(error);
  process.exit(1);
});
