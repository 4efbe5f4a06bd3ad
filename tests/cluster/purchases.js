'use strict';
// Two nodes at work: each with an SMSC and phones of its own, and vending machines that ask either.
// Nodes that end are started again, as a service manager does.

const { readFileSync } = require('node:fs');
const path = require('node:path');

const { nodesIn } = require('./nodes');
const { placesIn } = require('./place');
const { postgresBooks } = require('../peers/smsc_lib/book_claims');
const { MACHINES } = require('../peers/smsc_lib/catalogue');
const { GatewayProcess } = require('../peers/smsc_lib/gateway_process');
const { Machine } = require('../peers/smsc_lib/machine');
const { MessageCentre } = require('../peers/smsc_lib/message_centre');
const { importSubscribers } = require('../peers/smsc_lib/operator');
const { phonesFor } = require('../peers/smsc_lib/orders');
const { Phones } = require('../peers/smsc_lib/phones');
const { Random } = require('../peers/smsc_lib/random');
const { readMaster } = require('../peers/smsc_lib/sim_card');

/** Numbers of phones that each round may take: no phone is in two rounds. */
const PHONES_A_ROUND = 200_000;
/** Acks that machines have not finished, at which the crowd waits. */
const UNFINISHED_MAX = 1_500;
/** Acks that a machine has in hand: each waits for two commits on two servers, and six give 1,000/s. */
const IN_HAND = 40;
/** A first poll may be answered before its sign of life is in the books, which both nodes read. */
const ALIVE_AFTER_MS = 1_000;
const PACED_EACH_MS = 20;
/** Orders that may be made up for at once after a silence. */
const MADE_UP_FOR_S = 0.5;
const STARTED_AGAIN_AFTER_MS = 1_000;
/** A node that was killed stays away for so long. */
const AWAY_MS = 3_000;
const SETTLED_WITHIN_MS = 120_000;
const QUIET_MS = 2_000;
const STOP_WITHIN_MS = 15_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** One node with its SMSC and its phones. */
class Site {
  constructor(given, site, node, phones, acks) {
    Object.assign(this, { name: node.name, node, phones, acks });
    const log = path.join(node.folder, 'gateway.log');
    this.gateway = new GatewayProcess(given.svgate, node.config, log);
    this.centre = new MessageCentre(site.account, () => this.next());
    this.due = 0;
    this.perS = given.rate / 2;
    this.refusals = {};
    this.ends = [];
    this.away = false;
    this.over = false;
    this.copies = [];
    this.mayOrder = () => true;
  }

  async start() {
    await this.centre.listen(this.node.ports.smpp);
    this.keeping = this.keep();
    this.pacing = setInterval(() => {
      this.due = Math.min(this.due + (this.perS * PACED_EACH_MS) / 1000, this.perS * MADE_UP_FOR_S);
      this.centre.pump();
    }, PACED_EACH_MS);
  }

  /** Starts the node whenever it has ended. */
  async keep() {
    while (!this.over) {
      this.gateway.start();
      await this.gateway.over;
      if (!this.gateway.child.meant) this.ends.push(Date.now());
      await sleep(STARTED_AGAIN_AFTER_MS);
      while (this.away && !this.over) await sleep(50);
    }
  }

  next() {
    const copy = this.copies.shift();
    if (copy) return copy;
    // Copies and parts of an order that was made go on; a new one waits for its time.
    if (this.phones.ready.length === 0) {
      if (this.due < 1 || !this.mayOrder()) return null;
      this.due -= 1;
    }
    return this.phones.next();
  }

  answered(delivery, status) {
    if (status !== 0) {
      const name = `0x${status.toString(16)}`;
      this.refusals[name] = (this.refusals[name] ?? 0) + 1;
    } else if (delivery.order?.expect === 'paid') {
      this.acks.add(this.name);
    }
  }

  settled() {
    return this.phones.exhausted && this.centre.idle() && this.copies.length === 0
      && this.phones.settled === this.phones.orders.length;
  }

  async stop() {
    clearInterval(this.pacing);
    this.over = true;
    this.stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.centre.close();
  }
}

class Purchases {
  constructor(given, acks) {
    this.given = given;
    const site = nodesIn(given.svgate, given.dir);
    const random = new Random(given.seed);
    const master = readMaster(readFileSync(path.join(given.dir, 'nodes', 'master.key'), 'utf8'));
    const each = Math.ceil(given.orders / site.nodes.length);
    this.sites = site.nodes.map((node, i) => {
      const first = given.round * PHONES_A_ROUND + i * (PHONES_A_ROUND / 2);
      importSubscribers(given.svgate, node.config, first, phonesFor(each));
      const phones = new Phones(each, master, random.fork(), first);
      return new Site(given, site, node, phones, acks);
    });
    const ports = site.nodes.map((node) => node.ports.http);
    this.machines = MACHINES.map(({ id }, i) => {
      const nearest = i % 2 === 0 ? ports : [...ports].reverse();
      return new Machine(id, site.tokens[id], nearest, random.fork(), IN_HAND);
    });
    this.struck = 0;
    this.open = false;
    this.faults = [];
    this.wire();
  }

  get servers() {
    return this.sites.map(({ name }) => name);
  }

  wire() {
    for (const [i, site] of this.sites.entries()) {
      const other = this.sites[1 - i];
      site.mayOrder = () => this.open && this.unfinished() < UNFINISHED_MAX;
      site.phones.elsewhere = (deliveries) => other.copies.push(...deliveries);
      site.centre.on('answered', (delivery, status) => {
        site.answered(delivery, status);
        // A copy that was answered elsewhere is as good as its original.
        this.phonesOf(delivery.pdu.source_addr, site).answered(delivery, status);
      });
      site.centre.on('submit', (pdu) => this.phonesOf(pdu.destination_addr, site).hear(pdu));
      site.centre.on('fault', (error) => this.faults.push(`SMPP of ${site.name}: ${error.message}`));
    }
  }

  phonesOf(msisdn, site) {
    return (this.sites.find(({ phones }) => phones.byMsisdn.has(msisdn)) ?? site).phones;
  }

  unfinished() {
    return this.machines.reduce((sum, { journal, finished }) => sum + journal.size - finished, 0);
  }

  async start() {
    this.started = Date.now();
    await Promise.all(this.sites.map((site) => site.start()));
    this.machines.forEach((machine) => machine.run());
    while (!this.machines.every(({ polled }) => polled)) await sleep(50);
    await sleep(ALIVE_AFTER_MS);
    this.open = true;
  }

  /** A fault of the nodes, with or without one of the cluster; null when it is the cluster's alone. */
  strike(name, heard, cluster) {
    if (name === 'kill-node') return this.killNode(heard);
    if (name === 'restart-all') {
      return Promise.all([cluster(), ...this.sites.map(({ gateway }) => gateway.kill9())])
        .then(([failure]) => failure);
    }
    return cluster();
  }

  async killNode(heard) {
    const site = this.sites[this.struck % this.sites.length];
    this.struck += 1;
    heard('struck', Date.now(), site.name);
    site.away = true;
    await site.gateway.kill9();
    await sleep(AWAY_MS);
    site.away = false;
    heard('cured', Date.now(), site.name);
    return null;
  }

  /** Lets everything that was ordered come to its end, or stand still for too long. */
  async stop() {
    for (const { phones } of this.sites) phones.endOrders();
    const since = Date.now();
    const done = () => this.sites.every((site) => site.settled())
      && this.machines.every((machine) => machine.idle());
    while (!done() && Date.now() - since < SETTLED_WITHIN_MS) await sleep(100);
    await this.valueIsBack(since);
    await sleep(QUIET_MS);
    await Promise.all(this.sites.map((site) => site.stop()));
    this.machines.forEach((machine) => machine.stop());
  }

  /** A node that was started anew gives value back once machines have had their time to answer. */
  async valueIsBack(since) {
    const books = postgresBooks(placesIn(this.given.dir));
    const waiting = () => books("select count(*) as n from purchase where state = 'refunding'");
    while (waiting()[0].n > 0 && Date.now() - since < SETTLED_WITHIN_MS) await sleep(1_000);
  }

  journal() {
    const { sites, machines } = this;
    return {
      started_ms: this.started,
      orders: sites.flatMap(({ phones }) => phones.journal()),
      machines: machines.map(({ terminal, faults, repeats, journal }) => ({
        terminal, faults, repeats, acks: [...journal.values()],
        first: Math.min(...journal.keys()),
      })),
      faults: [...this.faults, ...sites.flatMap(({ phones }) => phones.faults)],
      nodes: sites.map(({ name, centre, phones, gateway, refusals, ends, stopped }) => ({
        name, counts: { ...phones.counts, ...centre.counts }, kills: gateway.kills, refusals, ends,
        stopped,
      })),
    };
  }
}

module.exports = { Purchases };
