'use strict';
// The gateway on a disk that fails: full, then refusing writes, then failing to flush. Orders come all
// the time, a machine gives out all the time; what the gateway says while the disk is bad and what it does
// once it is good again is claimed at the end.
//
//   node disk.js --svgate BINARY --dir DIR --disk DIR
//
// DIR of --disk is a small file system of its own, which this fills; faults of the others are put into the
// gateway's system calls by strace.

const { spawn, spawnSync } = require('node:child_process');
const { readFileSync, rmSync, writeFileSync, appendFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { checkBalances, sqliteBooks } = require('./smsc_lib/book_claims');
const { addressed } = require('./smsc_lib/carriage');
const { MACHINES } = require('./smsc_lib/catalogue');
const { Checks } = require('./smsc_lib/checks');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { Machine } = require('./smsc_lib/machine');
const { MessageCentre } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { ORDERS_EACH, phoneOf } = require('./smsc_lib/orders');
const { Random } = require('./smsc_lib/random');

const ORDERS_MAX = 4_000;
const ORDERS_PER_S = 60;
/** Orders that are not acknowledged, at which phones wait: an SMSC sends each again and again. */
const UNSETTLED_MAX = 40;
/** Acks that the machine has not taken in hand when a fault begins: words to be refused. */
const HELD = 3;
/** Orders that go well before the first fault, and after each. */
const WELL = 60;
/** Answers 0x14, and 503 to a machine, that show what the gateway does while its disk is bad. */
const REFUSED = 5;
const PHASE_WITHIN_MS = 40_000;
const STOP_WITHIN_MS = 15_000;
const SYNCS = 'fsync,fdatasync';
const WRITES = 'pwrite64,write';

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const sumOf = (pairs) => pairs.reduce((sum, [, count]) => sum + Number(count), 0);

/** A fault in the gateway's system calls on the books, from `start` to `end`. */
class Injected {
  constructor(pid, calls, error, files) {
    const paths = files.flatMap((file) => ['-P', file]);
    this.args = ['-f', '-q', '-p', String(pid), '-o', '/dev/null', ...paths,
      '-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}`];
  }

  start() {
    this.child = spawn('strace', this.args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.over = new Promise((resolve) => { this.child.on('exit', resolve); });
  }

  async end() {
    this.child.kill('SIGINT');
    await this.over;
  }
}

class Run {
  constructor(given, site) {
    Object.assign(this, { given, site, checks: new Checks(), made: 0, settled: 0, due: 0 });
    this.refusals = {};
    const [machine] = MACHINES;
    this.code = machine.code;
    this.machine = new Machine(machine.id, site.tokens[machine.id], [site.http], new Random(1));
    this.log = path.join(given.dir, 'gateway.log');
    this.gateway = new GatewayProcess(given.svgate, site.config, this.log);
    this.centre = new MessageCentre(site.account, () => this.next());
    this.centre.on('answered', (_, status) => {
      this.refusals[status] = (this.refusals[status] ?? 0) + 1;
      if (status === 0) this.settled += 1;
    });
    this.books = ['svgate.db', 'svgate.db-wal'].map((name) => path.join(given.disk, name));
  }

  next() {
    if (this.due < 1 || this.made >= ORDERS_MAX || !this.machine.polled) return null;
    if (this.made - this.settled >= UNSETTLED_MAX) return null;
    this.due -= 1;
    const { msisdn } = phoneOf(this.made);
    this.made += 1;
    return { pdu: addressed(msisdn, { data_coding: 0, short_message: `BUY ${this.code} 12` }) };
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

  /** The machine has acks at hand of which it has said nothing yet. */
  async holdMachine() {
    this.machine.held = true;
    await this.until(() => this.machine.waiting.length >= HELD);
  }

  /** While the disk is bad: 0x14, 503 to the machine, not ready, and the process lives. */
  async saysSo(phase) {
    const refused = this.refusals[0x14] ?? 0;
    const { unavailable } = this.machine;
    const dead = () => this.gateway.crashes.length > 0;
    const said = await this.until(() => (this.refusals[0x14] ?? 0) >= refused + REFUSED, dead);
    this.claim(`${phase}: the SMSC is told 0x14`, said);
    this.machine.held = false;
    this.machine.work();
    const machine = await this.until(() => this.machine.unavailable >= unavailable + 1, dead);
    this.claim(`${phase}: the machine is told 503`, machine);
    const unready = await this.until(async () => (await this.watch('/readyz')).status === 503, dead);
    this.claim(`${phase}: it is not ready`, unready, JSON.stringify(await this.watch('/readyz')));
    const { text } = await this.watch('/metrics');
    const failed = sumOf([...text.matchAll(/^(svgate_writer_commits_failed_total) (\d+)/gm)]
      .map(([, name, count]) => [name, count]));
    this.claim(`${phase}: failed commits are counted`, failed > 0);
    this.claim(`${phase}: the process lives`, !dead(), this.gateway.crashes.join(', '));
  }

  async full() {
    await this.holdMachine();
    const filler = path.join(this.given.disk, 'filler');
    const piece = Buffer.alloc(64 * 1024);
    writeFileSync(filler, '');
    // Again and again: what a checkpoint or a look for room gives back is taken too.
    const fill = () => { try { for (;;) appendFileSync(filler, piece); } catch { /* full */ } };
    fill();
    const filling = setInterval(fill, 20);
    await this.saysSo('disk full');
    clearInterval(filling);
    rmSync(filler);
    await this.goesWell('after a full disk, by itself');
  }

  async failingWrites() {
    await this.holdMachine();
    const fault = new Injected(this.gateway.child.pid, WRITES, 'EIO', this.books);
    fault.start();
    await this.saysSo('writes fail');
    await fault.end();
    await this.goesWell('after failing writes, by itself');
  }

  /** Nobody knows what a failed flush left behind: the process ends, and the next start goes on. */
  async failingFlush(what, files) {
    const ended = this.gateway.over;
    this.gateway.child.meant = true;
    const fault = new Injected(this.gateway.child.pid, SYNCS, 'EIO', files);
    fault.start();
    const late = sleep(PHASE_WITHIN_MS);
    const end = await Promise.race([ended, late]);
    await fault.end();
    this.claim(`${what}: the process ends with status 1`, end?.code === 1, JSON.stringify(end));
    const last = readFileSync(this.log, 'utf8').trimEnd().split('\n').at(-1);
    console.log(`     it said: ${last}`);
    this.claim(`${what}: it says why`, /^svgate serve: the books: the disk failed to flush/.test(last), last);
    this.gateway.start();
    await this.goesWell(`after a new start (${what})`);
  }

  /** Everything that was ever sent is dealt with once. */
  async settle() {
    this.due = -Infinity;
    await this.until(() => this.centre.idle() && this.machine.idle()
      && this.machine.journal.size >= this.made);
    await sleep(500);
    const stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.machine.stop();
    this.centre.close();
    this.claim('it stops in order', stopped === 0, String(stopped));
    const query = sqliteBooks(this.books[0]);
    const [{ paid, ended }] = query(`
      select count(*) as paid, sum(state in ('supplied', 'refunded')) as ended
      from purchase where paid_ms is not null`);
    const told = this.machine.journal.size;
    this.claim('every order is paid once, and the machine was told of each',
      paid === this.made && told === this.made && ended === this.made,
      `${this.made} orders, ${paid} paid, ${told} acks, ${ended} at their end`);
    this.claim('no word of the machine was lost', this.machine.faults.length === 0,
      this.machine.faults.slice(0, 3).join('; '));
    checkBalances(this.checks, query);
    const [{ fine }] = query('select quick_check as fine from pragma_quick_check');
    this.claim('the database file is sound', fine === 'ok', fine);
  }

  async play() {
    await this.centre.listen(this.site.smpp);
    this.gateway.start();
    this.machine.run();
    const paced = setInterval(() => {
      this.due += ORDERS_PER_S / 20;
      this.centre.pump();
    }, 50);
    await this.goesWell('at first');
    await this.full();
    await this.failingWrites();
    await this.failingFlush('the flush of a commit fails', this.books.slice(1));
    await this.failingFlush('the flush of a checkpoint fails', this.books.slice(0, 1));
    clearInterval(paced);
    await this.settle();
    console.log(`${this.made} orders, answers by status: ${JSON.stringify(this.refusals)}`);
    return this.checks.report();
  }
}

async function main() {
  const { values: given } = parseArgs({
    options: { svgate: { type: 'string' }, dir: { type: 'string' }, disk: { type: 'string' } },
  });
  if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) {
    console.log('strace may not trace here');
    return 77;
  }
  const site = await prepare(given.svgate, given.disk, Math.ceil(ORDERS_MAX * ORDERS_EACH));
  return await new Run(given, site).play() ? 0 : 1;
}

main().then((status) => process.exit(status), (error) => {
  console.error(error);
  process.exit(1);
});
