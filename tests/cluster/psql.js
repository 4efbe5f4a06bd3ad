'use strict';
// One psql that stays: it is given statements and says what they returned, or that it is gone.

const { spawn } = require('node:child_process');

const DONE = '--done--';

class Psql {
  /** `place` has host, port, user, password and database. */
  constructor(place) {
    const { host, port, user, password, database } = place;
    const url = ['-h', host, '-p', String(port), '-U', user, '-d', database];
    this.child = spawn('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...url], {
      env: { ...process.env, PGPASSWORD: password, PGCONNECT_TIMEOUT: '2' },
    });
    Object.assign(this, { lines: [], rest: '', said: '', asked: null, ended: false });
    this.child.stdout.setEncoding('utf8').on('data', (text) => this.hear(text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.said += text; });
    // A psql that ends while it is written to: its exit says so.
    this.child.stdin.on('error', () => {});
    this.child.on('error', (error) => this.over(error.message));
    this.child.on('close', () => this.over(this.said.trim() || 'psql ended'));
  }

  /** Lines of one statement; rejects with what went wrong, or after `withinMs` (0: never). */
  ask(sql, withinMs = 0) {
    if (this.ended) return Promise.reject(new Error(this.said.trim() || 'psql ended'));
    return new Promise((resolve, reject) => {
      const late = withinMs > 0 ? setTimeout(() => {
        this.said = `no answer within ${withinMs} ms`;
        this.kill();
      }, withinMs) : undefined;
      this.asked = { resolve, reject, late };
      this.child.stdin.write(`${sql};\n\\echo ${DONE}\n`);
    });
  }

  kill() {
    this.child.kill('SIGKILL');
    this.over(this.said.trim() || 'killed');
  }

  hear(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) {
      if (line === DONE) this.answer();
      else this.lines.push(line);
    }
  }

  answer() {
    const { asked, lines } = this;
    Object.assign(this, { asked: null, lines: [] });
    clearTimeout(asked?.late);
    // A cancelled wait for the standby answers success with a warning: nobody knows then.
    if (/WARNING/.test(this.said)) asked?.reject(new Error(this.said));
    else asked?.resolve(lines);
  }

  over(why) {
    this.ended = true;
    clearTimeout(this.asked?.late);
    this.asked?.reject(new Error(why));
    this.asked = null;
  }
}

module.exports = { Psql };
