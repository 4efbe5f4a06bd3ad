'use strict';
// Reads a capture with tshark, PDU by PDU, and looks at what the gateway wrote.
//
//   node tshark_check.js SITE_DIR CAPTURE

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');

const { SERVICE_NUMBER } = require('./smsc_lib/catalogue');
const { Checks } = require('./smsc_lib/checks');

const BIND_TRANSCEIVER = 0x00000009;
const SUBMIT_SM = 0x00000004;
const DELIVER_SM_RESP = 0x80000005;
const ENQUIRE_LINK_RESP = 0x80000015;
const UNBIND = 0x00000006;
/** Of the two bits that tshark calls features. */
const UDHI = 1;
const ROK = 0;
const USER_DATA_MAX = 140;

/** Each PDU from the gateway as a map of tshark's field names to its octets in hex. */
function pdusOf(capture, port) {
  const text = execFileSync('tshark', [
    '-r', capture, '-d', `tcp.port==${port},smpp`,
    '-Y', `smpp && tcp.dstport == ${port}`, '-T', 'pdml',
  ], { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] });
  return text.split('<proto name="smpp"').slice(1).map((piece) => {
    const fields = new Map();
    for (const [, name, attributes] of piece.matchAll(/<field name="([^"]+)"([^>]*)>/g)) {
      const value = /\bvalue="([0-9a-f]*)"/.exec(attributes)?.[1];
      if (value !== undefined && !fields.has(name)) fields.set(name, value);
    }
    const expert = [...piece.matchAll(/_ws\.expert\.message" [^>]*showname="([^"]*)"/g)];
    const malformed = /<proto name="_ws\.malformed"/.test(piece);
    const faults = expert.map(([, said]) => said);
    return { fields, faults: malformed ? [...faults, 'malformed'] : faults };
  });
}

const number = ({ fields }, name) => {
  const value = fields.get(name);
  return value === undefined || value === '' ? null : parseInt(value, 16);
};
const text = ({ fields }, name) => Buffer.from(fields.get(name) ?? '', 'hex')
  .toString('latin1').replace(/\0$/, '');
const show = (pdu) => JSON.stringify(Object.fromEntries(pdu.fields)).slice(0, 600);

function checkSubmits(checks, submits) {
  const wrongly = (pdus, right) => pdus.filter((pdu) => !right(pdu)).map(show);
  checks.claim('messages come from the service number to an international number', submits.length,
    wrongly(submits, (pdu) => text(pdu, 'smpp.source_addr') === SERVICE_NUMBER
      && /^\d{10,15}$/.test(text(pdu, 'smpp.destination_addr'))
      && number(pdu, 'smpp.dest_addr_ton') === 1 && number(pdu, 'smpp.dest_addr_npi') === 1));
  checks.claim('a message has 1 to 140 octets, as many as sm_length says', submits.length,
    wrongly(submits, (pdu) => {
      const octets = (pdu.fields.get('smpp.message') ?? '').length / 2;
      return octets >= 1 && octets <= USER_DATA_MAX && octets === number(pdu, 'smpp.sm_length');
    }));
  const isPacket = (pdu) => (number(pdu, 'smpp.esm.submit.features') & UDHI) !== 0;
  const packets = submits.filter(isPacket);
  checks.claim('secured: UDHI, SIM data download, class 2, command packet header', packets.length,
    wrongly(packets, (pdu) => number(pdu, 'smpp.protocol_id') === 0x7f
      && number(pdu, 'smpp.data_coding') === 0xf6
      && (pdu.fields.get('smpp.message') ?? '').startsWith('027000')));
  const texts = submits.filter((pdu) => !isPacket(pdu));
  checks.claim('text: no header, PID 0, the default alphabet or UCS2', texts.length,
    wrongly(texts, (pdu) => number(pdu, 'smpp.protocol_id') === 0
      && [0x00, 0x08].includes(number(pdu, 'smpp.data_coding'))));
}

function main() {
  const [dir, capture] = process.argv.slice(2);
  const site = JSON.parse(readFileSync(path.join(dir, 'site.json'), 'utf8'));
  const journal = JSON.parse(readFileSync(path.join(dir, 'journal.json'), 'utf8'));
  const pdus = pdusOf(capture, site.smpp);
  const of = (command) => pdus.filter((pdu) => number(pdu, 'smpp.command_id') === command);
  const checks = new Checks();

  checks.claim('tshark finds no PDU of the gateway malformed', pdus.length,
    pdus.filter(({ faults }) => faults.length > 0).map((pdu) => `${pdu.faults} ${show(pdu)}`));
  const binds = of(BIND_TRANSCEIVER);
  checks.claim('it binds with SMPP 3.4 as itself', binds.length,
    binds.filter((pdu) => number(pdu, 'smpp.interface_version') !== 0x34
      || text(pdu, 'smpp.system_id') !== site.account.systemId).map(show));
  const submits = of(SUBMIT_SM);
  const { submits: taken, throttled } = journal.counts;
  checks.claim('as many submit_sm as the SMSC counted', taken + throttled,
    submits.length === taken + throttled ? [] : [`${submits.length} in the capture`]);
  checkSubmits(checks, submits);
  const answers = of(DELIVER_SM_RESP);
  // osmo-msc cannot read a deliver_sm_resp without it, whatever its status.
  checks.claim('every deliver_sm_resp has the NUL of its message_id', answers.length,
    answers.filter((pdu) => number(pdu, 'smpp.command_length') !== 17).map(show));
  const well = answers.filter((pdu) => number(pdu, 'smpp.command_status') === ROK);
  checks.claim('deliveries were answered', well.length, []);
  checks.claim('enquire_link is answered', of(ENQUIRE_LINK_RESP).length, []);
  checks.claim('it unbinds when it stops', of(UNBIND).length, []);
  process.exitCode = checks.report() ? 0 : 1;
}

main();
