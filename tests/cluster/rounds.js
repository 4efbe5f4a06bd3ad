'use strict';
// Strikes a cluster that works, fault after fault, and writes down who acknowledged what when. It
// judges nothing: check.js does.
//
//   node rounds.js --dir DIR --round N --faults NAME,NAME… (--rows | --svgate BINARY --rate N --seed N)
//
// DIR is that of a cluster that is up. It gets journal.json. No two rounds in it have one number.

const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Acks } = require('./acks');
const { Purchases } = require('./purchases');
const { RowWriters } = require('./row_writers');

/** Load before a fault and after its cure, so that each strikes a cluster at work. */
const CALM_MS = 5_000;
const SERVED_WITHIN_MS = 60_000;
/** How long each fault takes with its cure and the calm before, at most; phones must not run out. */
const TAKES_S = {
  'kill-node': 20, 'kill-primary': 50, 'freeze-primary': 100, 'kill-patroni': 50,
  'freeze-patroni': 60, 'restart-all': 60,
};

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What a fault of the cluster prints: a word with its ms, and the member that it is about. */
function strike(dir, fault, heard) {
  const child = spawn(path.join(__dirname, 'fault'), [dir, fault], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const [ms, word, member] = line.split(' ');
      heard(word, Number(ms), member);
    }
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status) => resolve(status === 0 ? null : `fault ended with ${status}`));
  });
}

class Round {
  constructor(given, load, acks) {
    Object.assign(this, { given, load, acks });
    this.faults = [];
  }

  async play() {
    await this.load.start();
    while (this.first(0).includes(null)) await sleep(100);
    for (const name of this.given.faults) {
      await sleep(CALM_MS);
      await this.one(name);
    }
    await sleep(CALM_MS);
    await this.load.stop();
  }

  async one(name) {
    const { acks, load, given } = this;
    const fault = { round: given.round, name };
    this.faults.push(fault);
    const heard = (word, ms, member) => {
      fault[word] = ms;
      if (word === 'struck') fault.member = member;
    };
    fault.failure = await load.strike(name, heard, () => strike(given.dir, name, heard));
    const from = fault.leader ?? fault.cured ?? Date.now();
    while (this.first(from).includes(null) && Date.now() - from < SERVED_WITHIN_MS) await sleep(100);
    fault.served = this.first(from);
    const { struck = from } = fault;
    fault.gaps = load.servers.map((server) => acks.longestGap(server, struck, Date.now()));
    fault.acknowledged = acks.between(struck, Date.now());
    fault.calmPerS = Math.round((acks.between(struck - CALM_MS, struck) * 1000) / CALM_MS);
    this.tell(fault);
  }

  /** How long after a moment each server first acknowledged something. */
  first(ms) {
    return this.load.servers.map((server) => this.acks.firstAfter(server, ms));
  }

  tell(fault) {
    const {
      round, name, member = '', struck, leader, failure, served, gaps, calmPerS,
    } = fault;
    const seconds = (ms) => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`);
    const led = leader === undefined ? '' : `, led again after ${seconds(leader - struck)}`;
    const each = (times) => times.map(seconds).join(' and ');
    console.log(`${String(round).padStart(3)}  ${name.padEnd(14)} ${member} at ${calmPerS}/s${led}, `
      + `served then in ${each(served)}, longest silence ${each(gaps)}`
      + `${failure === null ? '' : `: ${failure}`}`);
  }
}

function options() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'boolean' },
      ...Object.fromEntries(['dir', 'round', 'faults', 'svgate', 'rate', 'seed']
        .map((name) => [name, { type: 'string' }])),
    },
  });
  const faults = values.faults.split(',');
  const strange = faults.filter((name) => TAKES_S[name] === undefined);
  if (strange.length > 0) throw new Error(`no fault is called ${strange.join(' or ')}`);
  for (const name of ['round', 'rate', 'seed']) values[name] = Number(values[name]);
  const takes = faults.reduce((sum, name) => sum + TAKES_S[name], 0) + CALM_MS / 1000;
  return { ...values, faults, orders: values.rate * takes };
}

async function main() {
  const given = options();
  const acks = new Acks();
  const load = given.rows ? new RowWriters(given.dir, acks) : new Purchases(given, acks);
  const round = new Round(given, load, acks);
  await round.play();
  const journal = { faults: round.faults, rows: given.rows ?? false, load: load.journal() };
  writeFileSync(path.join(given.dir, 'journal.json'), JSON.stringify(journal));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
