'use strict';
// Phones dial the gateway's code through a centre that plays every dialect; what happened goes to
// DIR/ussd.json.
//
//   node ussd.js --svgate BINARY --dir DIR --seed N [--capture FILE]

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { MACHINES, msisdnOf } = require('./smsc_lib/catalogue');
const { Capture } = require('./smsc_lib/capture');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { Machine } = require('./smsc_lib/machine');
const { prepare } = require('./smsc_lib/operator');
const { Random } = require('./smsc_lib/random');
const { UssdCentre, textOf } = require('./smsc_lib/ussd_centre');
const { DIALECTS, deliver } = require('./smsc_lib/ussd_dialects');

const BOUND_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 20_000;
/** Phones at once; each of them does one thing in each dialect. */
const PHONES = 4;

/** The dialect in which subscribers are asked to pay what a kiosk orders in their name. */
const ASKS = DIALECTS.find(({ name }) => name === 'spec');

/** Machines that give everything out: a refund would be one more message. */
const NO_JAMS = { next: () => 1 };

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** One bind for each dialect in place of the one that the other tests have. */
function withDialects(config) {
  const block = /\[\[smsc\]\][^[]*/.exec(config)[0];
  const binds = DIALECTS.map(({ name }) => `${block.replace('"peer"', `"${name}"`)
    .replace(/system_id = .*/, `system_id = "${name}"`).trim()}\nussd_dialect = "${name}"\n`);
  return config.replace(block, `${binds.join('\n')}\n[ussd]\nask_by = "${ASKS.name}"\n`);
}

/** A phone in one dialect. */
class Phone {
  constructor(centre, dialect, number, session) {
    Object.assign(this, { centre, dialect, number, session, step: 0, pages: [] });
  }

  message(op, text, first = false) {
    this.step += 1;
    return deliver(this.dialect, this.number, this.session, { op, text, step: this.step, first });
  }

  async dial(code) {
    this.dialled = this.message(this.dialect.begin, code, true);
    await this.centre.deliver(this.dialect.name, this.dialled);
    return this.page();
  }

  async answer(text) {
    await this.centre.deliver(this.dialect.name, this.message(this.dialect.answer, text));
    return this.page();
  }

  async page() {
    const pdu = await this.centre.next(this.number, 'ussd');
    const { dialect } = this;
    const ends = dialect.ends(pdu);
    if (ends === dialect.goesOn(pdu)) throw new Error(`${dialect.name}: neither end nor question`);
    if (!dialect.same(pdu, this.session)) throw new Error(`${dialect.name}: another session`);
    this.pages.push(textOf(pdu));
    return { text: textOf(pdu), ends };
  }
}

/** Whether a text in any language says that this was paid: only such a one ends with a reference. */
function isPaid(text, price, merchant) {
  return text.includes(price) && text.includes(merchant) && /[0-9A-HJKMNP-TV-Z]{6}$/.test(text);
}

const STORIES = {
  /** Browses, sees the price, says yes. */
  async menu(phone) {
    await phone.dial('*778#');
    await phone.answer('1');
    await phone.answer('4711');
    await phone.answer('2');
    const { text, ends } = await phone.answer('1');
    const sms = textOf(await phone.centre.next(phone.number, 'sms'));
    const right = ends && isPaid(text, '2.60 EUR', 'Snack Bar') && sms === text;
    return { paid: true, right, text: sms === text ? text : `${text} / ${sms}` };
  },
  /** Dials the whole order; the centre delivers it again after its answer was lost. */
  async dialled(phone) {
    const { text, ends } = await phone.dial('*778*4712*12*2#');
    await phone.centre.next(phone.number, 'sms');
    await phone.centre.deliver(phone.dialect.name, phone.dialled);
    const again = await phone.page();
    const right = ends && isPaid(text, '5.10 EUR', 'Coffee House') && again.text === text;
    return { paid: true, right, text: `${text} / ${again.text}` };
  },
  /** Sees the price and hangs up, if the centre can say so; else says no. */
  async hangsUp(phone) {
    await phone.dial('*778*4711#');
    const { text } = await phone.answer('2');
    const { release, name } = phone.dialect;
    if (release === null) {
      await phone.answer('0');
      return { paid: false, right: text.includes('2.60 EUR'), text };
    }
    await phone.centre.deliver(name, phone.message(release, ''));
    // What the subscriber typed before comes late: it meets no session.
    const late = await phone.answer('1');
    const right = late.ends && late.text.startsWith('This session is over');
    return { paid: false, right, text: late.text };
  },
  /** An answer of another session and an unknown operation, in the middle of a purchase. */
  async confused(phone) {
    await phone.dial('*778*4711#');
    const advice = await phone.answer('2');
    const { dialect } = phone;
    let late = 'none';
    if (Object.keys(dialect.mark(1, 1)).length > 0) {
      const other = new Phone(phone.centre, dialect, phone.number, phone.session ^ 0x5a);
      const { text } = await other.answer('1');
      late = text;
      const unknown = new Phone(phone.centre, dialect, phone.number, phone.session ^ 0x3c);
      await phone.centre.deliver(dialect.name, unknown.message(0x77, '?'));
      await unknown.page();
    }
    const { text, ends } = await phone.answer('1');
    await phone.centre.next(phone.number, 'sms');
    const right = advice.text.includes('2.60 EUR') && ends && isPaid(text, '2.60 EUR', 'Snack Bar')
      && (late === 'none' || late.startsWith('This session is over'));
    return { paid: true, right, text: `${late} / ${text}` };
  },
};

/** A kiosk names who pays: the phone is asked in a session that the gateway begins, and says yes. */
async function asked(phone, { http, tokens }) {
  const [{ id }] = MACHINES;
  const order = { client_reference: 'till/1', item: '12', payer_msisdn: `+${phone.number}` };
  const answer = await fetch(`http://127.0.0.1:${http}/v1/kiosks/${id}/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[id]}`, 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  const { state } = await answer.json();
  const question = await phone.centre.next(phone.number, 'ussd');
  phone.pages.push(textOf(question));
  const its = question.its_session_info;
  [phone.session] = its;
  const begun = question.ussd_service_op === 2 && its[1] === 0 && phone.pages[0].includes('2.60 EUR');
  await phone.centre.deliver(phone.dialect.name, phone.message(phone.dialect.answer, '1'));
  const closing = await phone.centre.next(phone.number, 'ussd');
  const sms = textOf(await phone.centre.next(phone.number, 'sms'));
  // A notification: the phone has nothing to answer.
  const ended = closing.ussd_service_op === 3 && (closing.its_session_info[1] & 1) === 1;
  const text = textOf(closing);
  const right = answer.status === 201 && state === 'ordered' && begun && ended
    && isPaid(text, '2.60 EUR', 'Snack Bar') && sms === text;
  // It stays a kiosk's purchase in the books.
  return { paid: false, right, text: `${answer.status} ${phone.pages[0]} / ${text} / ${sms}` };
}

async function play(centre, random, site) {
  const stories = Object.entries(STORIES);
  const order = DIALECTS.flatMap((dialect, d) => stories.map(([name, story], s) => ({
    dialect, name, story, number: msisdnOf(d * PHONES + s),
  })));
  order.push({
    dialect: ASKS,
    name: 'asked',
    story: (phone) => asked(phone, site),
    number: msisdnOf(DIALECTS.length * PHONES),
  });
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return Promise.all(order.map(async ({ dialect, name, story, number }, i) => {
    await sleep(random.below(300));
    const phone = new Phone(centre, dialect, number, 0x1200 + i);
    try {
      const told = await story(phone);
      return { dialect: dialect.name, story: name, number, ...told, pages: phone.pages };
    } catch (error) {
      const text = `${error.message}, after: ${phone.pages.at(-1)}`;
      return { dialect: dialect.name, story: name, number, paid: false, right: false, text };
    }
  }));
}

async function main() {
  const { values } = parseArgs({
    options: Object.fromEntries(['svgate', 'dir', 'seed', 'capture']
      .map((name) => [name, { type: 'string' }])),
  });
  const random = new Random(Number(values.seed));
  const site = await prepare(values.svgate, values.dir, 400);
  writeFileSync(site.config, withDialects(readFileSync(site.config, 'utf8')));
  const centre = new UssdCentre(site.account.password);
  await centre.listen(site.smpp);
  const capture = values.capture ? await Capture.start(site.smpp, values.capture) : null;
  const gateway = new GatewayProcess(
    values.svgate, site.config, path.join(values.dir, 'gateway.log'),
  );
  gateway.start();
  const machines = MACHINES.map(({ id }) => new Machine(
    id, site.tokens[id], [site.http], NO_JAMS,
  ));
  machines.forEach((machine) => machine.run());
  const by = Date.now() + BOUND_WITHIN_MS;
  const ready = () => centre.sessions.size === DIALECTS.length
    && machines.every(({ polled }) => polled);
  while (!ready() && Date.now() < by) await sleep(20);
  const stories = ready() ? await play(centre, random, site) : [];
  await sleep(500);
  const stopped = await gateway.stop(STOP_WITHIN_MS);
  machines.forEach((machine) => machine.stop());
  await capture?.stop();
  centre.close();
  writeFileSync(path.join(values.dir, 'ussd.json'), JSON.stringify({
    stories, left: centre.left(), statuses: centre.statuses, faults: centre.faults, stopped,
    crashes: gateway.crashes, port: site.smpp, captured: capture !== null,
  }));
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
