'use strict';
// Runs a command beside a gateway that lives: an SMSC is bound, and orders for the first machine
// come in all the time; the command plays that machine, and starts when it has an ack.
//
//   node with_gateway.js --svgate BINARY --dir DIR -- COMMAND ARG …
//
// The command gets HTTP (http://127.0.0.1:PORT), TERMINAL and TOKEN, which is also the token of the USSD
// aggregator `example`. Ends with its status, or 1
// when the gateway did not live through it.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { appendFileSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { MACHINES } = require('./smsc_lib/catalogue');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { MessageCentre } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { Phones } = require('./smsc_lib/phones');
const { Random } = require('./smsc_lib/random');
const { readMaster } = require('./smsc_lib/sim_card');

const ORDERS = 4000;
const ORDERS_PER_S = 20;
const BOUND_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 40_000;
const POLLS_MAX = 4;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: { svgate: { type: 'string' }, dir: { type: 'string' } },
  });
  const [machine] = MACHINES;
  const site = await prepare(values.svgate, values.dir, ORDERS);
  const hash = createHash('sha256').update(site.tokens[machine.id]).digest('hex');
  appendFileSync(site.config, `
[[aggregator]]
name = "example"
token_sha256 = "${hash}"
originator = "trusted"
results_by = "peer"
`);
  const master = readMaster(readFileSync(path.join(values.dir, 'master.key'), 'utf8'));
  const phones = new Phones(ORDERS, master, new Random(1));
  for (const order of phones.orders) Object.assign(order, { machine, shortCode: machine.code });

  let due = 0;
  const centre = new MessageCentre(site.account, () => {
    if (due < 1) return null;
    due -= 1;
    return phones.next();
  });
  const paced = setInterval(() => { due += ORDERS_PER_S / 10; }, 100);
  await centre.listen(site.smpp);
  const log = path.join(values.dir, 'gateway.log');
  const gateway = new GatewayProcess(values.svgate, site.config, log);
  gateway.start();
  await new Promise((resolve, reject) => {
    centre.once('bound', resolve);
    gateway.over.then(() => reject(new Error('the gateway ended')));
    setTimeout(reject, BOUND_WITHIN_MS, new Error('the gateway did not bind')).unref();
  });

  const env = {
    ...process.env,
    HTTP: `http://127.0.0.1:${site.http}`,
    TERMINAL: machine.id,
    TOKEN: site.tokens[machine.id],
  };
  await firstAck(env);
  const [command, ...args] = positionals;
  const child = spawn(command, args, { stdio: 'inherit', env });
  const status = await new Promise((resolve) => {
    child.on('exit', (code) => resolve(code ?? 1));
  });
  clearInterval(paced);
  const lived = gateway.crashes.length === 0;
  const stopped = await gateway.stop(STOP_WITHIN_MS);
  centre.close();
  if (lived && stopped === 0) return status;
  console.log(`the gateway: ${[...gateway.crashes, stopped].join(', ')}`);
  return 1;
}

/** Waits until the machine has something to act on; its token is seen to open its door. */
async function firstAck({ HTTP, TERMINAL, TOKEN }) {
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    const answer = await fetch(`${HTTP}/v1/terminals/${TERMINAL}/acks?after=0&wait=10`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    if (answer.status !== 200) throw new Error(`the machine's poll was answered ${answer.status}`);
    if ((await answer.json()).acks.length > 0) return;
  }
  throw new Error('no order came through');
}

main().then((status) => process.exit(status), (error) => {
  console.error(error);
  process.exit(1);
});
