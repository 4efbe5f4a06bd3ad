'use strict';
// An operator's surroundings around one gateway: an SMSC (node-smpp), phones with SIMs and vending
// machines. Starts the gateway, kills it with -9 at random moments, starts it again, and writes
// down what everybody outside saw. It judges nothing: kill9_check.js does.
//
//   node smsc.js --svgate BINARY --dir DIR --orders N --kills N --seed N
//                [--capture FILE] [--throttled SHARE]
//
// DIR must be there and empty. It gets the operator's files, gateway.log and journal.json. With
// --capture tshark writes down what passes between the gateway and the SMSC.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { MACHINES } = require('./smsc_lib/catalogue');
const { Capture } = require('./smsc_lib/capture');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { Machine } = require('./smsc_lib/machine');
const { Malformed } = require('./smsc_lib/malformed');
const { MessageCentre } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { Phones } = require('./smsc_lib/phones');
const { Random } = require('./smsc_lib/random');
const { readMaster } = require('./smsc_lib/sim_card');

/** Orders that machines have not finished, at which the crowd waits: a queue, not a flood. */
const UNFINISHED_MAX = 600;
/** One malformed PDU for so many orders. */
const ORDERS_PER_MALFORMED = 60;
/** Nothing more happens for so long: the run is over, well or not. */
const STALLED_MS = 45_000;
/** A connection with nothing under way: a reset can take no answer along. */
const STEP_AFTER_MS = 1_000;
/** What comes late, such as a second payment, shall be seen. */
const QUIET_MS = 2_000;
const STOP_WITHIN_MS = 15_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function options() {
  const { values } = parseArgs({
    options: Object.fromEntries(
      ['svgate', 'dir', 'orders', 'kills', 'seed', 'capture', 'throttled']
        .map((name) => [name, { type: 'string' }]),
    ),
  });
  values.throttled ??= '0';
  for (const name of ['orders', 'kills', 'seed', 'throttled']) values[name] = Number(values[name]);
  return values;
}

class Run {
  constructor(given, site) {
    this.given = given;
    this.site = site;
    const inDir = (name) => path.join(given.dir, name);
    const random = new Random(given.seed);
    this.chance = random.fork();
    const master = readMaster(readFileSync(inDir('master.key'), 'utf8'));
    this.phones = new Phones(given.orders, master, random.fork());
    const { tokens, http } = site;
    this.machines = MACHINES.map(({ id }) => new Machine(id, tokens[id], [http], random.fork()));
    this.gateway = new GatewayProcess(given.svgate, site.config, inDir('gateway.log'));
    this.centre = new MessageCentre(site.account, () => this.next());
    const throttling = random.fork();
    this.centre.throttles = () => throttling.chance(given.throttled);
    this.malformed = new Malformed(this.centre);
    this.refusals = {};
    this.moments = [];
    this.moved = Date.now();
    this.taken = 0;
    this.wire();
  }

  wire() {
    const { centre, phones } = this;
    centre.on('answered', (delivery, status) => {
      this.moved = Date.now();
      if (status !== 0) {
        const name = `0x${status.toString(16)}`;
        this.refusals[name] = (this.refusals[name] ?? 0) + 1;
      }
      phones.answered(delivery, status);
    });
    centre.on('submit', (pdu) => {
      this.moved = Date.now();
      phones.hear(pdu);
    });
    centre.on('fault', (error) => phones.fault(`SMPP: ${error.message}`));
  }

  next() {
    // A machine that has not polled yet counts as dead, and takes no order.
    if (!this.machines.every((machine) => machine.polled)) return null;
    if (this.shown() - this.finished() > UNFINISHED_MAX) return null;
    const delivery = this.phones.next();
    if (delivery === null) return null;
    this.taken += 1;
    if (this.taken % ORDERS_PER_MALFORMED === 0) this.malformed.inject();
    return delivery;
  }

  shown() {
    return this.machines.reduce((sum, machine) => sum + machine.journal.size, 0);
  }

  finished() {
    return this.machines.reduce((sum, machine) => sum + machine.finished, 0);
  }

  done() {
    return this.phones.exhausted && this.centre.idle()
      && this.phones.settled === this.phones.orders.length
      && this.machines.every((machine) => machine.idle())
      && this.malformed.open.size === 0 && this.malformed.step.bound;
  }

  /** Kills anywhere in the run, every third time while the gateway still recovers. */
  async killAtRandom() {
    const { orders, kills } = this.given;
    const share = (_, i) => (i + this.chance.next()) / (kills + 0.5);
    const shares = Array.from({ length: kills }, share);
    for (const [i, settled] of shares.entries()) {
      const early = i % 3 === 2;
      if (early) {
        await sleep(20 + this.chance.below(600));
      } else {
        while (this.phones.settled < settled * orders && !this.over) await sleep(5);
        await sleep(this.chance.below(40));
      }
      if (this.over) return;
      this.moments.push({
        settled: this.phones.settled,
        unanswered: this.centre.unanswered.size,
        bound: this.centre.session !== null,
      });
      await this.gateway.kill9();
      this.say(`killed with -9, ${this.centre.counts.resent} deliveries to send again`);
      await sleep(this.chance.below(250));
      this.gateway.start();
      this.moved = Date.now();
    }
    // Once no kill can take the answer along, nor a reset of a connection with octets under way.
    while (!this.malformed.step.broken && !this.over) {
      await sleep(200);
      const quiet = Date.now() - this.moved > STEP_AFTER_MS;
      if (quiet && this.phones.exhausted && this.centre.idle()) this.malformed.breakStep();
    }
  }

  say(text) {
    const { phones, centre } = this;
    const seconds = ((Date.now() - this.started) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${phones.settled}/${phones.orders.length} orders settled, `
      + `${centre.counts.sent} deliver_sm, ${centre.counts.submits} submit_sm, `
      + `${this.finished()} acks finished: ${text}`);
  }

  async play() {
    this.started = Date.now();
    await this.centre.listen(this.site.smpp);
    this.gateway.start();
    this.machines.forEach((machine) => machine.run());
    const killing = this.killAtRandom();
    let told = Date.now();
    const stalled = () => Date.now() - this.moved > STALLED_MS;
    while (!this.done() && !stalled() && this.gateway.crashes.length === 0) {
      await sleep(50);
      if (Date.now() - told > 5000) {
        told = Date.now();
        this.say('running');
      }
    }
    this.over = true;
    await killing;
    this.say(this.done() ? 'all settled' : 'stalled');
    this.wall = Date.now() - this.started;
    await sleep(QUIET_MS);
    this.unansweredMalformed = this.malformed.unanswered();
    this.stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.machines.forEach((machine) => machine.stop());
    this.centre.close();
  }

  journal() {
    const { phones, centre, malformed, gateway } = this;
    return {
      started_ms: this.started,
      orders: phones.journal(),
      machines: this.machines.map((machine) => ({
        terminal: machine.terminal, faults: machine.faults, repeats: machine.repeats,
        acks: [...machine.journal.values()],
      })),
      faults: phones.faults,
      counts: { ...phones.counts, ...centre.counts, refusals: this.refusals, wall_ms: this.wall },
      malformed: {
        sent: malformed.count,
        answered: malformed.answered,
        step: malformed.step,
        faults: malformed.faults,
        unanswered: this.unansweredMalformed,
      },
      gateway: {
        kills: gateway.kills,
        moments: this.moments,
        crashes: gateway.crashes,
        stopped: this.stopped,
      },
    };
  }
}

async function main() {
  const given = options();
  const site = await prepare(given.svgate, given.dir, given.orders);
  const run = new Run(given, site);
  const capture = given.capture ? await Capture.start(site.smpp, given.capture) : null;
  await run.play();
  await capture?.stop();
  writeFileSync(path.join(given.dir, 'journal.json'), JSON.stringify(run.journal()));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
