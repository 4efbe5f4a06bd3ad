'use strict';
// The purchases of one round: what phones and machines saw, what the nodes did, what the books say.

const { placesIn } = require('./place');
const { checkBooks, postgresBooks } = require('../peers/smsc_lib/book_claims');
const { checkMachines, checkOrders } = require('../peers/smsc_lib/order_claims');

/** A node that starts while no primary is there may end, and is started again. */
const STARTING_MS = 60_000;

function checkNodes(checks, { faults, load }) {
  const { nodes } = load;
  const sum = (field) => nodes.reduce((total, { counts }) => total + counts[field], 0);
  checks.claim('phones, SIMs and SMSCs met nothing wrong', sum('submits'), load.faults);
  const other = ({ name, refusals }) => Object.entries(refusals)
    .filter(([status]) => status !== '0x14').map(([status, times]) => `${name} ${status}: ${times}`);
  checks.claim('deliver_sm is answered 0, or 0x14 to come again', sum('sent'), nodes.flatMap(other));
  const restarts = faults.filter(({ name }) => name === 'restart-all');
  const meant = (ms) => restarts.some(({ struck }) => ms >= struck && ms < struck + STARTING_MS);
  checks.claim('no node ends by itself', nodes.length,
    nodes.flatMap(({ name, ends }) => ends.filter((ms) => !meant(ms))
      .map((ms) => `${name} at ${new Date(ms).toISOString()}`)));
  checks.claim('each node stops by SIGTERM with status 0', nodes.length,
    nodes.filter(({ stopped }) => stopped !== 0).map(({ name, stopped }) => `${name}: ${stopped}`));
}

function tell({ nodes, orders }) {
  const sum = (field) => nodes.reduce((total, { counts }) => total + counts[field], 0);
  console.log([
    `${orders.length} orders in ${sum('sent')} deliver_sm at two nodes`,
    `${sum('elsewhere')} sent to both at once, ${sum('copies')} twice to one, ${sum('inParts')} in parts, `
      + `${sum('forged')} forged`,
    `${sum('resent')} sent again after a lost link, ${sum('comeAgain')} told to come again`,
    `${sum('submits')} submit_sm, ${sum('sentTwice')} of them seen before`,
    `${sum('late')} deliveries waited longer than the 5 s of the network`,
  ].join('\n'));
}

function checkPurchases(checks, dir, journal) {
  const { load } = journal;
  tell(load);
  checkOrders(checks, load);
  checkMachines(checks, load);
  checkNodes(checks, journal);
  checkBooks(checks, load, postgresBooks(placesIn(dir)));
}

module.exports = { checkPurchases };
