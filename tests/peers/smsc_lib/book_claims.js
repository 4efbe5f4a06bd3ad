'use strict';
// The books as the sqlite3 shell or psql reads them: programs that svgate did not write, and sums that
// svgate did not make. A `query` takes a statement and returns its rows as objects.

const { execFileSync } = require('node:child_process');

const OUTPUT_MAX = 1 << 28;
/** So many numbers lie between the beginnings of two nodes' series. */
const SERIES = 1_000_000_000_000_000;
const json = JSON.stringify;

/** Reads the books in an SQLite file. */
function sqliteBooks(file) {
  return (sql) => {
    const args = ['-readonly', '-json', file, sql];
    const text = execFileSync('sqlite3', args, { encoding: 'utf8', maxBuffer: OUTPUT_MAX });
    return text.length > 0 ? JSON.parse(text) : [];
  };
}

/** Reads the books at whichever of these PostgreSQL servers is the primary. */
function postgresBooks(places) {
  const [{ user, password, database }] = places;
  const each = (field) => places.map((place) => place[field]).join(',');
  const args = ['-qAtX', '-h', each('host'), '-p', each('port'), '-U', user, '-d', database];
  const env = {
    ...process.env, PGPASSWORD: password, PGCONNECT_TIMEOUT: '5', PGTARGETSESSIONATTRS: 'read-write',
  };
  return (sql) => {
    const rows = `select coalesce(json_agg(q), '[]') from (${sql}) q`;
    const text = execFileSync('psql', [...args, '-c', rows], {
      encoding: 'utf8', maxBuffer: OUTPUT_MAX, env,
    });
    return JSON.parse(text);
  };
}

function checkBalances(checks, query) {
  const sums = query(`
    select currency, sum(balance) as sum, count(*) as n from (
      select currency, balance_minor as balance from account
      union all select currency, owed_minor from line) held
    group by currency`);
  checks.claim('the balances of each currency sum to 0', sums.reduce((n, row) => n + row.n, 0),
    sums.filter(({ sum }) => sum !== 0).map(json));
  const held = `
    with moves as (
      select from_account as account, -amount_minor as amount from transfer
      union all select to_account, amount_minor from transfer),
    sums as (select account, sum(amount) as moved from moves group by account),
    held as (
      select account_no as account, balance_minor as balance from account
      union all select subscriber_id, owed_minor from line)
    select held.account, balance, coalesce(moved, 0) as moved
    from held left join sums using (account)`;
  const [{ n }] = query(`select count(*) as n from (${held}) h`);
  checks.claim('each balance is the sum of its transfers', n,
    query(`select * from (${held}) h where balance <> moved`).map(json));
  // Each node has a series of its own.
  const series = query(`
    select count(*) as n, min(transfer_no) as low, max(transfer_no) as high
    from transfer group by (transfer_no - 1) / ${SERIES}`);
  checks.claim('transfers are numbered without a gap', series.reduce((sum, { n: own }) => sum + own, 0),
    series.filter(({ n: own, low, high }) => high - low + 1 !== own).map(json));
}

function checkPurchases(checks, journal, query) {
  const paid = query(`
    select cast(purchase_id as text) as id, state, subscriber_id, reference, terminal_id
    from purchase where paid_ms is not null and requested_ms >= ${journal.started_ms}`);
  const acks = journal.machines.flatMap(({ acks: own }) => own.map(({ purchase }) => purchase));
  const known = new Set(acks);
  checks.claim('what the books have paid is what machines were told', paid.length, [
    ...paid.filter(({ id }) => !known.has(id)).map(json),
    ...(paid.length === known.size ? [] : [`${paid.length} paid, ${known.size} acks`]),
  ]);
  const final = ['supplied', 'refunded'];
  checks.claim('every paid purchase has come to its end', paid.length,
    paid.filter(({ state }) => !final.includes(state)).map(json));
  const twice = query(`
    select subscriber_id, reference, count(*) as n from purchase
    where paid_ms is not null and reference is not null group by 1, 2 having count(*) > 1`);
  checks.claim('one reference of a SIM is paid once', paid.length, twice.map(json));
}

/** Everything about the books that `query` reads, and about the purchases since the run began. */
function checkBooks(checks, journal, query) {
  checkBalances(checks, query);
  checkPurchases(checks, journal, query);
  const [outbox] = query('select count(*) as n from outbox');
  checks.claim('no message is left behind', 1, outbox.n === 0 ? [] : [`${outbox.n} in the outbox`]);
}

module.exports = {
  checkBalances, checkBooks, postgresBooks, sqliteBooks,
};
