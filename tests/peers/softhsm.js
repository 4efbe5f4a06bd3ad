'use strict';
// The gateway with its master key in a token: what it says of a token that can't be used, and what it does
// while one is away. Phones have cards of the same master, by their own derivation.
//
//   node softhsm.js --svgate BINARY --dir DIR --module LIBRARY --tokens DIR
//
// DIR of --tokens is where SoftHSM2 keeps its tokens: one is there, `svgate`, with the PIN 1234. Without the
// folder every call of the token fails.

const { execFileSync, spawnSync } = require('node:child_process');
const {
  chmodSync, readFileSync, renameSync, writeFileSync,
} = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { checkBalances, sqliteBooks } = require('./smsc_lib/book_claims');
const { PAID } = require('./smsc_lib/applet_data');
const { UDHI, addressed, packetPdus } = require('./smsc_lib/carriage');
const { ITEMS, MACHINES, priceOf } = require('./smsc_lib/catalogue');
const { Checks } = require('./smsc_lib/checks');
const { GatewayProcess } = require('./smsc_lib/gateway_process');
const { Machine } = require('./smsc_lib/machine');
const { MessageCentre, QUEUE_FULL } = require('./smsc_lib/message_centre');
const { prepare } = require('./smsc_lib/operator');
const { ORDERS_EACH, appletOrder, phoneOf } = require('./smsc_lib/orders');
const { Random } = require('./smsc_lib/random');
const { SimCard, iccidOf, readMaster } = require('./smsc_lib/sim_card');
const { readReply } = require('./smsc_lib/texts');

const PIN = '1234';
const KEY = 'svgate-master';
/** Phones that order before the token goes, and phones of which nobody has heard before. */
const WARM = 20;
const COLD = 10;
const PHASE_WITHIN_MS = 30_000;
/** Answers 0x14 to those whose keys are away. */
const REFUSED = 5;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What the operator does before and after: commands, and what they say. */
class Office {
  constructor(given, config) {
    Object.assign(this, { given, config, checks: new Checks() });
    this.pinFile = path.join(given.dir, 'token.pin');
    this.plain = readFileSync(config, 'utf8');
    this.pin(PIN);
    this.settings = {
      module: given.module, token_label: 'svgate', key_label: KEY, pin_file: 'token.pin', timeout_ms: 500,
    };
  }

  /** Writes the configuration with a token in place of the file. */
  configure(other = {}) {
    const value = (one) => (typeof one === 'number' ? one : JSON.stringify(one));
    const lines = Object.entries({ ...this.settings, ...other }).map(([key, one]) => `${key} = ${value(one)}`);
    const without = this.plain.replace(/^master_file = .*\n/m, '');
    writeFileSync(this.config, `${without}\n[keys.token]\n${lines.join('\n')}\n`);
  }

  pin(text) {
    writeFileSync(this.pinFile, `${text}\n`);
    chmodSync(this.pinFile, 0o600);
  }

  run(...words) {
    const args = [...words, '--config', this.config];
    const { status, stdout, stderr } = spawnSync(this.given.svgate, args, { encoding: 'utf8', timeout: 60_000 });
    return { status, said: stdout + stderr };
  }

  claim(name, holds, why = '') {
    this.checks.claim(name, 1, holds ? [] : [why || 'it did not happen']);
  }

  /** A command ends with this status and says all of these. */
  says(name, { status, said }, expected, ...parts) {
    const missing = parts.filter((part) => !said.includes(part));
    this.claim(name, status === expected && missing.length === 0, `status ${status}, not said: ${missing}: ${said}`);
  }

  pkcs11(...args) {
    const all = ['--module', this.given.module, '--token-label', 'svgate', '--login', '--pin', PIN, ...args];
    execFileSync('pkcs11-tool', all, { stdio: 'ignore' });
  }

  /** The master of the key file goes into the token: the same keys from both. */
  bringMaster() {
    const valueOf = ({ said }) => /check value ([0-9a-f]{12})/.exec(said)?.[1];
    const ofFile = this.run('keys', 'check');
    this.says('a key file is checked against known answers', ofFile, 0, 'RFC 4493', 'SP 800-108');
    this.configure();
    this.says('a key that is missing is named', this.run('keys', 'check'), 1, 'key_label', KEY, 'keys init --token');
    const file = path.join(this.given.dir, 'master.key');
    const brought = this.run('keys', 'init', '--token', '--from', file);
    this.says('the master is brought into the token', brought, 0, KEY);
    const inToken = this.run('keys', 'check');
    this.says('known answers through the token', inToken, 0,
      'ok: AES-CMAC, RFC 4493, in the token', 'ok: SIM keys, SP 800-108, in the token', 'not extractable');
    this.claim('file and token have the same check value',
      valueOf(ofFile) !== undefined && valueOf(ofFile) === valueOf(inToken));
    this.says('a second master under its label is refused', this.run('keys', 'init', '--token'), 5, 'left as it is');
    this.configure({ key_label: 'made-there' });
    this.says('a new master is made in the token', this.run('keys', 'init', '--token'), 0, 'made-there');
    this.says('it is one that can be used', this.run('keys', 'check'), 0, 'made-there');
  }

  /** Each fault of a token is told with its setting and a remedy. */
  faults() {
    const check = () => spawnSync(this.given.svgate, ['check-config', this.config], { encoding: 'utf8' });
    const faulty = (name, settings, ...parts) => {
      this.configure(settings);
      const { status, stderr } = check();
      this.says(`check-config: ${name}`, { status, said: stderr }, 3, ...parts);
      this.says(`a command: ${name}`, this.run('purse', 'show'), 1, ...parts);
    };
    faulty('the library is missing', { module: '/nowhere/lib.so' }, '/nowhere/lib.so', 'install');
    faulty('the token is not found', { token_label: 'other' }, 'token_label', '"other"', '"svgate"');
    chmodSync(this.pinFile, 0o644);
    faulty('others can read the PIN', {}, 'pin_file', 'chmod 600');
    chmodSync(this.pinFile, 0o600);

    this.pkcs11('--keygen', '--key-type', 'AES:32', '--label', 'loose', '--extractable');
    this.configure({ key_label: 'loose' });
    this.says('a key that can leave the token is refused', this.run('purse', 'show'), 1, 'CKA_EXTRACTABLE', 'another');
    for (let n = 0; n < 2; n += 1) this.pkcs11('--keygen', '--key-type', 'AES:32', '--label', 'twins', '--sensitive');
    this.configure({ key_label: 'twins' });
    this.says('two keys of one label are refused', this.run('purse', 'show'), 1, 'key_label', '2 secret keys');
    this.pkcs11('--keygen', '--key-type', 'AES:32', '--label', 'busy', '--sensitive');
    this.configure({ key_label: 'busy' });
    this.says('a key that may do more than sign is refused', this.run('purse', 'show'), 1, 'encipher, wrap or derive');
    this.pkcs11('--keygen', '--key-type', 'AES:16', '--label', 'short', '--sensitive');
    this.configure({ key_label: 'short' });
    this.says('a key of 16 octets is refused', this.run('purse', 'show'), 1, 'no AES key of 32 octets');
    this.configure();
  }

  /** A wrong PIN is tried once, and then only when a person asks. */
  wrongPin() {
    const warned = () => spawnSync(this.given.svgate, ['check-config', this.config], { encoding: 'utf8' }).stderr;
    this.claim('before: the token tells of no wrong PIN', !warned().includes('warning: '), warned());
    this.pin('9999');
    this.claim('check-config gives the token no PIN', !warned().includes('warning: '), warned());
    this.says('a wrong PIN: the start fails', this.run('serve'), 1, 'tried once', 'pin_file', 'locks itself');
    this.says('the next start does not try it', this.run('serve'), 1, 'not tried by itself', 'keys check');
    this.pin(PIN);
    this.says('nor the right one, which it can not tell', this.run('serve'), 1, 'not tried by itself');
    this.claim('check-config warns of it', warned().includes('warning: '), warned());
    this.says('a person tries the right one', this.run('keys', 'check'), 0, 'ok: master key in the token');
    this.claim('and all is well', !warned().includes('warning: '), warned());
  }
}

/** The gateway serves, phones order. */
class Run {
  constructor(given, site, office) {
    Object.assign(this, { given, site, office, random: new Random(1), ready: [] });
    const master = readMaster(readFileSync(path.join(given.dir, 'master.key'), 'utf8'));
    this.phones = Array.from({ length: WARM + COLD }, (_, n) => ({
      ...phoneOf(n), sim: new SimCard(master, iccidOf(n), 1), references: 0, paid: 0, made: 0,
    }));
    [this.seller] = MACHINES;
    this.machine = new Machine(this.seller.id, site.tokens[this.seller.id], [site.http], new Random(1));
    this.gateway = new GatewayProcess(given.svgate, site.config, path.join(given.dir, 'gateway.log'));
    this.refusals = 0;
    this.faults = [];
    this.centre = new MessageCentre(site.account, () => (this.machine.polled ? this.ready.shift() ?? null : null));
    this.centre.on('answered', (_, status) => { if (status === QUEUE_FULL) this.refusals += 1; });
    this.centre.on('submit', (pdu) => this.hear(pdu));
  }

  hear({ destination_addr: to, esm_class: esm, short_message: { message } }) {
    const phone = this.phones.find(({ msisdn }) => msisdn === to);
    if (!(esm & UDHI)) {
      if (readReply(String(message)).kind === 'paid') phone.paid += 1;
      return;
    }
    try {
      if (phone.sim.confirm(message)?.outcome === PAID) phone.paid += 1;
    } catch (error) {
      this.faults.push(`phone ${phone.number}: ${error.message}`);
    }
  }

  /** One piece by the SIM menu. */
  order(phone) {
    phone.references += 1;
    phone.made += 1;
    const [item] = ITEMS;
    const packet = phone.sim.seal(appletOrder({
      item, code: item.code, quantity: 1, shortCode: this.seller.code, agreed: priceOf(item, 1).gross,
      kind: 'shown', reference: phone.references,
    }));
    this.ready.push({ pdu: packetPdus(phone.msisdn, packet, this.random, null)[0] });
    this.centre.pump();
  }

  words(phone) {
    phone.made += 1;
    const short_message = `BUY ${this.seller.code} ${ITEMS[1].code}`;
    this.ready.push({ pdu: addressed(phone.msisdn, { data_coding: 0, short_message }) });
    this.centre.pump();
  }

  watch(what) {
    return new Promise((resolve) => {
      const asked = http.get({ host: '127.0.0.1', port: this.site.metrics, path: what }, (answer) => {
        let text = '';
        answer.on('data', (piece) => { text += piece; });
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      });
      asked.on('error', () => resolve({ status: 0, text: '' }));
    });
  }

  async metric(name) {
    const { text } = await this.watch('/metrics');
    return Number(new RegExp(`^svgate_${name} (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  }

  async until(shown) {
    const last = Date.now() + PHASE_WITHIN_MS;
    while (Date.now() < last) {
      if (await shown()) return true;
      await sleep(50);
    }
    return false;
  }

  async claim(name, shown) {
    this.office.claim(name, await this.until(shown), JSON.stringify(await this.watch('/readyz')));
  }

  allPaid(phones) {
    return phones.every(({ paid, made }) => paid === made);
  }

  away() {
    renameSync(this.given.tokens, `${this.given.tokens}.away`);
  }

  back() {
    renameSync(`${this.given.tokens}.away`, this.given.tokens);
  }

  async unready(phase, reason) {
    await this.claim(`${phase}: it is not ready, and says why`, async () => {
      const { status, text } = await this.watch('/readyz');
      return status === 503 && text.includes('keys: ') && text.includes(reason);
    });
    await this.claim(`${phase}: svgate_token_up is 0`, async () => await this.metric('token_up') === 0);
  }

  async readyAgain(phase) {
    await this.claim(`${phase}: it is ready by itself`, async () => (await this.watch('/readyz')).status === 200);
    await this.claim(`${phase}: svgate_token_up is 1`, async () => await this.metric('token_up') === 1);
  }

  /** The token goes while everybody orders, and comes back. */
  async loss(warm, cold) {
    this.away();
    await this.unready('the token is gone', 'the token does not work');
    const before = this.refusals;
    for (const phone of [...warm, ...cold]) this.order(phone);
    this.words(warm[0]);
    await this.claim('the token is gone: cards that were heard before are served', () => this.allPaid(warm));
    await this.claim('the token is gone: other cards come again, 0x14', () => this.refusals >= before + REFUSED);
    this.office.claim('the token is gone: nothing is paid to those', cold.every(({ paid }) => paid === 0));
    this.back();
    await this.readyAgain('the token is back');
    await this.claim('the token is back: those are paid and told', () => this.allPaid(cold));
  }

  /** The token comes back with another PIN: that of the file is tried once, until there is another. */
  async otherPin(phones) {
    this.away();
    await this.unready('gone again', 'the token does not work');
    this.office.pin('4321');
    this.back();
    await this.unready('with a wrong PIN', 'is not tried again');
    const log = () => readFileSync(path.join(this.given.dir, 'gateway.log'), 'utf8');
    await sleep(3_000);
    const tries = log().split('refuses the PIN').length - 1;
    this.office.claim('a wrong PIN is tried once in mid-run', tries === 1, `${tries} tries`);
    this.office.pin(PIN);
    await this.readyAgain('with the right PIN in its file');
    for (const phone of phones) this.order(phone);
    await this.claim('and orders are paid', () => this.allPaid(phones));
  }

  async play() {
    const [warm, cold] = [this.phones.slice(0, WARM), this.phones.slice(WARM)];
    await this.centre.listen(this.site.smpp);
    this.gateway.start();
    this.machine.run();
    await this.claim('it starts with the token', async () => (await this.watch('/readyz')).status === 200);
    for (const phone of warm) this.order(phone);
    await this.claim('orders are paid and told under keys of the token', () => this.allPaid(warm));
    await this.claim('keys are held for these cards', async () => await this.metric('token_cards_held') === WARM);
    await this.loss(warm, cold);
    await this.otherPin(warm.slice(0, 3));
    await this.until(() => this.machine.idle());
    const stopped = await this.gateway.stop(PHASE_WITHIN_MS);
    this.machine.stop();
    this.centre.close();
    this.office.claim('it stops in order', stopped === 0, String(stopped));
    this.office.claim('every confirmation opens under the card\'s own keys', this.faults.length === 0, this.faults[0]);
    const query = sqliteBooks(path.join(this.given.dir, 'svgate.db'));
    const made = this.phones.reduce((sum, phone) => sum + phone.made, 0);
    const [{ paid }] = query('select count(*) as paid from purchase where paid_ms is not null');
    this.office.claim('every order is paid once', paid === made, `${made} orders, ${paid} paid`);
    checkBalances(this.office.checks, query);
  }
}

async function main() {
  const text = { type: 'string' };
  const { values: given } = parseArgs({ options: { svgate: text, dir: text, module: text, tokens: text } });
  // Books, money and subscribers are there before the master moves: its purses' keys are the same after.
  const site = await prepare(given.svgate, given.dir, Math.ceil((WARM + COLD) * ORDERS_EACH));
  const office = new Office(given, site.config);
  office.bringMaster();
  office.faults();
  office.wrongPin();
  await new Run(given, site, office).play();
  return office.checks.report() ? 0 : 1;
}

main().then((status) => process.exit(status), (error) => {
  console.error(error);
  process.exit(1);
});
