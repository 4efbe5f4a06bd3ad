'use strict';
// The test's operator: configuration, keys, subscribers, merchants, money and tokens, all by the
// gateway's own commands.

const { execFileSync } = require('node:child_process');
const { chmodSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { CAP_MINOR, FEE_MINOR, MACHINES, merchantFile } = require('./catalogue');
const { freePorts } = require('./free_ports');
const { phoneOf, phonesFor } = require('./orders');
const { iccidOf } = require('./sim_card');
const { euros } = require('./texts');

const ACCOUNT = { systemId: 'svgate', password: 'pw4tests' };
const CREDIT_MINOR = 10_000_000;
const LOADED = '10000000.00';

/**
 * One node's configuration; `store` is the section that says where the books are. Key and password are looked for in
 * `secrets`. Waits for a bind are short, so that it is back soon. Machines may take longer to accept
 * than by default: where the host stands still for some seconds, nothing shall be refunded for that.
 */
function configFile({
  node, store, secrets, smsc, ports, acceptWithinS = 120,
}) {
  return `
[node]
id = ${node}
operator = "Peers Mobile"

${store}

[keys]
master_file = "${secrets}/master.key"

[keys.orders]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f001"

[keys.confirmations]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f002"

[[smsc]]
name = "${smsc}"
host = "127.0.0.1"
port = ${ports.smpp}
system_id = "${ACCOUNT.systemId}"
password_file = "${secrets}/smsc.password"
bind = "trx"
originator = "trusted"
window_pdus = 50
reconnect_min_ms = 50
reconnect_max_ms = 500

[http]
listen = "127.0.0.1:${ports.http}"

[metrics]
listen = "127.0.0.1:${ports.metrics}"

[purchase]
accept_within_s = ${acceptWithinS}
report_within_s = 300
cooling_off_s = 0

[billing]
cutoff_day = 1
time_zone = "Europe/Vienna"

[[class]]
name = "standard"
plain_cap = { EUR = "10.00" }
bill_maximum = { EUR = "300.00" }

[[tax]]
code = "standard"
rate_percent = "19.00"

[[fee]]
currency = "EUR"
amount = "${euros(FEE_MINOR)}"

[texts]

[export]
dir = "export"
head_file = "export-head"
operator = "PEERS"

[log]
format = "text"
level = "info"
`;
}

/** Subscribers for the phones of those numbers, as their import reads them. */
function subscriberFile(first, count) {
  const head = 'subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,'
    + 'cap_minor,key_version';
  const rows = Array.from({ length: count }, (_, at) => {
    const i = first + at;
    const { msisdn, language } = phoneOf(i);
    const imsi = `26201${String(i).padStart(10, '0')}`;
    const money = ['EUR', CREDIT_MINOR, CAP_MINOR];
    return [`acct-${i}`, msisdn, iccidOf(i), imsi, language, 'standard', ...money, 1].join(',');
  });
  return `${[head, ...rows].join('\n')}\n`;
}

/** Runs one command of the gateway's and returns what it printed. */
function svgate(binary, args) {
  return execFileSync(binary, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What the operator keeps secret, once for all nodes. */
function makeSecrets(binary, dir) {
  svgate(binary, ['keys', 'init', '--out', path.join(dir, 'master.key')]);
  writeFileSync(path.join(dir, 'smsc.password'), `${ACCOUNT.password}\n`);
  chmodSync(path.join(dir, 'smsc.password'), 0o600);
}

function importSubscribers(binary, config, first, count) {
  const file = path.join(path.dirname(config), `subscribers-${first}.csv`);
  writeFileSync(file, subscriberFile(first, count));
  svgate(binary, ['subscriber', 'import', file, '--config', config]);
}

/** Merchants with their terminals; each terminal's token by its id. */
function importMerchants(binary, config) {
  const file = path.join(path.dirname(config), 'merchants.toml');
  writeFileSync(file, merchantFile());
  const run = (...args) => svgate(binary, [...args, '--config', config]);
  run('merchant', 'import', file);
  return Object.fromEntries(MACHINES.map(({ id }) => {
    const { token } = JSON.parse(run('terminal', 'token', id, '--json'));
    return [id, token];
  }));
}

function loadPurse(binary, config, reference) {
  const money = ['--amount', LOADED, '--currency', 'EUR', '--reference', reference];
  svgate(binary, ['purse', 'load', ...money, '--config', config]);
}

/**
 * Sets one gateway up in `dir`, which has no operator's files yet, for so many orders; its books are in
 * an SQLite file, unless `store` says where.
 */
async function prepare(binary, dir, orders, store = '[store]\npath = "svgate.db"') {
  const [smpp, http, metrics] = await freePorts(3);
  const config = path.join(dir, 'svgate.toml');
  writeFileSync(config, configFile({
    node: 7, store, secrets: '.', smsc: 'peer', ports: { smpp, http, metrics },
  }));
  makeSecrets(binary, dir);
  svgate(binary, ['check-config', config]);
  importSubscribers(binary, config, 0, phonesFor(orders));
  const tokens = importMerchants(binary, config);
  loadPurse(binary, config, 'peers-1');
  const site = { config, smpp, http, metrics, account: ACCOUNT, tokens };
  writeFileSync(path.join(dir, 'site.json'), JSON.stringify(site));
  return site;
}

module.exports = {
  ACCOUNT, configFile, importMerchants, importSubscribers, loadPurse, makeSecrets, prepare, svgate,
};
