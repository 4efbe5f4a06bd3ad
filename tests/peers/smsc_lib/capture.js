'use strict';
// tshark beside a run: what passes on one port of the loopback interface goes to a file.

const { spawn } = require('node:child_process');

const STARTS_WITHIN_MS = 15_000;
/** The kernel hands packets over in blocks: the last ones come late. */
const DELIVERED_WITHIN_MS = 2_000;

class Capture {
  /** Resolves when tshark listens, or with null when it may not, as in some containers. */
  static start(port, file) {
    const args = ['-q', '-i', 'lo', '-f', `tcp port ${port}`, '-w', file];
    const child = spawn('tshark', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return new Promise((resolve) => {
      let said = '';
      const late = setTimeout(() => resolve(new Capture(child)), STARTS_WITHIN_MS);
      const settle = (capture) => {
        clearTimeout(late);
        resolve(capture);
      };
      child.on('error', () => settle(null));
      child.on('exit', () => settle(null));
      child.stderr.setEncoding('utf8');
      child.stderr.on('data', (text) => {
        said += text;
        // dumpcap says so when the interface is open; packets from now on are seen.
        if (said.includes('Capturing on')) setTimeout(settle, 500, new Capture(child));
      });
    });
  }

  constructor(child) {
    this.child = child;
    this.over = new Promise((resolve) => { child.on('exit', resolve); });
  }

  /** Ends the capture; resolves when the file is whole. */
  async stop() {
    if (this.child.exitCode !== null) return;
    await new Promise((resolve) => { setTimeout(resolve, DELIVERED_WITHIN_MS); });
    this.child.kill('SIGINT');
    await this.over;
  }
}

module.exports = { Capture };
