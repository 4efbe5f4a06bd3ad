'use strict';
// The simplest client that must lose nothing: each writer numbers its rows, one a commit, and goes
// on to the next number only once the last was acknowledged. It proves the cluster and these
// scripts without the gateway.

const { Primary, placesIn } = require('./place');
const { Psql } = require('./psql');

const WRITERS = 8;
const PAUSE_MS = 3;
const AGAIN_MS = 100;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class RowWriters {
  constructor(dir, acks) {
    this.primary = new Primary(placesIn(dir));
    this.acks = acks;
    this.acknowledged = Array(WRITERS).fill(0);
    this.repeats = 0;
    this.over = false;
  }

  get servers() {
    return ['rows'];
  }

  async start() {
    this.primary.start();
    while (!this.primary.place) await sleep(AGAIN_MS);
    const psql = new Psql(this.primary.place);
    await psql.ask(`drop table if exists probe;
      create table probe (writer int, n int, primary key (writer, n))`);
    psql.kill();
    this.writing = this.acknowledged.map((_, writer) => this.write(writer));
  }

  strike(name, heard, cluster) {
    return cluster();
  }

  async stop() {
    this.over = true;
    await Promise.all(this.writing);
    this.primary.stop();
  }

  async write(writer) {
    let psql = null;
    this.primary.on('moved', () => psql?.kill());
    while (!this.over) {
      try {
        if (psql === null || psql.ended) psql = new Psql(this.primary.place);
        const n = this.acknowledged[writer] + 1;
        // What got no answer may be there already, or still wait for a standby.
        await psql.ask(`insert into probe values (${writer}, ${n}) on conflict do nothing`);
        this.acknowledged[writer] = n;
        this.acks.add('rows');
        await sleep(PAUSE_MS);
      } catch {
        this.repeats += 1;
        await sleep(AGAIN_MS);
      }
    }
    psql?.kill();
  }

  journal() {
    return { acknowledged: this.acknowledged, repeats: this.repeats };
  }
}

module.exports = { RowWriters };
