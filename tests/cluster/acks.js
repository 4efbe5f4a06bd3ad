'use strict';
// When each server acknowledged something: counts for each tenth of a second.

const SLOT_MS = 100;

class Acks {
  constructor() {
    this.servers = new Map();
  }

  add(server) {
    const slots = this.servers.get(server) ?? new Map();
    const slot = Math.floor(Date.now() / SLOT_MS);
    slots.set(slot, (slots.get(slot) ?? 0) + 1);
    this.servers.set(server, slots);
  }

  /** How many of all servers from one moment to another. */
  between(fromMs, toMs) {
    let sum = 0;
    for (const slots of this.servers.values()) {
      for (const [slot, count] of slots) {
        if (slot * SLOT_MS >= fromMs && slot * SLOT_MS < toMs) sum += count;
      }
    }
    return sum;
  }

  /** How long after a moment a server first acknowledged something; null for not at all. */
  firstAfter(server, ms) {
    const slots = [...(this.servers.get(server)?.keys() ?? [])].filter((slot) => slot * SLOT_MS > ms);
    return slots.length > 0 ? Math.min(...slots) * SLOT_MS - ms : null;
  }

  /** The longest silence of a server between two moments. */
  longestGap(server, fromMs, toMs) {
    const slots = [...(this.servers.get(server)?.keys() ?? [])]
      .map((slot) => slot * SLOT_MS).filter((at) => at > fromMs && at < toMs).sort((a, b) => a - b);
    let longest = 0;
    let last = fromMs;
    for (const at of [...slots, toMs]) {
      longest = Math.max(longest, at - last - SLOT_MS);
      last = at;
    }
    return longest;
  }
}

module.exports = { Acks };
