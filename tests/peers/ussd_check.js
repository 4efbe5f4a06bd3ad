'use strict';
// Judges what ussd.js wrote down, what the books hold, and what tshark reads in the capture.
//
//   node ussd_check.js DIR CAPTURE PAID TWICE BALANCE

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');

const { Checks } = require('./smsc_lib/checks');
const { DIALECTS } = require('./smsc_lib/ussd_dialects');

const SUBMIT_SM = 4;

/** Operation, mark and coding of each USSD text of ours, as tshark reads them. */
function sent(capture, port) {
  const fields = ['smpp.command_id', 'smpp.ussd_service_op', 'smpp.its_session.number',
    'smpp.its_session.sequence', 'smpp.its_session.ind', 'smpp.user_message_reference',
    'smpp.data_coding', 'smpp.source_addr', '_ws.malformed'];
  const text = execFileSync('tshark', ['-r', capture, '-d', `tcp.port==${port},smpp`,
    '-Y', `smpp && tcp.dstport == ${port}`, '-T', 'fields', '-E', 'occurrence=a', '-E',
    'separator=;', ...fields.flatMap((field) => ['-e', field])],
  { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  return text.trim().split('\n').map((line) => line.split(';'));
}

function main() {
  const [dir, capture, paid, twice, balance] = process.argv.slice(2);
  const told = JSON.parse(readFileSync(path.join(dir, 'ussd.json'), 'utf8'));
  const checks = new Checks();
  for (const { name } of DIALECTS) {
    const own = told.stories.filter(({ dialect }) => dialect === name);
    const wrong = own.filter(({ right }) => !right);
    checks.claim(`${name}: every dialogue went as its phone expects`, own.length,
      wrong.map(({ story, text }) => `${story}: ${text}`));
  }
  const bought = told.stories.filter((story) => story.paid).length;
  const differs = (name, is, shall) => (is === shall ? [] : [`${name}: ${is}, not ${shall}`]);
  checks.claim('what was confirmed is paid, and nothing else', bought,
    differs('paid', Number(paid), bought));
  checks.claim('nobody paid twice', bought, differs('twice', Number(twice), 0));
  checks.claim('the books balance', 1, differs('sum', Number(balance), 0));
  const refused = told.statuses.filter((status) => status !== 0);
  checks.claim('every deliver_sm is answered 0, unknown operations too', told.statuses.length,
    refused.map((status) => `0x${status.toString(16)}`));
  checks.claim('nothing was said that nobody waited for', 1, told.left);
  checks.claim('the gateway lived and stopped in order', 1,
    [...told.crashes, ...told.faults, ...differs('exit', told.stopped, 0)]);
  if (told.captured) {
    const rows = sent(capture, told.port);
    const ussd = rows.filter(([command, op]) => Number(command.split(',')[0]) === SUBMIT_SM && op);
    checks.claim('tshark: no PDU of ours is malformed', rows.length,
      rows.filter((row) => row.at(-1) !== '').map(String));
    checks.claim('tshark: each USSD text has an operation of its dialects', ussd.length,
      ussd.filter(([, op]) => op.split(',').some((one) => ![2, 3, 17, 32].includes(Number(one))))
        .map(String));
    const ended = ussd.filter(([, , , , bit]) => bit.split(',').some((one) => Number(one) === 1
      || one === 'True'));
    checks.claim('tshark: session numbers and end bits are there', ended.length, []);
    // Of several PDUs in one segment tshark does not say which value is whose.
    const alone = ussd.filter(([command]) => !command.includes(','));
    checks.claim('tshark: data coding is that of a cell broadcast: 0F, or 48 in Arabic', alone.length,
      alone.filter((row) => row[6].split(',').some((one) => ![0x0f, 0x48].includes(Number(one))))
        .map(String));
  } else {
    console.log('tshark may not capture on the loopback interface here: its claims are left out');
  }
  return checks.report();
}

process.exit(main() ? 0 : 1);
