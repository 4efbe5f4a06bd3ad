'use strict';
// How an order travels as deliver_sm: whole or in parts, in one alphabet or another.

const { SERVICE_NUMBER } = require('./catalogue');
const { userData } = require('./command_packet');
const { euros } = require('./texts');

const UDHI = 0x40;
const SIM_DATA_DOWNLOAD = 0x7f;
const UCS2 = 0x08;
/** Data codings under which a SIM's packet may arrive: an SMSC may rewrite class and PID. */
const PACKET_CODINGS = [0xf6, 0x04, 0xf5];
const PACKET_PIDS = [SIM_DATA_DOWNLOAD, 0x00];

function addressed(msisdn, fields) {
  return {
    source_addr_ton: 1, source_addr_npi: 1, source_addr: msisdn,
    dest_addr_ton: 0, dest_addr_npi: 1, destination_addr: SERVICE_NUMBER, ...fields,
  };
}

/** A secured packet as one message, or as two of a concatenated one. */
function packetPdus(msisdn, packet, random, reference) {
  const parts = reference === null ? 1 : 2;
  const fields = {
    esm_class: UDHI,
    protocol_id: random.pick(PACKET_PIDS),
    data_coding: random.pick(PACKET_CODINGS),
  };
  return userData(packet, reference, parts)
    .map((message) => addressed(msisdn, { ...fields, short_message: message }));
}

/** The words of an order, as people type them. */
function wordsOf(order, random) {
  if (order.item === null) return `PAY ${order.shortCode} ${euros(order.amount)}`;
  const many = order.quantity === 1 ? '' : ` x${order.quantity}`;
  const words = `BUY ${order.shortCode} ${order.code}${many}`;
  return random.pick([words, words.toLowerCase(), `  ${words.replaceAll(' ', '   ')} `, words]);
}

/** Words in the default alphabet or in UCS2; node-smpp itself encodes them when they are whole. */
function textPdus(msisdn, words, random, reference) {
  const wide = random.chance(0.3);
  const coding = wide ? UCS2 : 0x00;
  if (reference === null) {
    return [addressed(msisdn, { data_coding: coding, short_message: words })];
  }
  const at = 1 + random.below(words.length - 1);
  const pieces = [words.slice(0, at), words.slice(at)].map((piece) => (
    wide ? Buffer.from(piece, 'utf16le').swap16() : Buffer.from(piece, 'ascii')));
  if (random.chance(0.5)) {
    return pieces.map((piece, part) => addressed(msisdn, {
      data_coding: coding, short_message: piece, sar_msg_ref_num: reference,
      sar_total_segments: 2, sar_segment_seqnum: part + 1,
    }));
  }
  return pieces.map((piece, part) => addressed(msisdn, {
    data_coding: coding,
    esm_class: UDHI,
    short_message: Buffer.concat([Buffer.from([5, 0, 3, reference, 2, part + 1]), piece]),
  }));
}

module.exports = { SIM_DATA_DOWNLOAD, UDHI, addressed, packetPdus, textPdus, wordsOf };
