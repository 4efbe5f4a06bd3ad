'use strict';
// A vending machine: polls for acks, accepts each, gives out, reports. It repeats what got no
// answer, at the next node where there are several, and keeps a journal: its own proof of what the
// gateway let it give out.

const http = require('node:http');

const WAIT_S = 5;
const AGAIN_MS = 50;
const AT_ONCE = 12;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

class Machine {
  /**
   * `ports` are those of the nodes, of which it asks the first until that gives no answer; `atOnce` is
   * how many acks it has in hand at a time.
   */
  constructor(terminal, token, ports, random, atOnce = AT_ONCE) {
    Object.assign(this, { terminal, token, ports, random, atOnce });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: atOnce + 1 });
    this.journal = new Map();
    this.waiting = [];
    this.workers = 0;
    this.after = 0;
    this.polled = false;
    this.stopped = false;
    this.faults = [];
    this.repeats = 0;
    /** Words that the gateway answered 503. */
    this.unavailable = 0;
    /** Takes no new ack in hand while true. */
    this.held = false;
    this.finished = 0;
  }

  async run() {
    while (!this.stopped) {
      // The first poll says that the machine is there, and shall not wait.
      const wait = this.polled ? WAIT_S : 0;
      const answer = await this.ask('GET', `/acks?after=${this.after}&wait=${wait}`);
      if (answer === null) {
        // It may have been a restart: ask from the beginning, as design.md §2 says.
        this.after = 0;
        await sleep(AGAIN_MS);
      } else if (answer.status !== 200) {
        if (answer.status !== 503) this.faults.push(`poll: ${answer.status} ${answer.text}`);
        await sleep(AGAIN_MS);
      } else {
        this.polled = true;
        for (const ack of answer.body.acks) this.take(ack);
        if (answer.body.poll_again_ms > 0) await sleep(Math.min(answer.body.poll_again_ms, 200));
      }
    }
  }

  /** Whether every ack that it was shown has come to an end. */
  idle() {
    return this.workers === 0 && this.waiting.length === 0;
  }

  stop() {
    this.stopped = true;
    this.agent.destroy();
  }

  take(ack) {
    this.after = Math.max(this.after, ack.ack);
    const known = this.journal.get(ack.ack);
    if (known) {
      if (known.purchase !== ack.purchase) this.faults.push(`ack ${ack.ack} changed its purchase`);
      return;
    }
    this.journal.set(ack.ack, {
      ack: ack.ack, purchase: ack.purchase, item: ack.item, units: ack.units,
      value: ack.value_minor, currency: ack.currency, end: 'shown', supplied: null,
    });
    this.waiting.push(ack.ack);
    this.work();
  }

  work() {
    while (!this.held && this.workers < this.atOnce && this.waiting.length > 0) {
      const entry = this.journal.get(this.waiting.shift());
      this.workers += 1;
      this.serve(entry).catch((error) => this.faults.push(String(error))).finally(() => {
        this.workers -= 1;
        this.finished += 1;
        this.work();
      });
    }
  }

  /** Accept, decide, report: a jam gives nothing out, and now and then a piece sticks. */
  async serve(entry) {
    const chance = this.random.next();
    const accepted = await this.tell(entry, 'accept', { purchase: entry.purchase });
    if (accepted.status !== 200) {
      // Too late: the gateway has given the money back, and the machine gives nothing out.
      entry.end = `not accepted: ${accepted.body?.ack?.state ?? accepted.status}`;
      return;
    }
    let report = { result: 'supplied' };
    [entry.end, entry.supplied] = ['supplied', entry.units];
    if (chance < 0.07) {
      report = { result: 'failed', reason: 'coil jammed' };
      [entry.end, entry.supplied] = ['failed', 0];
    } else if (chance < 0.5 && entry.units > 1) {
      report = { result: 'supplied', supplied_units: entry.units - 1 };
      [entry.end, entry.supplied] = ['part', entry.units - 1];
    }
    const told = await this.tell(entry, 'result', { ...report, purchase: entry.purchase });
    if (told.status !== 200) {
      this.faults.push(`result ${entry.ack} ${entry.end}: ${told.status} ${told.text}`);
    }
    entry.state = told.body?.state;
  }

  /** Says a word until it is answered. */
  async tell(entry, word, body) {
    for (;;) {
      const answer = await this.ask('POST', `/acks/${entry.ack}/${word}`, body);
      if (answer !== null && answer.status !== 503 && answer.status !== 504) return answer;
      if (this.stopped) return { status: 0, text: 'the test was over' };
      this.repeats += 1;
      if (answer?.status === 503) this.unavailable += 1;
      await sleep(AGAIN_MS);
    }
  }

  /** One request; null when there was no answer. */
  async ask(method, path, body) {
    const [port] = this.ports;
    const answer = await this.askAt(port, method, path, body);
    // What was under way at the same time turns to the next node only once.
    const turns = (answer === null || answer.status === 503) && this.ports[0] === port;
    if (turns) this.ports = [...this.ports.slice(1), port];
    return answer;
  }

  askAt(port, method, path, body) {
    const headers = { authorization: `Bearer ${this.token}` };
    const octets = body === undefined ? undefined : JSON.stringify(body);
    if (octets !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(octets);
    }
    const options = {
      host: '127.0.0.1', port, method, path: `/v1/terminals/${this.terminal}${path}`,
      headers, agent: this.agent, timeout: (WAIT_S + 5) * 1000,
    };
    return new Promise((resolve) => {
      const request = http.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece) => { text += piece; });
        response.on('error', () => resolve(null));
        response.on('aborted', () => resolve(null));
        response.on('end', () => {
          let parsed = null;
          try { parsed = JSON.parse(text); } catch { /* told by its status */ }
          resolve({ status: response.statusCode, body: parsed, text });
        });
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(null));
      request.end(octets);
    });
  }
}

module.exports = { Machine };
