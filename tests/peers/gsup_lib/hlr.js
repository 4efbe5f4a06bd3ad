'use strict';
// osmo-hlr as a process, with the route that leads to the gateway.

const { spawn } = require('node:child_process');
const { openSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');

/** GSUP's port can't be chosen, so the test has an address of its own. */
const HOST = '127.0.0.31';
const PORT = 4222;
const UP_WITHIN_MS = 10_000;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class Hlr {
  constructor(dir, euse) {
    this.dir = dir;
    this.log = openSync(path.join(dir, 'hlr.log'), 'a');
    this.config = path.join(dir, 'hlr.cfg');
    writeFileSync(this.config, `log stderr
 logging filter all 1
 logging color 0
 logging print category 1
 logging level set-all info
line vty
 bind ${HOST}
ctrl
 bind ${HOST}
hlr
 database ${path.join(dir, 'hlr.db')}
 subscriber-create-on-demand no-msisdn none
 gsup
  bind ip ${HOST}
  ipa-name unnamed-HLR
 euse ${euse}
 ussd route prefix *778 external ${euse}
`);
  }

  async start() {
    const child = spawn('osmo-hlr', ['-c', this.config], {
      cwd: this.dir, stdio: ['ignore', this.log, this.log],
    });
    const along = () => child.kill('SIGKILL');
    process.on('exit', along);
    child.on('exit', () => process.off('exit', along));
    this.child = child;
    this.over = new Promise((resolve) => { child.on('exit', resolve); });
    const by = Date.now() + UP_WITHIN_MS;
    while (!await listens()) {
      if (Date.now() > by) throw new Error('osmo-hlr does not listen');
      await sleep(50);
    }
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.over;
  }
}

function listens() {
  return new Promise((resolve) => {
    const socket = net.connect(PORT, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

module.exports = { HOST, Hlr, PORT };
