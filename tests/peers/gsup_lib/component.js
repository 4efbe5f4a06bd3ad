'use strict';
// Components of 3GPP TS 24.080 as an MSC passes them on, and the 7-bit text in them.

const INVOKE = 0xa1;
const RESULT = 0xa2;
const ERROR = 0xa3;
const PROCESS = 0x3b;
const REQUEST = 0x3c;
const UCS2 = 0x48;

/** The default alphabet of 3GPP TS 23.038 where it is not ASCII, as far as this test's texts go. */
const ODD = new Map([[0x00, '@'], [0x02, '$'], [0x11, '_'], [0x0a, '\n'], [0x0d, '\r']]);

function pack(text) {
  const odd = new Map([...ODD].map(([septet, symbol]) => [symbol, septet]));
  const bits = [...text].flatMap((symbol) => {
    const septet = odd.get(symbol) ?? symbol.charCodeAt(0);
    return Array.from({ length: 7 }, (_, bit) => (septet >> bit) & 1);
  });
  // Seven bits that are left would read as one more `@`: 23.038 fills them with a carriage return.
  if (bits.length % 8 === 1) bits.push(...Array.from({ length: 7 }, (_, bit) => (0x0d >> bit) & 1));
  const octets = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, at) => { octets[at >> 3] |= bit << (at & 7); });
  return octets;
}

function unpack(octets) {
  let text = '';
  for (let at = 0; at + 7 <= octets.length * 8; at += 7) {
    let septet = 0;
    for (let bit = 0; bit < 7; bit += 1) {
      septet |= ((octets[(at + bit) >> 3] >> ((at + bit) & 7)) & 1) << bit;
    }
    text += ODD.get(septet) ?? String.fromCharCode(septet);
  }
  return octets.length % 7 === 0 ? text.replace(/\r$/, '') : text;
}

const tlv = (tag, ...parts) => {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part)));
  if (value.length > 127) throw new Error('a longer length than an HLR reads');
  return Buffer.concat([Buffer.from([tag, value.length]), value]);
};

const string = (text) => tlv(0x30, tlv(0x04, [0x0f]), tlv(0x04, pack(text)));

function invoke(id, operation, text) {
  return tlv(INVOKE, tlv(0x02, [id]), tlv(0x02, [operation]), string(text));
}

function result(id, operation, text) {
  return tlv(RESULT, tlv(0x02, [id]), tlv(0x30, tlv(0x02, [operation]), string(text)));
}

/** Each element of `octets`; throws where one does not fit, or has a length of more octets. */
function elements(octets) {
  const found = [];
  let at = 0;
  while (at < octets.length) {
    const [tag, length] = [octets[at], octets[at + 1]];
    if (length === undefined || length > 127 || at + 2 + length > octets.length) {
      throw new Error(`element ${tag.toString(16)} at ${at} of ${octets.toString('hex')}`);
    }
    found.push({ tag, value: octets.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return found;
}

/** What a phone is told: `{kind, id, operation, text}`. */
function read(octets) {
  if (octets.length === 0) return { kind: 'nothing' };
  const [whole] = elements(octets);
  const parts = elements(whole.value);
  const id = parts[0].value[0];
  if (whole.tag === ERROR) return { kind: 'error', id, code: parts[1].value[0] };
  const inner = whole.tag === RESULT ? elements(parts[1].value) : parts.slice(1);
  const [coding, text] = elements(inner[1].value);
  const decoded = coding.value[0] === UCS2
    ? Buffer.from(text.value).swap16().toString('utf16le') : unpack(text.value);
  return {
    kind: whole.tag === INVOKE ? 'invoke' : 'result',
    id,
    operation: inner[0].value[0],
    text: decoded,
  };
}

module.exports = { PROCESS, REQUEST, invoke, pack, read, result, unpack };
