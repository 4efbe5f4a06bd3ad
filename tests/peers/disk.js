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
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { sqliteBooks } = require('./smsc_lib/book_claims');
const { prepare } = require('./smsc_lib/operator');
const { ORDERS_EACH } = require('./smsc_lib/orders');
const {
  Filler, ORDERS_MAX, Outages, PHASE_WITHIN_MS,
} = require('./smsc_lib/outage');

const SYNCS = 'fsync,fdatasync';
const WRITES = 'pwrite64,write';

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

class Run extends Outages {
  constructor(given, site) {
    super(given.svgate, given.dir, site);
    this.disk = given.disk;
    this.books = ['svgate.db', 'svgate.db-wal'].map((name) => path.join(given.disk, name));
  }

  async full() {
    await this.makeReady();
    const filler = new Filler(this.disk);
    await this.saysSo('disk full');
    filler.remove();
    await this.goesWell('after a full disk, by itself');
  }

  async failingWrites() {
    await this.makeReady();
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
    const late = new Promise((resolve) => { setTimeout(resolve, PHASE_WITHIN_MS); });
    const end = await Promise.race([ended, late]);
    await fault.end();
    this.claim(`${what}: the process ends with status 1`, end?.code === 1, JSON.stringify(end));
    const last = readFileSync(this.log, 'utf8').trimEnd().split('\n').at(-1);
    console.log(`     it said: ${last}`);
    this.claim(`${what}: it says why`, /^svgate serve: the books: the disk failed to flush/.test(last), last);
    this.gateway.start();
    await this.goesWell(`after a new start (${what})`);
  }

  async play() {
    await this.begin();
    await this.full();
    await this.failingWrites();
    await this.failingFlush('the flush of a commit fails', this.books.slice(1));
    await this.failingFlush('the flush of a checkpoint fails', this.books.slice(0, 1));
    const query = sqliteBooks(this.books[0]);
    await this.settle(query);
    const [{ fine }] = query('select quick_check as fine from pragma_quick_check');
    this.claim('the database file is sound', fine === 'ok', fine);
    return this.report();
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
