'use strict';
// How each USSD centre speaks: written from what their users report, not from the gateway's files.
// `begin`, `answer`, `release` are what the centre sends; `mark` is what it names a session with;
// `ends` says of a message from the gateway whether the session is over.

const smpp = require('smpp');

smpp.addTLV('ussd_session_id', { id: 0x1501, type: smpp.types.tlv.buffer });

const itsOf = (pdu) => pdu.its_session_info;
const twoOctets = (number) => Buffer.from([number >> 8, number & 0xff]);
const endBit = (pdu) => (itsOf(pdu)[1] & 1) === 1;

const DIALECTS = [
  {
    name: 'spec',
    // The session number, and a sequence that is ours to count.
    mark: (n, step) => ({ its_session_info: Buffer.from([n & 0xff, (step << 1) & 0xfe]) }),
    begin: 1, answer: 18, release: null, inText: true,
    ends: (pdu) => pdu.ussd_service_op === 17 && endBit(pdu),
    goesOn: (pdu) => pdu.ussd_service_op === 2 && !endBit(pdu),
    same: (pdu, n) => itsOf(pdu)[0] === (n & 0xff),
  },
  {
    name: 'tata',
    mark: (n) => ({ its_session_info: twoOctets((n << 1) & 0xfffe) }),
    begin: 1, answer: 2, release: 17, inText: true,
    ends: (pdu) => pdu.ussd_service_op === 2 && endBit(pdu),
    goesOn: (pdu) => pdu.ussd_service_op === 2 && !endBit(pdu),
    same: (pdu, n) => (itsOf(pdu).readUInt16BE(0) & 0xfffe) === ((n << 1) & 0xfffe),
  },
  {
    name: '6d',
    mark: (n) => ({ its_session_info: twoOctets((n << 1) & 0xfffe) }),
    begin: 1, answer: 18, release: 0x81, inText: false,
    ends: (pdu) => pdu.ussd_service_op === 17 && endBit(pdu),
    goesOn: (pdu) => pdu.ussd_service_op === 2 && !endBit(pdu),
    same: (pdu, n) => itsOf(pdu).readUInt16BE(0) >> 1 === (n & 0x7fff),
  },
  {
    name: 'mica',
    mark: (n) => ({ user_message_reference: n & 0xffff }),
    begin: 1, answer: 18, release: 0x81, inText: false, codeOnce: true,
    ends: (pdu) => pdu.ussd_service_op === 17,
    goesOn: (pdu) => pdu.ussd_service_op === 2,
    same: (pdu, n) => pdu.user_message_reference === (n & 0xffff),
  },
  {
    name: 'op32',
    mark: (n) => ({ its_session_info: twoOctets(n & 0xffff) }),
    begin: 1, answer: 18, release: 32, inText: true,
    ends: (pdu) => pdu.ussd_service_op === 32,
    goesOn: (pdu) => pdu.ussd_service_op === 2,
    same: (pdu, n) => itsOf(pdu).readUInt16BE(0) === (n & 0xffff),
  },
  {
    name: 'huawei',
    mark: () => ({}),
    begin: null, answer: null, release: 17, inText: true,
    ends: (pdu) => pdu.ussd_service_op === 17,
    goesOn: (pdu) => pdu.ussd_service_op === 2,
    same: () => true,
  },
  {
    name: 'bare',
    mark: () => ({}),
    begin: 1, answer: 1, release: null, inText: true, bare: true,
    ends: (pdu) => pdu.ussd_service_op === 17,
    goesOn: (pdu) => pdu.ussd_service_op === 2,
    same: () => true,
  },
  {
    name: 'comverse',
    mark: (n) => {
      const id = Buffer.alloc(4);
      id.writeUInt32BE(n);
      return { ussd_session_id: id };
    },
    begin: 1, answer: 18, release: 17, inText: true,
    ends: (pdu) => pdu.ussd_service_op === 17,
    goesOn: (pdu) => pdu.ussd_service_op === 2,
    same: (pdu, n) => pdu.ussd_session_id?.readUInt32BE(0) === n,
  },
];

/** The fields of a deliver_sm from `phone` in session `n`. */
function deliver(dialect, phone, session, { op, text, step, first }) {
  const atOnce = dialect.inText || !first;
  const pdu = {
    service_type: dialect.bare ? '' : 'USSD',
    source_addr_ton: 1, source_addr_npi: 1, source_addr: phone,
    dest_addr_ton: 0, dest_addr_npi: 1,
    destination_addr: dialect.codeOnce && !first ? '' : dialect.inText ? '778' : first ? text : '778',
    data_coding: 0x0f,
    short_message: Buffer.from(atOnce ? text : '', 'latin1'),
    ...dialect.mark(session, step),
  };
  if (op !== null) pdu.ussd_service_op = op;
  return pdu;
}

module.exports = { DIALECTS, deliver };
