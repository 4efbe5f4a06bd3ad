'use strict';
// A PostgreSQL server that archives its log: backed up while it serves, lost with its data folder, and
// restored to a moment in between, as its manual says (Continuous Archiving and Point-in-Time Recovery).

const { spawn } = require('node:child_process');
const { existsSync, rmSync } = require('node:fs');
const path = require('node:path');

const {
  DatabaseServer, asServer, ownFolder, programs, runAsServer,
} = require('./database_server');

const ARCHIVED_WITHIN_MS = 20_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class ArchivedServer extends DatabaseServer {
  static async begin(dir) {
    const archive = ownFolder(path.join(dir, 'archive'));
    // A segment is there whole or not at all.
    const keep = `cp %p ${archive}/%f.part && mv ${archive}/%f.part ${archive}/%f`;
    const settings = ['archive_mode=on', `archive_command=${keep}`];
    const server = await ArchivedServer.make({ dir, data: path.join(dir, 'data'), settings });
    return Object.assign(server, { archive, base: path.join(dir, 'base') });
  }

  /** A base backup beside all that goes on; rejects when it fails. */
  backUp() {
    const place = ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'postgres'];
    const command = [path.join(programs(), 'pg_basebackup'), ...place, '-D', ownFolder(this.base)];
    const [program, ...args] = asServer([...command, '-X', 'stream', '-c', 'fast', '--no-sync']);
    const child = spawn(program, args, { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => (
        code === 0 ? resolve() : reject(new Error(`pg_basebackup ended with ${code}`))));
    });
  }

  /** Names this moment in the log; resolves when the archive reaches over it. */
  async markPoint(name) {
    const segment = this.sql(`select pg_walfile_name(pg_create_restore_point('${name}'))`);
    this.sql('select pg_switch_wal()');
    const last = Date.now() + ARCHIVED_WITHIN_MS;
    while (!existsSync(path.join(this.archive, segment))) {
      if (Date.now() > last) throw new Error(`${segment} was not archived`);
      await sleep(50);
    }
  }

  /** The loss: killed, and its data folder gone. */
  async lose() {
    await this.kill9();
    rmSync(this.data, { recursive: true });
  }

  /** Serves again, as it was at that point. */
  async restoreTo(name) {
    runAsServer(['cp', '-a', `${this.base}/.`, ownFolder(this.data)]);
    runAsServer(['touch', path.join(this.data, 'recovery.signal')]);
    this.settings.push(`restore_command=cp ${this.archive}/%f %p`, `recovery_target_name=${name}`,
      'recovery_target_action=promote');
    await this.start();
  }
}

module.exports = { ArchivedServer };
