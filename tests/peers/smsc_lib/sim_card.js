'use strict';
// One SIM: its keys, the counter that it raises before each use, the confirmations that it opens.

const { simKey } = require('./aes_cmac');
const { decodeReply, encodeOrder } = require('./applet_data');
const { open, seal } = require('./command_packet');

/** What every card of the test's operator agrees on with the gateway: its kill9.toml. */
const PROFILE = {
  spi: Buffer.from([0x16, 0x00]), kicOctet: 0x12, kidOctet: 0x12, ccOctets: 8,
};
const ORDERS_TAR = Buffer.from('b2f001', 'hex');
const CONFIRMATIONS_TAR = Buffer.from('b2f002', 'hex');

/** An ICCID of 19 digits with its Luhn digit: 89 49 02, then the number of the card. */
function iccidOf(number) {
  const digits = `894902${String(number).padStart(12, '0')}`;
  let sum = 0;
  [...digits].reverse().forEach((digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  });
  return digits + ((10 - (sum % 10)) % 10);
}

/** EF.ICCID (TS 102 221 §13.2): digits swapped in pairs, F after the nineteenth. */
function efIccid(iccid) {
  const digits = iccid.padEnd(20, 'F');
  return Buffer.from(digits.replace(/(.)(.)/g, '$2$1'), 'hex');
}

/** The 32 octets in the file that `svgate keys init` made: the test is its own operator. */
function readMaster(text) {
  const match = /^svgate-master-1 ([0-9a-f]{64})\s*$/.exec(text);
  if (!match) throw new Error('not a master key file');
  return Buffer.from(match[1], 'hex');
}

class SimCard {
  constructor(master, iccid, keyVersion) {
    const key = (use) => simKey(master, use, keyVersion, efIccid(iccid));
    this.mo = { ...PROFILE, tar: ORDERS_TAR, kic: key('mo-kic'), kid: key('mo-kid') };
    this.mt = { ...PROFILE, tar: CONFIRMATIONS_TAR, kic: key('mt-kic'), kid: key('mt-kid') };
    this.counter = 0;
    this.heard = 0;
    this.opened = new Map();
  }

  /** Seals an order under the next counter. */
  seal(order) {
    this.counter += 1;
    return seal({ ...this.mo, counter: this.counter }, encodeOrder(order));
  }

  /** A packet that is no SIM's: right in all but one bit of its checksum, in the ciphered part. */
  forge(order) {
    const packet = seal({ ...this.mo, counter: this.counter + 1 }, encodeOrder(order));
    packet[packet.length - 1] ^= 0x01;
    return packet;
  }

  /**
   * Opens a confirmation as the card does. The same octets again are no news (the gateway may send
   * twice what it did not see acknowledged); a counter that is not higher is refused by the card,
   * so an answer that came out of order would be lost to its subscriber: it throws. Not so where two
   * SMSCs race with their answers: the network alone is the cause of their order then.
   */
  confirm(packet, inOrder = true) {
    const { counter, data, spi } = open(this.mt, packet);
    const octets = packet.toString('hex');
    if (this.opened.get(counter) === octets) return null;
    const late = counter <= this.heard;
    if (late && inOrder) throw new Error(`counter ${counter} is not above ${this.heard}`);
    this.heard = Math.max(this.heard, counter);
    this.opened.set(counter, octets);
    return { counter, spi: spi.toString('hex'), ...decodeReply(data) };
  }
}

module.exports = { SimCard, efIccid, iccidOf, readMaster };
