'use strict';
// Books that can't be written for a while: orders come all the time, a machine gives out all the time;
// what the gateway says meanwhile, and what it does once they can be written again, is claimed.

const { appendFileSync, rmSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const { checkBalances } = require('./book_claims');
const { addressed } = require('./carriage');
const { MACHINES } = require('./catalogue');
const { Checks } = require('./checks');
const { GatewayProcess } = require('./gateway_process');
const { Machine } = require('./machine');
const { MessageCentre } = require('./message_centre');
const { phoneOf } = require('./orders');
const { Random } = require('./random');

const ORDERS_MAX = 4_000;
const ORDERS_PER_S = 60;
/** Orders that are not acknowledged, at which phones wait: an SMSC sends each again and again. */
const UNSETTLED_MAX = 40;
/** Acks that the machine has not taken in hand when an outage begins: words to be refused. */
const HELD = 3;
/** Orders that go well before the first outage, and after each. */
const WELL = 60;
/** Answers 0x14, and 503 to a machine, that show what the gateway does meanwhile. */
const REFUSED = 5;
const PHASE_WITHIN_MS = 40_000;
const STOP_WITHIN_MS = 15_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A file that takes every octet that is left on a disk, until it is taken away. */
class Filler {
  constructor(folder) {
    this.file = path.join(folder, 'filler');
    const piece = Buffer.alloc(64 * 1024);
    writeFileSync(this.file, '');
    // Again and again: what a checkpoint or a look for room gives back is taken too.
    const fill = () => { try { for (;;) appendFileSync(this.file, piece); } catch { /* full */ } };
    fill();
    this.filling = setInterval(fill, 20);
  }

  remove() {
    clearInterval(this.filling);
    rmSync(this.file);
  }
}

class Outages {
  constructor(binary, dir, site) {
    Object.assign(this, { site, checks: new Checks(), made: 0, settled: 0, due: 0 });
    this.refusals = {};
    const [machine] = MACHINES;
    this.code = machine.code;
    this.machine = new Machine(machine.id, site.tokens[machine.id], [site.http], new Random(1));
    this.log = path.join(dir, 'gateway.log');
    this.gateway = new GatewayProcess(binary, site.config, this.log);
    this.centre = new MessageCentre(site.account, () => this.next());
    this.centre.on('answered', (_, status) => {
      this.refusals[status] = (this.refusals[status] ?? 0) + 1;
      if (status === 0) this.settled += 1;
    });
  }

  /** Each phone orders once, by the same words. */
  next() {
    if (this.due < 1 || this.made >= ORDERS_MAX || !this.machine.polled) return null;
    if (this.made - this.settled >= UNSETTLED_MAX) return null;
    this.due -= 1;
    const { msisdn } = phoneOf(this.made);
    this.made += 1;
    return { pdu: addressed(msisdn, { data_coding: 0, short_message: `BUY ${this.code} 12` }) };
  }

  /** Starts everything, and orders come from now on. */
  async begin() {
    await this.centre.listen(this.site.smpp);
    this.gateway.start();
    this.machine.run();
    this.paced = setInterval(() => {
      this.due += ORDERS_PER_S / 20;
      this.centre.pump();
    }, 50);
    await this.goesWell('at first');
  }

  /** GET on the operator's listener; status and text. */
  watch(what) {
    return new Promise((resolve) => {
      const asked = http.get({ host: '127.0.0.1', port: this.site.metrics, path: what }, (answer) => {
        let text = '';
        answer.on('data', (piece) => { text += piece; });
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      asked.on('error', () => resolve({ status: 0, text: '' }));
    });
  }

  /** Commits that the gateway counted as failed since it started. */
  async failedCommits() {
    const { text } = await this.watch('/metrics');
    return Number(/^svgate_writer_commits_failed_total (\d+)/m.exec(text)?.[1] ?? 0);
  }

  async until(shown, gone = () => false) {
    const last = Date.now() + PHASE_WITHIN_MS;
    while (Date.now() < last && !gone()) {
      if (await shown()) return true;
      await sleep(50);
    }
    return false;
  }

  claim(name, holds, why = '') {
    this.checks.claim(name, 1, holds ? [] : [why || 'it did not happen']);
  }

  /** Orders are acknowledged and the gateway says that it is ready. */
  goesWell(phase) {
    const from = this.settled;
    return this.until(async () => this.settled >= from + WELL
      && (await this.watch('/readyz')).status === 200).then((well) => {
      this.claim(`${phase}: orders are taken, and it is ready`, well);
    });
  }

  /** Before an outage: the machine has acks at hand of which it has said nothing yet. */
  async makeReady() {
    this.machine.held = true;
    await this.until(() => this.machine.waiting.length >= HELD);
    this.before = {
      refused: this.refusals[0x14] ?? 0,
      unavailable: this.machine.unavailable,
      failed: await this.failedCommits(),
    };
  }

  /** In an outage: 0x14, 503 to the machine, not ready, and the process lives. */
  async saysSo(phase) {
    const { refused, unavailable, failed } = this.before;
    const dead = () => this.gateway.crashes.length > 0;
    const said = await this.until(() => (this.refusals[0x14] ?? 0) >= refused + REFUSED, dead);
    this.claim(`${phase}: the SMSC is told 0x14`, said);
    this.machine.held = false;
    this.machine.work();
    const machine = await this.until(() => this.machine.unavailable >= unavailable + 1, dead);
    this.claim(`${phase}: the machine is told 503`, machine);
    const unready = await this.until(async () => (await this.watch('/readyz')).status === 503, dead);
    this.claim(`${phase}: it is not ready`, unready, JSON.stringify(await this.watch('/readyz')));
    this.claim(`${phase}: failed commits are counted`, await this.failedCommits() > failed);
    this.claim(`${phase}: the process lives`, !dead(), this.gateway.crashes.join(', '));
  }

  /** Everything that was ever sent is dealt with once, and the gateway has stopped. */
  async settle(query) {
    clearInterval(this.paced);
    this.due = -Infinity;
    await this.until(() => this.centre.idle() && this.machine.idle()
      && this.machine.journal.size >= this.made);
    await sleep(500);
    const stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.machine.stop();
    this.centre.close();
    this.claim('it stops in order', stopped === 0, String(stopped));
    const [{ paid, ended }] = query(`
      select count(*) as paid, count(case when state in ('supplied', 'refunded') then 1 end) as ended
      from purchase where paid_ms is not null`);
    const told = this.machine.journal.size;
    this.claim('every order is paid once, and the machine was told of each',
      paid === this.made && told === this.made && ended === this.made,
      `${this.made} orders, ${paid} paid, ${told} acks, ${ended} at their end`);
    this.claim('no word of the machine was lost', this.machine.faults.length === 0,
      this.machine.faults.slice(0, 3).join('; '));
    checkBalances(this.checks, query);
  }

  /** Prints what was claimed; true when all of it held. */
  report() {
    console.log(`${this.made} orders, answers by status: ${JSON.stringify(this.refusals)}`);
    return this.checks.report();
  }
}

module.exports = { Filler, ORDERS_MAX, Outages, PHASE_WITHIN_MS };
