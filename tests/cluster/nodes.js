'use strict';
// Two gateway nodes on one database: folders, configurations, money and merchants, once for all
// rounds.
//
//   DIR/nodes/master.key smsc.password site.json   what they share
//   DIR/nodes/a/svgate.toml gateway.log            one node; b is the other

const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { basePort, placesIn } = require('./place');
const {
  ACCOUNT, configFile, importMerchants, loadPurse, makeSecrets, svgate,
} = require('../peers/smsc_lib/operator');

const NAMES = ['a', 'b'];
/** Machines have it anew after each fault: longer than any fail-over, and each round ends with it. */
const ACCEPT_WITHIN_S = 45;

/** The section of the configuration that says where the books are. */
function storeSection(dir) {
  const places = placesIn(dir);
  const hosts = places.map(({ host, port }) => `"${host}:${port}"`).join(', ');
  const [{ database, user }] = places;
  return [
    '[store.postgres]',
    `hosts = [${hosts}]`,
    `database = "${database}"`,
    `user = "${user}"`,
    'password_file = "../../svgate.password"',
  ].join('\n');
}

function nodeIn(dir, name, i) {
  const base = basePort(dir);
  const folder = path.join(dir, 'nodes', name);
  return {
    name,
    node: i + 1,
    folder,
    config: path.join(folder, 'svgate.toml'),
    ports: { http: base + 31 + i, metrics: base + 33 + i, smpp: base + 35 + i },
  };
}

/** The two nodes of the cluster in `dir`, made by the operator's commands the first time. */
function nodesIn(binary, dir) {
  const nodes = NAMES.map((name, i) => nodeIn(dir, name, i));
  const file = path.join(dir, 'nodes', 'site.json');
  if (existsSync(file)) return { ...JSON.parse(readFileSync(file, 'utf8')), nodes };
  const store = storeSection(dir);
  for (const {
    name, folder, config, node, ports,
  } of nodes) {
    mkdirSync(folder, { recursive: true });
    // A reply goes back by the bind that its order came through: each has a name of its own.
    const smsc = `smsc-${name}`;
    writeFileSync(config, configFile({
      node, store, secrets: '..', smsc, ports, acceptWithinS: ACCEPT_WITHIN_S,
    }));
  }
  makeSecrets(binary, path.join(dir, 'nodes'));
  for (const { config, node } of nodes) {
    svgate(binary, ['check-config', config]);
    svgate(binary, ['migrate', '--config', config]);
    // Each node pays from a float of its own.
    loadPurse(binary, config, `node-${node}`);
  }
  const site = { account: ACCOUNT, tokens: importMerchants(binary, nodes[0].config) };
  writeFileSync(file, JSON.stringify(site), { mode: 0o600 });
  return { ...site, nodes };
}

module.exports = { nodesIn };
