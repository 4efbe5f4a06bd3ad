'use strict';
// Phones of a core network dial the gateway's code: osmo-hlr in the middle, an MSC of this test at its
// one side, the gateway as its external USSD entity at the other. Prints what held.
//
//   node gsup.js --svgate BINARY --dir DIR --seed N

const { execFileSync } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Hlr, HOST, PORT } = require('./gsup_lib/hlr');
const { Msc } = require('./gsup_lib/msc');
const { MACHINES, msisdnOf } = require('./smsc_lib/catalogue');
const { Checks } = require('./smsc_lib/checks');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { Machine } = require('./smsc_lib/machine');
const { prepare } = require('./smsc_lib/operator');
const { Random } = require('./smsc_lib/random');
const { UssdCentre, textOf } = require('./smsc_lib/ussd_centre');

const EUSE = 'paygw';
const UP_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 20_000;
/** Phones that lose the gateway while their order is on its way. */
const CUT_OFF = 6;
/** The place of the Sandwich in a shop's list: the one that costs more than 3 EUR, which needs a PIN. */
const PIN_ITEM = 3;
/** Machines that give everything out: a refund would be one more message. */
const NO_JAMS = { next: () => 1 };

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** As the operator of this test writes them into the subscriber import. */
const imsiOf = (phone) => `26201${String(phone).padStart(10, '0')}`;

async function until(what, holds) {
  const by = Date.now() + UP_WITHIN_MS;
  while (!await holds()) {
    if (Date.now() > by) throw new Error(`waited in vain: ${what}`);
    await sleep(30);
  }
}

/** Everything around one phone. */
class Town {
  constructor(binary, dir, site) {
    Object.assign(this, { binary, dir, site });
    this.centre = new UssdCentre(site.account.password);
    this.hlr = new Hlr(dir, EUSE);
    this.msc = new Msc();
    this.gateway = new GatewayProcess(binary, site.config, path.join(dir, 'gateway.log'));
    this.machines = MACHINES.map(({ id }) => new Machine(id, site.tokens[id], [site.http], NO_JAMS));
  }

  async start() {
    await this.centre.listen(this.site.smpp);
    await this.hlr.start();
    await this.msc.connect();
    this.gateway.start();
    this.machines.forEach((machine) => machine.run());
    await this.ready();
    await until('machines', () => this.machines.every(({ polled }) => polled));
  }

  /** Waits until the HLR knows the gateway. */
  ready() {
    return until('the gateway at the HLR', async () => {
      const metrics = await this.metrics();
      return metrics.includes('gsup_connected{hlr="core"} 1');
    });
  }

  async metrics() {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.site.metrics}/metrics`);
      return await answer.text();
    } catch {
      return '';
    }
  }

  sql(statement) {
    const file = path.join(this.dir, 'svgate.db');
    return Number(execFileSync('sqlite3', [file, statement], { encoding: 'utf8' }));
  }

  paidBy(phone) {
    return this.sql(`select count(*) from purchase where channel = 'ussd'
      and paid_ms is not null and msisdn = ${msisdnOf(phone)}`);
  }

  sms(phone) {
    return this.centre.next(msisdnOf(phone), 'sms').then(textOf);
  }

  async stop() {
    const stopped = await this.gateway.stop(STOP_WITHIN_MS);
    this.machines.forEach((machine) => machine.stop());
    this.msc.close();
    await this.hlr.stop();
    this.centre.close();
    return stopped;
  }
}

/** A last text may come page by page. */
async function toItsEnd(session, shown) {
  let { text } = shown;
  let next = shown;
  while (!next.ends && /\n0 [^\n]+$/.test(next.text)) {
    next = await session.answer('0');
    text = `${text.replace(/\n0 [^\n]+$/, '')} ${next.text}`;
  }
  return { ...next, text };
}

const plain = (text) => text.replace(/\s+/g, ' ');
const isPaid = (text, price, merchant) => text.includes(price) && text.includes(merchant)
  && /[0-9A-HJKMNP-TV-Z]{6}$/.test(text);

/** Browses to the price of an Espresso at 4711. */
async function browse(session) {
  await session.dial('*778#');
  await session.answer('1');
  await session.answer('4711');
  return session.answer('2');
}

const STORIES = {
  'a dialled order is paid in one round trip, and told by SMS': async (town) => {
    const session = town.msc.open(imsiOf(0));
    const last = await toItsEnd(session, await session.dial('*778*4712*7*2#'));
    const sms = await town.sms(0);
    return last.ends && last.kind === 'result' && last.id === session.invoke
      && isPaid(plain(last.text), '2.50 EUR', 'Coffee House') && plain(sms) === plain(last.text)
      && town.paidBy(0) === 1 ? null : JSON.stringify({ last, sms });
  },
  'a menu shows the whole price before it is paid': async (town) => {
    const session = town.msc.open(imsiOf(4));
    const advice = await browse(session);
    if (advice.ends || advice.operation !== 0x3c || !advice.text.includes('2.60 EUR')) {
      return JSON.stringify(advice);
    }
    const last = await toItsEnd(session, await session.answer('1'));
    const sms = await town.sms(4);
    return last.ends && isPaid(plain(last.text), '2.60 EUR', 'Snack Bar')
      && plain(sms) === plain(last.text) ? null : JSON.stringify({ last, sms });
  },
  'a dearer order needs the PIN that was chosen in the menu': async (town) => {
    const choosing = town.msc.open(imsiOf(1));
    await choosing.dial('*778#');
    for (const typed of ['4', '4', '2580']) await choosing.answer(typed);
    const chosen = await toItsEnd(choosing, await choosing.answer('2580'));
    const session = town.msc.open(imsiOf(1));
    await session.dial('*778*4711#');
    await session.answer(String(PIN_ITEM));
    const asked = await session.answer('1');
    const wrong = await toItsEnd(session, await session.answer('9999'));
    if (!chosen.ends || asked.ends || !wrong.ends || town.paidBy(1) !== 0) {
      return JSON.stringify({ chosen, asked, wrong });
    }
    const again = town.msc.open(imsiOf(1));
    await again.dial('*778*4711#');
    await again.answer(String(PIN_ITEM));
    await again.answer('1');
    const last = await toItsEnd(again, await again.answer('2580'));
    return last.ends && isPaid(plain(last.text), '4.00 EUR', 'Snack Bar') && town.paidBy(1) === 1
      ? null : JSON.stringify({ asked, wrong, last });
  },
  'a card that is nobody\'s is told so': async (town) => {
    const last = await town.msc.open('262019999999999').dial('*778*4711*12#');
    return last.ends && last.kind === 'result' && last.text.length > 10 ? null
      : JSON.stringify(last);
  },
  'a session that is dropped costs nothing': async (town) => {
    await browse(town.msc.open(imsiOf(8)));
    const anew = town.msc.open(imsiOf(8));
    const menu = await anew.dial('*778#');
    return !menu.ends && town.paidBy(8) === 0 ? null : JSON.stringify(menu);
  },
  'killed in mid-session, the gateway ends it with a word and pays nothing': async (town) => {
    const session = town.msc.open(imsiOf(12));
    await browse(session);
    await town.gateway.kill9();
    town.gateway.start();
    await town.ready();
    const last = await session.answer('1');
    if (!last.ends || last.id !== session.invoke || !last.text.startsWith('This session is over')) {
      return JSON.stringify(last);
    }
    if (town.paidBy(12) !== 0) return 'paid';
    const anew = town.msc.open(imsiOf(12));
    const bought = await toItsEnd(anew, await anew.dial('*778*4711*12#'));
    await town.sms(12);
    return bought.ends && town.paidBy(12) === 1 ? null : JSON.stringify(bought);
  },
  'killed while an order is on its way, it pays once or not at all': async (town, random) => {
    const wrong = [];
    for (let n = 0; n < CUT_OFF; n += 1) {
      const phone = 16 + n * 4;
      const session = town.msc.open(imsiOf(phone));
      await browse(session);
      session.say('1');
      await sleep(random.below(12));
      await town.gateway.kill9();
      town.gateway.start();
      await town.ready();
      const paid = town.paidBy(phone);
      // Whoever was charged is told by SMS, whatever became of the session.
      const told = paid > 0 ? await town.sms(phone) : 'Paid';
      if (paid > 1 || told.length < 4) wrong.push(`${phone}: ${paid} ${told}`);
      town.cutOff.push(paid);
    }
    return wrong.length === 0 ? null : wrong.join('; ');
  },
  'an HLR that comes back is found again': async (town) => {
    town.msc.close();
    await town.hlr.stop();
    await until('the gateway sees it', async () => (await town.metrics())
      .includes('gsup_connected{hlr="core"} 0'));
    await town.hlr.start();
    await town.msc.connect();
    await town.ready();
    const session = town.msc.open(imsiOf(40));
    const last = await toItsEnd(session, await session.dial('*778*4711*12#'));
    await town.sms(40);
    return last.ends && isPaid(plain(last.text), '2.60 EUR', 'Snack Bar') ? null
      : JSON.stringify(last);
  },
};

function withHlr(config) {
  const section = `[[gsup]]
name = "core"
host = "${HOST}"
port = ${PORT}
euse = "${EUSE}"
originator = "trusted"
results_by = "peer"
reconnect_min_ms = 50
reconnect_max_ms = 500

`;
  return config.replace('[http]', `${section}[http]`)
    .replace('bill_maximum', 'pin_above = { EUR = "3.00" }\nbill_maximum');
}

async function main() {
  const { values } = parseArgs({
    options: Object.fromEntries(['svgate', 'dir', 'seed'].map((name) => [name, { type: 'string' }])),
  });
  const random = new Random(Number(values.seed));
  const site = await prepare(values.svgate, values.dir, 400);
  writeFileSync(site.config, withHlr(readFileSync(site.config, 'utf8')));
  const town = new Town(values.svgate, values.dir, site);
  town.cutOff = [];
  await town.start();
  const checks = new Checks();
  for (const [name, story] of Object.entries(STORIES)) {
    let wrong;
    try {
      wrong = await story(town, random);
    } catch (error) {
      wrong = error.message;
    }
    checks.claim(name, 1, wrong === null ? [] : [wrong]);
  }
  console.log(`of ${CUT_OFF} orders that the gateway was killed in, ${
    town.cutOff.filter((paid) => paid === 1).length} were paid`);
  await sleep(300);
  const log = readFileSync(path.join(values.dir, 'gateway.log'), 'utf8');
  const stopped = await town.stop();
  const twice = town.sql(`select count(*) from (select msisdn from purchase where channel = 'ussd'
    and paid_ms is not null group by msisdn having count(*) > 1)`);
  const sum = town.sql('select (select sum(balance_minor) from account) '
    + '+ (select sum(owed_minor) from line)');
  const differs = (name, is, shall) => (is === shall ? [] : [`${name}: ${is}, not ${shall}`]);
  checks.claim('nobody paid twice', 1, differs('twice', twice, 0));
  checks.claim('the books balance', 1, differs('sum', sum, 0));
  checks.claim('no card and no number is in the log', 1,
    /26201\d{10}|4917\d{9}/.test(log) ? ['one is'] : []);
  checks.claim('the HLR could read every component, and the MSC knew every session', 1,
    [...town.msc.faults, ...readFileSync(path.join(values.dir, 'hlr.log'), 'utf8').split('\n')
      .filter((line) => /Unable to parse|does not fit/.test(line))]);
  checks.claim('the gateway lived and stopped in order', 1,
    [...town.gateway.crashes, ...town.centre.faults, ...differs('exit', stopped, 0)]);
  return checks.report();
}

main().then((passed) => process.exit(passed ? 0 : 1), (error) => {
  console.error(error);
  process.exit(1);
});
