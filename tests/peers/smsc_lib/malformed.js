'use strict';
// PDUs that nobody should send and somebody does: written to the bound connection as raw octets.
// Each must be answered by its own sequence number, and the link must stay.

const GENERIC_NACK = 0x80000000;
const RINVCMDLEN = 0x02;
const SUBMIT_SM = 0x00000004;
const DELIVER_SM = 0x00000005;
const DATA_SM = 0x00000103;
const FIRST_SEQUENCE = 0x60000000;
const ANY_ERROR = 'an error';
const ANY = 'any status';

function pdu(command, sequence, body) {
  const octets = Buffer.alloc(16 + body.length);
  octets.writeUInt32BE(octets.length, 0);
  octets.writeUInt32BE(command, 4);
  octets.writeUInt32BE(sequence, 12);
  body.copy(octets, 16);
  return octets;
}

/** The body of a deliver_sm from nobody's number: were it taken for an order, it would show. */
function body({ source = '4999', esmClass = 0, coding = 0, length, message, tail = '' }) {
  const text = Buffer.from(message, 'latin1');
  return Buffer.concat([
    Buffer.from([0, 1, 1]), Buffer.from(`${source}\0`, 'latin1'),
    Buffer.from([0, 1]), Buffer.from('778\0', 'latin1'),
    Buffer.from([esmClass, 0, 0, 0, 0, 0, 0, coding, 0, length ?? text.length]),
    text, Buffer.from(tail, 'latin1'),
  ]);
}

/** name, command, body, command of the answer, and what its status must be. */
const KINDS = [
  ['a body that is cut off', DELIVER_SM, Buffer.from([0, 1, 1, 0x34]),
    'deliver_sm_resp', ANY_ERROR],
  ['no body at all', DELIVER_SM, Buffer.alloc(0), 'deliver_sm_resp', ANY_ERROR],
  ['sm_length beyond the end', DELIVER_SM, body({ message: 'BUY 4711 12', length: 99 }),
    'deliver_sm_resp', ANY_ERROR],
  ['a TLV beyond the end', DELIVER_SM, body({ message: 'HELP', tail: '\x04\x24\x00\xffBUY' }),
    'deliver_sm_resp', ANY],
  ['half a TLV', DELIVER_SM, body({ message: 'HELP', tail: '\x04\x24\x00' }),
    'deliver_sm_resp', ANY],
  ['an address that does not end', DELIVER_SM, Buffer.alloc(300, 0x39),
    'deliver_sm_resp', ANY_ERROR],
  ['an address in Latin-1', DELIVER_SM, body({ source: 'K\xf6nig', message: 'BUY 4711 12' }),
    'deliver_sm_resp', ANY],
  ['a header longer than the message', DELIVER_SM,
    body({ esmClass: 0x40, message: '\x20\x70\x00' }), 'deliver_sm_resp', ANY],
  ['a packet of 3 octets', DELIVER_SM,
    body({ esmClass: 0x40, coding: 0xf6, message: '\x02\x70\x00\x00\x00\x01' }),
    'deliver_sm_resp', ANY],
  ['data_sm that is cut off', DATA_SM, Buffer.from([0, 1]), 'data_sm_resp', ANY_ERROR],
  ['a command that does not exist', 0x00000777, Buffer.from('hello'), 'generic_nack', ANY_ERROR],
  ['a command of the other side', SUBMIT_SM, body({ message: 'BUY 4711 12' }),
    'generic_nack', ANY_ERROR],
];

class Malformed {
  constructor(centre) {
    this.centre = centre;
    this.count = 0;
    this.open = new Map();
    this.faults = [];
    this.answered = {};
    this.step = { broken: false, nacked: false, bound: false };
    centre.on('raw', (response) => this.heard(response));
    centre.on('gone', () => this.lost());
    centre.on('bound', () => { this.step.bound = this.step.broken; });
  }

  /** A length that cannot be true: nothing behind it can be read, so the gateway must bind anew. */
  breakStep() {
    if (!this.centre.session || this.step.broken) return;
    this.step.broken = true;
    this.centre.session.socket.write(Buffer.from([0, 0, 0, 3]));
  }

  /** Writes the next one, and an enquire_link behind it: the link must still be in step. */
  inject() {
    const session = this.centre.session;
    if (!session) return;
    const kind = KINDS[this.count % KINDS.length];
    const sequence = FIRST_SEQUENCE + this.count;
    this.count += 1;
    this.open.set(sequence, { kind, at: Date.now() });
    session.socket.write(pdu(kind[1], sequence, kind[2]));
    const check = { kind: ['enquire_link after it'], at: Date.now() };
    this.open.set(check, check);
    session.enquire_link({}, () => this.open.delete(check));
  }

  heard(response) {
    const nack = response.command_id === GENERIC_NACK && response.sequence_number === 0;
    if (this.step.broken && nack && response.command_status === RINVCMDLEN) this.step.nacked = true;
    const found = this.open.get(response.sequence_number);
    if (!found) return;
    this.open.delete(response.sequence_number);
    const [name, , , command, demand] = found.kind;
    const wrong = response.command !== command
      || (demand === ANY_ERROR && response.command_status === 0);
    const said = `${response.command} 0x${response.command_status.toString(16)}`;
    if (wrong) this.faults.push(`${name}: ${said}`);
    this.answered[`${name}: ${said}`] = (this.answered[`${name}: ${said}`] ?? 0) + 1;
  }

  /** A kill takes its answers along; anything else that ends the link counts against it. */
  lost() {
    this.open.clear();
  }

  /** What a living gateway has not answered within the time the network would wait. */
  unanswered() {
    const before = Date.now() - 5000;
    return [...this.open.values()].filter(({ at }) => at < before).map(({ kind }) => kind[0]);
  }
}

module.exports = { Malformed };
