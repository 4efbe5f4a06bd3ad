'use strict';
// The gateway as a process: started, killed with -9, started again.

const { spawn } = require('node:child_process');
const { openSync } = require('node:fs');

class GatewayProcess {
  constructor(binary, config, logFile) {
    Object.assign(this, { binary, config, log: openSync(logFile, 'a') });
    this.child = null;
    this.kills = 0;
    this.crashes = [];
  }

  start() {
    const child = spawn(this.binary, ['serve', '--config', this.config], {
      stdio: ['ignore', this.log, this.log],
    });
    this.child = child;
    // Whatever ends this test shall not leave a gateway behind.
    const along = () => child.kill('SIGKILL');
    process.on('exit', along);
    child.on('exit', () => process.off('exit', along));
    child.meant = false;
    this.over = new Promise((resolve) => {
      child.on('error', (error) => {
        this.crashes.push(String(error));
        resolve({ error });
      });
      child.on('exit', (code, signal) => {
        if (!child.meant) this.crashes.push(`it ended by itself: ${code ?? signal}`);
        resolve({ code, signal });
      });
    });
  }

  /** SIGKILL: no goodbye, nothing flushed. Resolves when the process is gone. */
  async kill9() {
    this.child.meant = true;
    this.kills += 1;
    this.child.kill('SIGKILL');
    await this.over;
  }

  /** SIGTERM; the exit status, or `timeout`. */
  async stop(withinMs) {
    this.child.meant = true;
    this.child.kill('SIGTERM');
    const late = new Promise((resolve) => { setTimeout(resolve, withinMs, 'timeout').unref(); });
    const end = await Promise.race([this.over, late]);
    if (end === 'timeout') {
      this.child.kill('SIGKILL');
      return end;
    }
    return end.code ?? end.signal;
  }
}

module.exports = { GatewayProcess };
