'use strict';
// Ports that nobody listens on just now, from below those that the kernel gives to whoever connects: one
// of these could be taken by a stranger's connection before the test has listened on it.

const net = require('node:net');

const FIRST = 20_000;
const PAST = 32_768;

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** So many different ones; any of them, so that tests beside each other rarely choose the same. */
async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (PAST - FIRST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

module.exports = { freePorts };
