'use strict';
// A PostgreSQL server that is lost and restored to a moment before its end, and the gateway on it. Writes
// down what everybody outside saw in both lives of the books; pitr_claims.js judges.
//
//   node pitr.js --svgate BINARY --dir DIR --seed N
//
// DIR must be there and empty. It gets the operator's files, the server's, gateway.log and server.log.

const { appendFileSync, readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { UDHI } = require('./smsc_lib/carriage');
const { MACHINES, ITEMS } = require('./smsc_lib/catalogue');
const { ArchivedServer } = require('./smsc_lib/archived_server');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { LaterPhones } = require('./smsc_lib/later_phones');
const { Machine } = require('./smsc_lib/machine');
const { MessageCentre } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { phoneOf } = require('./smsc_lib/orders');
const { Phones } = require('./smsc_lib/phones');
const { command } = require('./smsc_lib/proofs');
const { Random } = require('./smsc_lib/random');
const { readMaster } = require('./smsc_lib/sim_card');
const { judge } = require('./pitr_claims');

/** So many that no SIM sends more than a few. */
const ORDERS = 1_500;
const ORDERS_PER_S = 150;
/** Orders between one thing and the next, and how many may come while a thing is done. */
const STEP = 100;
const MEANWHILE = 40;
/** More orders than one SIM makes after the point. */
const COUNTER_MARGIN = 12;
/** Longer than everything that was sent takes to be sent again. */
const PLAIN_CLOSED_S = 10;
/** Subscribers who order anew, by SIM and in words. */
const AGAIN = 12;
/** Acks that one machine has not taken in hand at the point. */
const OPEN = 3;
/** A SIM may have so many old packets at once: what is above is told to come again, once in a minute. */
const OLD_AT_ONCE = 5;
const TARGET = 'before-the-loss';
const STEP_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;
/** What comes late, such as a second payment, shall be seen. */
const QUIET_MS = 1_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class Run {
  constructor(given, site, server) {
    Object.assign(this, { given, site, server, due: 0, most: 0, sent: [], seen: {} });
    const random = new Random(given.seed);
    const master = readMaster(readFileSync(path.join(given.dir, 'master.key'), 'utf8'));
    this.phones = new Phones(ORDERS, master, random.fork());
    this.later = new LaterPhones(this.phones, random.fork());
    const { tokens, http } = site;
    this.machines = MACHINES.map(({ id }) => new Machine(id, tokens[id], [http], random.fork()));
    this.gateway = new GatewayProcess(given.svgate, site.config, path.join(given.dir, 'gateway.log'));
    this.centre = new MessageCentre(site.account, () => this.next());
    this.hears = this.phones;
    this.centre.on('submit', (pdu) => this.hears.hear(pdu));
    this.centre.on('answered', (delivery, status) => this.hears.answered(delivery, status));
  }

  next() {
    if (this.hears === this.later) return this.later.next();
    if (this.due < 1 || !this.machines.every((machine) => machine.polled)) return null;
    if (this.phones.at >= this.most && this.phones.ready.length === 0) return null;
    const delivery = this.phones.next();
    if (delivery === null) return null;
    this.due -= 1;
    this.sent.push(delivery);
    return delivery;
  }

  async until(what, shown) {
    const last = Date.now() + STEP_WITHIN_MS;
    while (!shown()) {
      if (Date.now() > last) throw new Error(`it did not come to it: ${what}`);
      await sleep(20);
    }
  }

  /** Resolves when so many more orders are settled; some come after them. */
  async more(count) {
    const from = this.phones.settled;
    this.most = this.phones.at + count + MEANWHILE;
    await this.until(`${count} more orders settled`, () => this.phones.settled >= from + count);
  }

  /** Runs a command of the operator's; rejects when it does not end well. */
  async operate(...words) {
    const { status, output, error } = await this.command(...words);
    if (status !== 0) throw new Error(`svgate ${words.join(' ')}: ${status} ${output} ${error}`);
  }

  command(...words) {
    return command(this.given.svgate, this.site.config, words);
  }

  acks() {
    return this.machines.flatMap(({ terminal, journal }) => (
      [...journal.values()].map((ack) => ({ terminal, ...ack }))));
  }

  /** How far the books went, by the mark outside of them. */
  marked() {
    const text = readFileSync(path.join(this.given.dir, 'svgate.mark'), 'utf8');
    return Number(/^node 7 (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** Paid purchases, and how each ended. */
  paid() {
    const rows = this.server.books()(`
      select cast(purchase_id as text) as id, state, recovered from purchase where paid_ms is not null`);
    return new Map(rows.map(({ id, ...how }) => [id, how]));
  }

  /** What billing has been given. */
  delivered() {
    const folder = path.join(this.given.dir, 'export');
    const rows = readdirSync(folder).filter((name) => name.endsWith('.csv'))
      .flatMap((name) => readFileSync(path.join(folder, name), 'utf8').split('\n'))
      .map((line) => line.split(';')).filter(([kind]) => kind === 'D');
    return new Set(rows.map((cells) => cells[3]));
  }

  say(text) {
    const seconds = ((Date.now() - this.started) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${this.phones.settled} orders settled, ${this.acks().length} acks: ${text}`);
  }

  /** Everything up to the loss. */
  async firstLife() {
    await this.centre.listen(this.site.smpp);
    this.gateway.start();
    this.machines.forEach((machine) => machine.run());
    const paced = setInterval(() => {
      this.due = Math.min(this.due + ORDERS_PER_S / 20, ORDERS_PER_S);
      this.centre.pump();
    }, 50);
    await this.more(STEP);
    await this.operate('export', 'run');
    await this.more(STEP / 2);
    await this.server.backUp();
    this.say('the base backup is made');
    await this.more(STEP / 2);
    await this.point();
    await this.more(STEP);
    await this.operate('export', 'run');
    this.say('the second file is delivered');
    await this.more(STEP);
    await this.until('the mark is beyond the point', () => this.marked() > this.seen.batch);
    await this.gateway.kill9();
    await this.server.lose();
    clearInterval(paced);
    this.say('lost');
  }

  /** The moment to which the server is restored: some acks are open. */
  async point() {
    const [machine] = this.machines;
    machine.held = true;
    while (machine.waiting.length < OPEN) await this.more(STEP / 10);
    await this.server.markPoint(TARGET);
    const [{ batch }] = this.server.books()('select batch from node where node = 7');
    this.seen.batch = batch;
    machine.held = false;
    machine.work();
    this.say(`the point to come back to: commit ${batch} at most`);
  }

  /** The books are back, and are not served before that is said. */
  async restore() {
    await this.server.restoreTo(TARGET);
    Object.assign(this.seen, {
      told: this.acks(), files: this.delivered(), restored: this.paid(),
      refusedStart: await this.command('serve'),
    });
    this.seen.declared = await this.command('store', 'restored', '--json',
      '--reason', 'server lost, restored to a point');
    this.say(`restored: ${this.seen.declared.output.trim()}`);
  }

  /** What the SMSC has sent before it sends once more. */
  async sentAgain() {
    const { seen, later } = this;
    this.hears = later;
    // What had no answer when the gateway was killed is among it.
    this.centre.again.length = 0;
    this.centre.givesUp = (delivery) => later.givesUp(delivery);
    later.ready.push(...this.sent);
    this.gateway.start();
    await this.until('all is sent again', () => later.ready.length === 0 && this.centre.idle());
    await sleep(QUIET_MS);
    Object.assign(seen, { sent: this.sent.length, acknowledged: later.acknowledged, givenUp: later.givenUp });
    seen.answers = [...later.answers];
    seen.toldThen = this.acks();
    seen.paidThen = this.paid();
    this.say('everything was sent again');
  }

  /** Whether a phone's SIM has ordered, and its old packets leave room for a new one. */
  isAtRest({ msisdn }) {
    const own = this.sent.filter(({ pdu }) => pdu.source_addr === msisdn && (pdu.esm_class & UDHI));
    return own.length > 0 && own.length < OLD_AT_ONCE;
  }

  /** Subscribers go on: by SIM at once, in words when those rest no longer; files once they are read back. */
  async secondLife() {
    const { seen, later } = this;
    const [machine] = MACHINES;
    const fresh = Array.from({ length: AGAIN * 2 }, (_, i) => phoneOf(this.phones.phones.length + i))
      .filter(({ language }) => language === 'en').slice(0, AGAIN + 1);
    const item = ITEMS[0];
    const [{ msisdn: early }, ...writers] = fresh;
    seen.early = await later.write(early, machine, item);
    seen.restsUntil = Date.parse(JSON.parse(seen.declared.output).plain_text_from);
    seen.earlyAt = Date.now();
    const carried = this.phones.phones.filter((phone) => this.isAtRest(phone)).slice(0, AGAIN);
    seen.carried = await Promise.all(carried.map((phone) => (
      later.order(phone, machine, item, COUNTER_MARGIN))));
    seen.notAdopted = await this.command('export', 'run');
    seen.adopted = await this.command('export', 'adopt', path.join(this.given.dir, 'export'));
    this.say(`${seen.adopted.output.trim()}`);
    await sleep(Math.max(0, seen.restsUntil - Date.now()) + QUIET_MS);
    seen.written = await Promise.all(writers.map(({ msisdn }) => later.write(msisdn, machine, item)));
    await this.until('machines are done', () => this.machines.every((one) => one.idle()));
    await sleep(QUIET_MS);
    seen.toldNow = this.acks();
    seen.paidNow = this.paid();
    seen.stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.machines.forEach((one) => one.stop());
    this.centre.close();
    seen.machineFaults = this.machines.flatMap(({ terminal, faults }) => (
      faults.map((fault) => `${terminal}: ${fault}`)));
    seen.phoneFaults = later.faults;
  }

  async play() {
    this.started = Date.now();
    await this.firstLife();
    await this.restore();
    await this.sentAgain();
    await this.secondLife();
    return judge(this.seen, {
      binary: this.given.svgate, config: this.site.config, query: this.server.books(),
    });
  }
}

async function main() {
  const { values: given } = parseArgs({
    options: Object.fromEntries(['svgate', 'dir', 'seed'].map((name) => [name, { type: 'string' }])),
  });
  given.seed = Number(given.seed);
  const server = await ArchivedServer.begin(given.dir);
  const site = await prepare(given.svgate, given.dir, ORDERS * 2, server.section());
  appendFileSync(site.config, '\n[restore]\n'
    + `counter_margin = ${COUNTER_MARGIN}\nplain_closed_s = ${PLAIN_CLOSED_S}\n`);
  const held = await new Run(given, site, server).play();
  await server.stop();
  return held ? 0 : 1;
}

main().then((status) => process.exit(status), (error) => {
  console.error(error);
  process.exit(1);
});
