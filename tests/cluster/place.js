'use strict';
// Where a cluster's servers are, and which of them is the primary to believe.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { EventEmitter } = require('node:events');

const { Psql } = require('./psql');

const MEMBERS = ['pg1', 'pg2', 'pg3'];
const ASKED_EACH_MS = 250;
const ANSWERS_WITHIN_MS = 1000;
/** A primary's timeline; nothing from a standby. */
const TIMELINE = `select case when pg_is_in_recovery() then null else
  ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 end`;

/** The first of the cluster's ports, as `up` wrote it down. */
function basePort(dir) {
  const text = readFileSync(path.join(dir, 'cluster.env'), 'utf8');
  return Number(/^BASE_PORT=(\d+)$/m.exec(text)[1]);
}

/** The members as the user `svgate` reaches them. */
function placesIn(dir) {
  const base = basePort(dir);
  const password = readFileSync(path.join(dir, 'svgate.password'), 'utf8').trim();
  return MEMBERS.map((name, i) => ({
    name, host: '127.0.0.1', port: base + 11 + i, user: 'svgate', database: 'svgate', password,
  }));
}

/**
 * Follows the primary of the highest timeline and never goes back: one whose Patroni is dead or
 * frozen still calls itself a primary. Emits `moved` when another one is to be believed.
 */
class Primary extends EventEmitter {
  constructor(places) {
    super();
    this.setMaxListeners(0);
    this.asking = places.map((place) => ({ place, psql: null }));
    this.place = null;
    this.timeline = 0;
    this.stopped = false;
  }

  start() {
    for (const one of this.asking) this.watch(one);
  }

  stop() {
    this.stopped = true;
    for (const { psql } of this.asking) psql?.kill();
  }

  async watch(one) {
    while (!this.stopped) {
      try {
        if (one.psql === null || one.psql.ended) one.psql = new Psql(one.place);
        const [timeline] = await one.psql.ask(TIMELINE, ANSWERS_WITHIN_MS);
        if (timeline) this.believe(one.place, Number(timeline));
      } catch {
        // A server that is away is no news: another one will answer.
      }
      await new Promise((resolve) => { setTimeout(resolve, ASKED_EACH_MS); });
    }
  }

  believe(place, timeline) {
    const another = timeline > this.timeline
      || (timeline === this.timeline && place !== this.place);
    if (!another) return;
    Object.assign(this, { place, timeline });
    this.emit('moved');
  }
}

module.exports = { Primary, basePort, placesIn };
