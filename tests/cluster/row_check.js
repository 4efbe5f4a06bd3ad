'use strict';
// The rows of row_writers.js as each member of the cluster has them.

const { placesIn } = require('./place');
const { Psql } = require('./psql');

const CAUGHT_UP_WITHIN_MS = 30_000;
const AGAIN_MS = 500;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Lines of one statement at one server. */
async function once(place, sql) {
  const psql = new Psql(place);
  try {
    return await psql.ask(sql, 60_000);
  } finally {
    psql.kill();
  }
}

/** What every member answers, once all answer the same; else their last answers. */
async function ofEach(dir, sql) {
  const places = placesIn(dir);
  const since = Date.now();
  for (;;) {
    const answers = await Promise.all(places.map((place) => once(place, sql)
      .catch((error) => [error.message])));
    const texts = answers.map((lines) => lines.join('\n'));
    const same = texts.every((text) => text === texts[0]);
    if (same || Date.now() - since > CAUGHT_UP_WITHIN_MS) return { places, answers, texts, same };
    await sleep(AGAIN_MS);
  }
}

async function checkRows(checks, dir, { acknowledged }) {
  const sql = 'select writer, n from probe order by 1, 2';
  const { places, answers, texts, same } = await ofEach(dir, sql);
  checks.claim('the members have the same rows', places.length,
    same ? [] : texts.map((text, i) => `${places[i].name}: ${text.length} octets`));
  const there = new Set(answers[0]);
  const lost = acknowledged.flatMap((last, writer) => Array.from({ length: last }, (_, i) => (
    `${writer}|${i + 1}`)).filter((row) => !there.has(row)));
  checks.claim('no acknowledged row is lost', acknowledged.reduce((sum, n) => sum + n, 0), lost);
}

module.exports = { checkRows, ofEach, once };
