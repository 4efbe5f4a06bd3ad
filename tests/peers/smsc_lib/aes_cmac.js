'use strict';
// AES-CMAC (RFC 4493, NIST SP 800-38B) and the counter-mode derivation of NIST SP 800-108 over it,
// from nothing but node's AES-CBC. Shares no code with the gateway; checked against tests/vectors.

const { createCipheriv, createDecipheriv } = require('node:crypto');

const BLOCK = 16;
const ZEROS = Buffer.alloc(BLOCK);

/** AES-CBC under a zero IV without padding, as TS 102 225 ciphers: 16, 24 or 32 octets of key. */
function encipher(key, octets) {
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, ZEROS).setAutoPadding(false);
  return Buffer.concat([cipher.update(octets), cipher.final()]);
}

function decipher(key, octets) {
  const cipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, ZEROS).setAutoPadding(false);
  return Buffer.concat([cipher.update(octets), cipher.final()]);
}

/** SP 800-38B §6.1: one subkey from the one before, doubled in the field of 2^128. */
function doubled(block) {
  const out = Buffer.alloc(BLOCK);
  for (let i = 0; i < BLOCK; i += 1) {
    out[i] = ((block[i] << 1) | (i + 1 < BLOCK ? block[i + 1] >> 7 : 0)) & 0xff;
  }
  if (block[0] & 0x80) out[BLOCK - 1] ^= 0x87;
  return out;
}

/** The whole tag of 16 octets: the last block of AES-CBC over the message with its end masked. */
function cmac(key, message) {
  const first = doubled(encipher(key, ZEROS));
  const whole = message.length > 0 && message.length % BLOCK === 0;
  const mask = whole ? first : doubled(first);
  const length = whole ? message.length : message.length - (message.length % BLOCK) + BLOCK;
  const blocks = Buffer.alloc(length);
  message.copy(blocks);
  if (!whole) blocks[message.length] = 0x80;
  for (let i = 0; i < BLOCK; i += 1) blocks[length - BLOCK + i] ^= mask[i];
  return encipher(key, blocks).subarray(length - BLOCK);
}

/** SP 800-108 in counter mode: the counter, one octet, stands before the fixed input. */
function derive(key, fixedInput, octets) {
  const blocks = [];
  for (let i = 1; blocks.length * BLOCK < octets; i += 1) {
    blocks.push(cmac(key, Buffer.concat([Buffer.from([i]), fixedInput])));
  }
  return Buffer.concat(blocks).subarray(0, octets);
}

/** A SIM's key, design.md §4: `iccid` is EF.ICCID, `use` mo-kic, mo-kid, mt-kic or mt-kid. */
function simKey(master, use, keyVersion, iccid) {
  const label = Buffer.from(`svgate-${use}`, 'ascii');
  const fixed = Buffer.concat([label, Buffer.from([0, keyVersion]), iccid, Buffer.from([0, 128])]);
  return derive(master, fixed, 16);
}

module.exports = { BLOCK, cmac, decipher, derive, encipher, simKey };
