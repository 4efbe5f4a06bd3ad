'use strict';
// The command packet of ETSI TS 102 225 §5.1 in a short message, 3GPP TS 31.115 §4.2.
//
//   | CPL 2 | CHL 1 | SPI 2 | KIc 1 | KID 1 | TAR 3 | CNTR 5 | PCNTR 1 | CC | data | padding |
//                                                   +------------ ciphered ----------------+

const { timingSafeEqual } = require('node:crypto');
const { BLOCK, cmac, decipher, encipher } = require('./aes_cmac');

/** UDHL, IEI 70 (command packet), length 0. */
const COMMAND_HEADER = Buffer.from([0x02, 0x70, 0x00]);
const CIPHERED = 0x04;
const HEADER_OCTETS = 13;

/** A packet from CPL on, under the keys kic and kid of `fields`. */
function seal(fields, data) {
  const { spi, ccOctets } = fields;
  const ciphered = (spi[0] & CIPHERED) !== 0;
  const plain = 6 + ccOctets + data.length;
  const padding = ciphered ? (BLOCK - (plain % BLOCK)) % BLOCK : 0;
  const head = Buffer.alloc(16);
  head.writeUInt16BE(8 + plain + padding, 0);
  head[2] = HEADER_OCTETS + ccOctets;
  spi.copy(head, 3);
  head[5] = fields.kicOctet;
  head[6] = fields.kidOctet;
  fields.tar.copy(head, 7);
  head.writeUIntBE(fields.counter, 10, 5);
  head[15] = padding;
  const padded = Buffer.concat([data, Buffer.alloc(padding)]);
  const cc = cmac(fields.kid, Buffer.concat([head, padded])).subarray(0, ccOctets);
  const secured = Buffer.concat([head.subarray(10), cc, padded]);
  return Buffer.concat([head.subarray(0, 10), ciphered ? encipher(fields.kic, secured) : secured]);
}

/** Opens a packet, or throws an Error that names the check; `fields` without a counter. */
function open(fields, packet) {
  if (packet.length < 16 + fields.ccOctets || packet.readUInt16BE(0) !== packet.length - 2) {
    throw new Error('malformed');
  }
  if (!packet.subarray(7, 10).equals(fields.tar)) throw new Error('TAR');
  if (packet[3] !== fields.spi[0]) throw new Error('security level');
  if (packet[5] !== fields.kicOctet || packet[6] !== fields.kidOctet) throw new Error('key');
  if (packet[2] !== HEADER_OCTETS + fields.ccOctets) throw new Error('CC length');
  let secured = packet.subarray(10);
  if ((packet[3] & CIPHERED) !== 0) {
    if (secured.length % BLOCK !== 0) throw new Error('ciphering');
    secured = decipher(fields.kic, secured);
  }
  const [counted, cc] = [secured.subarray(0, 6), secured.subarray(6, 6 + fields.ccOctets)];
  const padded = secured.subarray(6 + fields.ccOctets);
  const made = cmac(fields.kid, Buffer.concat([packet.subarray(0, 10), counted, padded]));
  if (!timingSafeEqual(cc, made.subarray(0, fields.ccOctets))) throw new Error('checksum');
  if (counted[5] > padded.length) throw new Error('padding');
  const data = padded.subarray(0, padded.length - counted[5]);
  return { counter: counted.readUIntBE(0, 5), data, spi: packet.subarray(3, 5) };
}

/** TP-UD of one or more short messages, UDH in front: 8-bit concatenation, 23.048 §6.3. */
function userData(packet, reference, parts) {
  if (parts === 1) return [Buffer.concat([COMMAND_HEADER, packet])];
  const octets = Math.ceil(packet.length / parts);
  const messages = [];
  for (let part = 1; part <= parts; part += 1) {
    const piece = packet.subarray((part - 1) * octets, part * octets);
    const header = part === 1
      ? [0x07, 0x00, 0x03, reference, parts, part, 0x70, 0x00]
      : [0x05, 0x00, 0x03, reference, parts, part];
    messages.push(Buffer.concat([Buffer.from(header), piece]));
  }
  return messages;
}

module.exports = { COMMAND_HEADER, open, seal, userData };
