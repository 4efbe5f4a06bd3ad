'use strict';
// A PostgreSQL server of the test's own: made, started, killed with -9, started again. Where root
// runs the test it runs as the user that Debian's package made, for it refuses root.

const { execFileSync, spawn } = require('node:child_process');
const {
  chmodSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync,
} = require('node:fs');
const path = require('node:path');

const { postgresBooks } = require('./book_claims');
const { freePorts } = require('./free_ports');

const VERSIONS = '/usr/lib/postgresql';
const USER = 'postgres';
/** Who the gateway logs in as, and owns the database of the same name. */
const GATEWAY = 'svgate';
const ANSWERS_WITHIN_MS = 20_000;
/** Reached by TCP alone, as a gateway's database is. */
const SETTINGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories='];

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** The newest server's programs. */
function programs() {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const found = versions.filter((version) => existsSync(path.join(VERSIONS, version, 'bin/initdb')));
  if (found.length === 0) throw new Error(`no PostgreSQL server in ${VERSIONS}`);
  return path.join(VERSIONS, found.sort((a, b) => b - a)[0], 'bin');
}

/** A command as the servers' user: its program, and the arguments. */
function asServer(command) {
  if (process.getuid() !== 0) return command;
  return ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups', ...command];
}

function runAsServer(command) {
  const [program, ...args] = asServer(command);
  return execFileSync(program, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A folder that is the servers' user's own. */
function ownFolder(folder) {
  mkdirSync(folder, { recursive: true });
  if (process.getuid() === 0) execFileSync('chown', [`${USER}:`, folder]);
  chmodSync(folder, 0o700);
  return folder;
}

class DatabaseServer {
  /** `data` and `wal` are folders, empty or not there yet; `settings` are as on the command line. */
  static async make({ dir, data, wal = null, settings = [] }) {
    // The servers' user must get through to its own folders.
    chmodSync(dir, 0o711);
    const init = ['-D', ownFolder(data), '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
    // Segments of 1 MB: a small disk has room for some, and an archive gets them soon.
    init.push('--wal-segsize=1', '--no-sync');
    if (wal !== null) init.push('--waldir', ownFolder(wal));
    runAsServer([path.join(programs(), 'initdb'), ...init]);
    const [port] = await freePorts(1);
    const server = new this(dir, data, port, settings);
    await server.start();
    server.sql(`create role ${GATEWAY} login`);
    server.sql(`create database ${GATEWAY} owner ${GATEWAY}`);
    return server;
  }

  constructor(dir, data, port, settings) {
    this.logFile = path.join(dir, 'server.log');
    Object.assign(this, { data, port, settings, child: null, ended: true });
  }

  /** The section of the gateway's configuration that says where the books are. */
  section() {
    return `[store.postgres]\nhosts = ["127.0.0.1:${this.port}"]\n`
      + `database = "${GATEWAY}"\nuser = "${GATEWAY}"`;
  }

  /** Reads the books as psql does. */
  books() {
    return postgresBooks([{
      host: '127.0.0.1', port: this.port, user: GATEWAY, database: GATEWAY, password: '',
    }]);
  }

  /** Resolves when it answers as a primary; rejects when it ends before, or stays away. */
  async start() {
    const settings = [...SETTINGS, ...this.settings].flatMap((setting) => ['-c', setting]);
    const command = [path.join(programs(), 'postgres'), '-D', this.data, '-p', String(this.port)];
    const [program, ...args] = asServer([...command, ...settings]);
    const log = openSync(this.logFile, 'a');
    this.child = spawn(program, args, { cwd: '/', stdio: ['ignore', log, log] });
    this.ended = false;
    // Whatever ends this test shall not leave a server behind.
    const along = () => this.child.kill('SIGQUIT');
    process.on('exit', along);
    this.over = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        process.off('exit', along);
        this.ended = true;
        resolve(code ?? signal);
      });
    });
    const last = Date.now() + ANSWERS_WITHIN_MS;
    while (!this.isPrimary()) {
      if (this.ended || Date.now() > last) {
        throw new Error(`the server does not start:\n${readFileSync(this.logFile, 'utf8').slice(-2000)}`);
      }
      await sleep(100);
    }
  }

  isPrimary() {
    try {
      return this.sql('select pg_is_in_recovery()') === 'f';
    } catch {
      return false;
    }
  }

  /** What a statement of the superuser's returned. */
  sql(statement, database = USER) {
    const args = ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(this.port)];
    return execFileSync('psql', [...args, '-U', USER, '-d', database, '-c', statement], {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, PGCONNECT_TIMEOUT: '5' },
    }).trim();
  }

  /** An end in order, for all sessions at once. */
  async stop() {
    this.child.kill('SIGINT');
    return this.over;
  }

  /** SIGKILL, to the sessions too: nothing is flushed, nobody says goodbye. */
  async kill9() {
    const { pid } = this.child;
    const sessions = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    for (const one of [pid, ...sessions.filter(Boolean).map(Number)]) {
      try { process.kill(one, 'SIGKILL'); } catch { /* it ended in between */ }
    }
    await this.over;
  }
}

module.exports = {
  DatabaseServer, asServer, ownFolder, programs, runAsServer,
};
