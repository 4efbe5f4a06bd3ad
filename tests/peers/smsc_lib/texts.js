'use strict';
// What a subscriber reads: the replies in English, as a person would tell them apart.

const GOLDEN = 0x9e3779b97f4a7c15n;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The six characters that stand for a purchase in a text. */
function purchaseReference(purchase) {
  const spread = BigInt.asUintN(64, BigInt(purchase) * GOLDEN);
  const shifts = [59n, 54n, 49n, 44n, 39n, 34n];
  return shifts.map((shift) => CROCKFORD[Number((spread >> shift) & 31n)]).join('');
}

/** What can stand in a reply. */
const WORDS = {
  amount: '[\\d.]+', merchant: '[^:]+', units: '\\d+', item: '\\w+', ref: '\\w{6}',
  time: '\\d\\d:\\d\\d', code: '\\d+', order: '.+', hours: '\\d+',
};
const KINDS = [
  ['paid', 'Paid {amount} EUR to {merchant}: {units} x {item}. It goes on your bill. Ref {ref}'],
  ['paid', 'Paid {amount} EUR to {merchant}. It goes on your bill. Ref {ref}'],
  ['refunded', 'Refunded {amount} EUR: {merchant} could not supply. '
    + 'Your bill is not charged. Ref {ref}'],
  ['part_refunded', 'Refunded {amount} EUR: {units} x {item} could not be supplied. Ref {ref}'],
  ['repeated', 'Already bought {time}. Another? {order}'],
  ['again_used', 'That AGAIN number was used or never given. Nothing was paid. To order: {order}'],
  ['unknown_item', 'No item {item} at {code}. LIST {code} shows what there is.'],
  ['unknown_short_code', 'There is no {code}. '
    + 'Please check the number on the machine. Nothing was paid.'],
  ['over_plain_cap', 'Above {amount} EUR please order from the SIM menu. Nothing was paid.'],
  ['plain_rests', 'After a fault of ours, orders by text rest for {hours} h. '
    + 'Nothing was paid. The SIM menu works.'],
  ['not_billable', 'This number has no bill that purchases can go on. Nothing was paid.'],
].map(([kind, form]) => [kind, formOf(form)]);

/** A form as a regular expression; what is named twice must be the same twice. */
function formOf(form) {
  const named = new Set();
  const pattern = form.replace(/[.?]/g, '\\$&').replace(/\{(\w+)\}/g, (_, word) => {
    if (named.has(word)) return `\\k<${word}>`;
    named.add(word);
    return `(?<${word}>${WORDS[word]})`;
  });
  return new RegExp(`^${pattern}$`);
}

/** The kind of a reply and what it names; kind `other` for what nobody here expects. */
function readReply(text) {
  for (const [kind, form] of KINDS) {
    const match = form.exec(text);
    if (match) return { kind, ...match.groups };
  }
  return { kind: 'other', text };
}

function euros(minor) {
  return `${Math.floor(minor / 100)}.${String(minor % 100).padStart(2, '0')}`;
}

module.exports = { euros, purchaseReference, readReply };
