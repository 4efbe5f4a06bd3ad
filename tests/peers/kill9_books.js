'use strict';
// The books as the sqlite3 shell reads them: a program that svgate did not write, and sums that
// svgate did not make.

const { execFileSync } = require('node:child_process');

const OUTPUT_MAX = 1 << 28;
const json = JSON.stringify;

function query(file, sql) {
  const args = ['-readonly', '-json', file, sql];
  const text = execFileSync('sqlite3', args, { encoding: 'utf8', maxBuffer: OUTPUT_MAX });
  return text.length > 0 ? JSON.parse(text) : [];
}

function checkBalances(checks, file) {
  const sums = query(file, `
    select currency, sum(balance) as sum, count(*) as n from (
      select currency, balance_minor as balance from account
      union all select currency, owed_minor from line)
    group by currency`);
  checks.claim('the balances of each currency sum to 0', sums.reduce((n, row) => n + row.n, 0),
    sums.filter(({ sum }) => sum !== 0).map(json));
  const held = query(file, `
    with moves as (
      select from_account as account, -amount_minor as amount from transfer
      union all select to_account, amount_minor from transfer),
    sums as (select account, sum(amount) as moved from moves group by account),
    held as (
      select account_no as account, balance_minor as balance from account
      union all select subscriber_id, owed_minor from line)
    select held.account, balance, coalesce(moved, 0) as moved
    from held left join sums using (account)`);
  checks.claim('each balance is the sum of its transfers', held.length,
    held.filter(({ balance, moved }) => balance !== moved).map(json));
  const [numbers] = query(file, `
    select count(*) as n, min(transfer_no) as low, max(transfer_no) as high from transfer`);
  checks.claim('transfers are numbered without a gap', numbers.n,
    numbers.high - numbers.low + 1 === numbers.n ? [] : [json(numbers)]);
}

function checkPurchases(checks, journal, file) {
  const paid = query(file, `
    select cast(purchase_id as text) as id, state, subscriber_id, reference, terminal_id
    from purchase where paid_ms is not null`);
  const acks = journal.machines.flatMap(({ acks: own }) => own.map(({ purchase }) => purchase));
  const known = new Set(acks);
  checks.claim('what the books have paid is what machines were told', paid.length, [
    ...paid.filter(({ id }) => !known.has(id)).map(json),
    ...(paid.length === known.size ? [] : [`${paid.length} paid, ${known.size} acks`]),
  ]);
  const final = ['supplied', 'refunded'];
  checks.claim('every paid purchase has come to its end', paid.length,
    paid.filter(({ state }) => !final.includes(state)).map(json));
  const twice = query(file, `
    select subscriber_id, reference, count(*) as n from purchase
    where paid_ms is not null and reference is not null group by 1, 2 having n > 1`);
  checks.claim('one reference of a SIM is paid once', paid.length, twice.map(json));
}

/** Everything about the books in `file`. */
function checkBooks(checks, journal, file) {
  checkBalances(checks, file);
  checkPurchases(checks, journal, file);
  const [outbox] = query(file, 'select count(*) as n from outbox');
  checks.claim('no message is left behind', 1, outbox.n === 0 ? [] : [`${outbox.n} in the outbox`]);
}

module.exports = { checkBalances, checkBooks, query };
