'use strict';
// A list of claims, each with how many cases were looked at and which speak against it.

const SHOWN_MAX = 5;

class Checks {
  constructor() {
    this.rows = [];
  }

  /** One claim: `wrong` are the cases against it, of `of` that were looked at. */
  claim(name, of, wrong) {
    this.rows.push({ name, of, wrong });
  }

  /** Prints the table; true when every claim held, and every one had something to hold for. */
  report() {
    const width = Math.max(...this.rows.map(({ name }) => name.length));
    for (const { name, of, wrong } of this.rows) {
      const verdict = wrong.length > 0 ? 'FAIL' : of === 0 ? 'none' : 'ok';
      console.log(`${verdict.padEnd(4)}  ${name.padEnd(width)}  ${String(of).padStart(7)}`
        + (wrong.length > 0 ? `  ${wrong.length} wrong` : ''));
      for (const one of wrong.slice(0, SHOWN_MAX)) console.log(`        ${one}`);
    }
    const failed = this.rows.filter(({ of, wrong }) => wrong.length > 0 || of === 0).length;
    console.log(`${this.rows.length - failed} passed, ${failed} failed`);
    return failed === 0;
  }
}

module.exports = { Checks };
