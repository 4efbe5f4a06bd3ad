'use strict';
// One kept-alive HTTP/1.1 connection that carries one request at a time, written to the socket by hand:
// two lanes written in the same turn reach the gateway as close together as two machines can.

const net = require('node:net');

const HEAD_END = Buffer.from('\r\n\r\n');

class HttpLane {
  constructor(port, token) {
    Object.assign(this, { port, token, resolve: null, octets: Buffer.alloc(0) });
  }

  open() {
    return new Promise((resolve, reject) => {
      this.socket = net.connect(this.port, '127.0.0.1', () => resolve(this));
      this.socket.setNoDelay(true);
      this.socket.on('data', (octets) => this.read(octets));
      const fail = (error) => {
        reject(error);
        this.resolve?.({ status: 0, body: null, text: String(error) });
        this.resolve = null;
      };
      this.socket.on('error', fail);
      this.socket.on('close', () => fail(new Error('the connection was closed')));
    });
  }

  /** Writes a request at once; the answer comes when it has been read whole. */
  ask(method, path, body) {
    const octets = body === undefined ? '' : JSON.stringify(body);
    const asked = new Promise((resolve) => { this.resolve = resolve; });
    this.socket.write(`${method} ${path} HTTP/1.1\r\nhost: gateway\r\n`
      + `authorization: Bearer ${this.token}\r\ncontent-type: application/json\r\n`
      + `content-length: ${Buffer.byteLength(octets)}\r\n\r\n${octets}`);
    return asked;
  }

  read(octets) {
    this.octets = this.octets.length === 0 ? octets : Buffer.concat([this.octets, octets]);
    const end = this.octets.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.octets.toString('latin1', 0, end);
    const length = /^content-length: (\d+)/im.exec(head);
    const from = end + HEAD_END.length;
    const to = from + Number(length?.[1] ?? 0);
    if (this.octets.length < to) return;
    const text = this.octets.toString('utf8', from, to);
    this.octets = this.octets.subarray(to);
    const resolve = this.resolve;
    this.resolve = null;
    let parsed = null;
    try { parsed = JSON.parse(text); } catch { /* told by its status */ }
    resolve?.({ status: Number(head.slice(9, 12)), body: parsed, text });
  }

  close() {
    this.socket.destroy();
  }
}

module.exports = { HttpLane };
