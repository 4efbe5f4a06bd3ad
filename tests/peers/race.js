'use strict';
// Accept against withdraw, over HTTP: every paid ack is taken and given back at the same moment by two
// connections, and exactly one of them may win. The loser must be told what stands, the goods go out or
// the money goes back, never both, and the books say the same as the machines.
//
//   node race.js --svgate BINARY --dir DIR --races N --seed N

const path = require('node:path');
const { parseArgs } = require('node:util');

const { checkBalances, sqliteBooks } = require('./smsc_lib/book_claims');
const { addressed } = require('./smsc_lib/carriage');
const { MACHINES } = require('./smsc_lib/catalogue');
const { Checks } = require('./smsc_lib/checks');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { HttpLane } = require('./smsc_lib/http_lane');
const { MessageCentre } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { ORDERS_EACH, phoneOf } = require('./smsc_lib/orders');
const { Random } = require('./smsc_lib/random');

/** Pairs of connections of one machine: as many of its acks are raced at once. */
const PAIRS = 12;
/** Acks paid and not yet raced, at which phones wait. */
const UNRACED_MAX = 1_000;
/** The side that loses nearly always would race nobody. */
const WINS_MIN_SHARE = 0.05;
const STALLED_MS = 30_000;
const STOP_WITHIN_MS = 15_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class Racer {
  constructor(machine, site, random) {
    Object.assign(this, { machine, random, after: 0, waiting: [], idle: [], stopped: false });
    this.path = `/v1/terminals/${machine.id}/acks`;
    this.lane = () => new HttpLane(site.http, site.tokens[machine.id]).open();
    this.wins = { accept: 0, withdraw: 0 };
    this.faults = [];
    this.raced = 0;
  }

  async run() {
    const poll = await this.lane();
    await poll.ask('GET', `${this.path}?after=0`);
    this.alive = true;
    const pairs = await Promise.all(Array.from({ length: PAIRS }, async () => (
      [await this.lane(), await this.lane()])));
    pairs.forEach((pair) => { this.work(pair); });
    while (!this.stopped) {
      const answer = await poll.ask('GET', `${this.path}?after=${this.after}&wait=1`);
      for (const ack of answer.body?.acks ?? []) {
        if (ack.ack > this.after) {
          this.after = ack.ack;
          this.waiting.push(ack);
        }
      }
      while (this.waiting.length > 0 && this.idle.length > 0) this.idle.pop()();
    }
    [poll, ...pairs.flat()].forEach((lane) => lane.close());
  }

  async work(pair) {
    for (;;) {
      while (this.waiting.length === 0) {
        await new Promise((resolve) => { this.idle.push(resolve); });
      }
      await this.race(this.waiting.shift(), pair);
      this.raced += 1;
    }
  }

  async race({ ack, purchase }, pair) {
    const words = this.random.chance(0.5) ? ['accept', 'withdraw'] : ['withdraw', 'accept'];
    const asked = words.map((word, at) => (
      pair[at].ask('POST', `${this.path}/${ack}/${word}`, { purchase })));
    const answers = await Promise.all(asked);
    const won = words.filter((_, at) => answers[at].status === 200);
    const told = answers.map(({ status, text }) => `${status} ${text}`).join(' | ');
    if (won.length !== 1) {
      this.faults.push(`ack ${ack}: ${won.length} winners: ${told}`);
      return;
    }
    const loser = answers[words.indexOf(won[0]) === 0 ? 1 : 0];
    const stands = won[0] === 'accept' ? ['accepted'] : ['refunding', 'refunded'];
    if (loser.status !== 409 || !stands.includes(loser.body?.ack?.state)) {
      this.faults.push(`ack ${ack}: the loser was not told what stands: ${told}`);
    }
    this.wins[won[0]] += 1;
    if (won[0] === 'withdraw') return;
    const body = { purchase, result: 'supplied' };
    const supplied = await pair[0].ask('POST', `${this.path}/${ack}/result`, body);
    if (supplied.body?.state !== 'supplied') {
      this.faults.push(`ack ${ack}: supplied was answered ${supplied.status} ${supplied.text}`);
    }
  }
}

/** One order of each phone, machines in turn; none before every machine lives. */
function phones(races, racers) {
  let made = 0;
  return () => {
    const unraced = made - racers.reduce((sum, { raced }) => sum + raced, 0);
    if (made >= races || unraced >= UNRACED_MAX) return null;
    if (!racers.every(({ alive }) => alive)) return null;
    const { msisdn } = phoneOf(made);
    const { code } = MACHINES[made % MACHINES.length];
    made += 1;
    return { pdu: addressed(msisdn, { data_coding: 0, short_message: `BUY ${code} 12` }) };
  };
}

function check(given, racers, stopped) {
  const checks = new Checks();
  const sum = (word) => racers.reduce((all, { wins }) => all + wins[word], 0);
  const [accepted, withdrawn] = [sum('accept'), sum('withdraw')];
  const races = racers.reduce((all, { raced }) => all + raced, 0);
  const unless = (holds, text) => (holds ? [] : [text]);
  checks.claim('every order was paid and its ack raced', races,
    unless(races === given.races, `${races} of ${given.races}`));
  checks.claim('each ack has one winner, and the loser was told what stands', races,
    racers.flatMap(({ faults }) => faults));
  const least = given.races * WINS_MIN_SHARE;
  checks.claim('both sides win: it is a race', races,
    unless(Math.min(accepted, withdrawn) >= least, `accept ${accepted}, withdraw ${withdrawn}`));
  const query = sqliteBooks(path.join(given.dir, 'svgate.db'));
  const states = Object.fromEntries(query(
    'select state, count(*) as n from purchase group by state').map(({ state, n }) => [state, n]));
  const want = JSON.stringify({ refunded: withdrawn, supplied: accepted });
  checks.claim('the books have the goods of who accepted, the refunds of who withdrew', races,
    unless(JSON.stringify(states, ['refunded', 'supplied']) === want
      && Object.keys(states).length === 2, `${JSON.stringify(states)}, not ${want}`));
  checkBalances(checks, query);
  checks.claim('the gateway stopped in order', 1, unless(stopped === 0, `it ended with ${stopped}`));
  console.log(`accept won ${accepted}, withdraw won ${withdrawn}`);
  return checks.report();
}

async function main() {
  const { values } = parseArgs({
    options: Object.fromEntries(
      ['svgate', 'dir', 'races', 'seed'].map((name) => [name, { type: 'string' }]),
    ),
  });
  const given = { ...values, races: Number(values.races) };
  const random = new Random(Number(values.seed));
  const site = await prepare(given.svgate, given.dir, Math.ceil(given.races * ORDERS_EACH));
  const racers = MACHINES.map((machine) => new Racer(machine, site, random.fork()));
  const centre = new MessageCentre(site.account, phones(given.races, racers));
  const gateway = new GatewayProcess(
    given.svgate, site.config, path.join(given.dir, 'gateway.log'));
  await centre.listen(site.smpp);
  gateway.start();
  await new Promise((resolve) => { centre.once('bound', resolve); });
  const started = Date.now();
  racers.forEach((racer) => { racer.run(); });
  let [raced, moved] = [0, Date.now()];
  while (raced < given.races && Date.now() - moved < STALLED_MS && gateway.crashes.length === 0) {
    await sleep(20);
    centre.pump();
    const now = racers.reduce((sum, racer) => sum + racer.raced, 0);
    if (now > raced) [raced, moved] = [now, Date.now()];
  }
  console.log(`${raced} races in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  while (!centre.idle() && Date.now() - moved < STALLED_MS) await sleep(20);
  racers.forEach((racer) => { racer.stopped = true; });
  const stopped = await gateway.stop(STOP_WITHIN_MS);
  centre.close();
  return check(given, racers, stopped);
}

main().then((held) => process.exit(held ? 0 : 1), (error) => {
  console.error(error);
  process.exit(1);
});
