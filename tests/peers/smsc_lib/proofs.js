'use strict';
// The gateway's own proofs, which must agree with what everybody outside saw.

const { execFile } = require('node:child_process');

const COMMAND_WITHIN_MS = 60_000;

/** Runs one command of the gateway's to its end, beside all that goes on: status, and what it printed. */
function command(binary, config, words) {
  const options = { encoding: 'utf8', timeout: COMMAND_WITHIN_MS };
  return new Promise((resolve) => {
    execFile(binary, [...words, '--config', config], options, (failed, output, error) => {
      resolve({ status: failed ? failed.code : 0, output, error: error.trim() });
    });
  });
}

/** Files are written, their chain is whole from the first on, and the reconciliation finds nothing. */
async function checkProofs(checks, binary, config) {
  const prove = async (words, holds) => {
    const { status, output, error } = await command(binary, config, words);
    const last = output.trimEnd().split('\n').at(-1);
    console.log(`--- svgate ${words.join(' ')}: ${last}`);
    checks.claim(`svgate ${words.join(' ')} agrees`, 1,
      status === 0 && holds.test(last) ? [] : [`status ${status}: ${last} ${error}`]);
  };
  await prove(['export', 'run'], /./);
  await prove(['export', 'verify'], /^\d+ files, chain unbroken/);
  await prove(['reconcile'], /[1-9]\d* paid purchases, 0 in flight, .* 0 differences$/);
}

module.exports = { checkProofs, command };
