'use strict';
// The gateway on a PostgreSQL server whose disks fill up, and which turns read-only: orders and a
// machine's words come all the time, and what the gateway says meanwhile and does afterwards is claimed.
//
//   node server_disk.js --svgate BINARY --dir DIR --data DIR --wal DIR
//
// The folders of --data and --wal are small file systems of their own, for the server's data and its log.

const { readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const { DatabaseServer } = require('./smsc_lib/database_server');
const { prepare } = require('./smsc_lib/operator');
const { ORDERS_EACH } = require('./smsc_lib/orders');
const { Filler, ORDERS_MAX, Outages } = require('./smsc_lib/outage');
const { checkProofs } = require('./smsc_lib/proofs');

/** Few segments are kept to be used again, so that a full disk is soon felt. */
const SETTINGS = ['min_wal_size=2MB', 'max_wal_size=16MB', 'checkpoint_timeout=30s'];

class Run extends Outages {
  constructor(given, site, server) {
    super(given.svgate, given.dir, site);
    Object.assign(this, { given, server });
  }

  /** An outage: what the gateway does, and the line that it logs. Returns what `begin` did. */
  async outage(phase, line, begin) {
    await this.makeReady();
    const before = readFileSync(this.log, 'utf8').length;
    const begun = begin();
    await this.saysSo(phase);
    const logged = () => line.test(readFileSync(this.log, 'utf8').slice(before));
    this.claim(`${phase}: the log says why`, await this.until(logged));
    return begun;
  }

  /** Tables can't grow, and the server says so to each commit. */
  async dataFull() {
    const remedy = /no room on its disk: make some, and it goes on by itself/;
    const filler = await this.outage('data disk full', remedy, () => new Filler(this.given.data));
    this.claim('data disk full: the server lives', !this.server.ended);
    filler.remove();
    await this.goesWell('after a full data disk, by itself');
  }

  /** The server can't log what it does: it panics, can't recover, and ends. */
  async walFull() {
    const gone = /there is no primary: nothing is taken until there is/;
    const filler = await this.outage('log disk full', gone, () => new Filler(this.given.wal));
    this.claim('log disk full: the server has ended', await this.until(() => this.server.ended));
    filler.remove();
    await this.server.start();
    await this.goesWell('after a full log disk, once the server is started');
  }

  async readOnly() {
    const refused = /cannot execute .* in a read-only transaction/;
    await this.outage('server read-only', refused, () => this.setReadOnly('on'));
    this.setReadOnly('off');
    await this.goesWell('after a read-only server, by itself');
  }

  setReadOnly(value) {
    this.server.sql(`alter system set default_transaction_read_only = ${value}`);
    this.server.sql('select pg_reload_conf()');
  }

  async play() {
    await this.begin();
    await this.dataFull();
    await this.walFull();
    await this.readOnly();
    await this.settle(this.server.books());
    await checkProofs(this.checks, this.given.svgate, this.site.config);
    return this.report();
  }
}

async function main() {
  const { values: given } = parseArgs({
    options: Object.fromEntries(['svgate', 'dir', 'data', 'wal'].map((name) => [name, { type: 'string' }])),
  });
  const { svgate, dir, data, wal } = given;
  const server = await DatabaseServer.make({ dir, data, wal, settings: SETTINGS });
  const site = await prepare(svgate, dir, Math.ceil(ORDERS_MAX * ORDERS_EACH), server.section());
  const held = await new Run(given, site, server).play();
  await server.stop();
  return held ? 0 : 1;
}

main().then((status) => process.exit(status), (error) => {
  console.error(error);
  process.exit(1);
});
