'use strict';
// The gateway's own proofs, which must agree with what everybody outside saw.

const { spawnSync } = require('node:child_process');

const COMMAND_WITHIN_MS = 60_000;

/** Runs one command of the gateway's to its end: status, and what it printed. */
function command(binary, config, words) {
  const { status, stdout, stderr } = spawnSync(binary, [...words, '--config', config], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_WITHIN_MS,
  });
  return { status, output: stdout, error: stderr.trim() };
}

/** Files are written, their chain is whole from the first on, and the reconciliation finds nothing. */
function checkProofs(checks, binary, config) {
  const prove = (words, holds) => {
    const { status, output, error } = command(binary, config, words);
    const last = output.trimEnd().split('\n').at(-1);
    console.log(`--- svgate ${words.join(' ')}: ${last}`);
    checks.claim(`svgate ${words.join(' ')} agrees`, 1,
      status === 0 && holds.test(last) ? [] : [`status ${status}: ${last} ${error}`]);
  };
  prove(['export', 'run'], /./);
  prove(['export', 'verify'], /^\d+ files, chain unbroken/);
  prove(['reconcile'], /[1-9]\d* paid purchases, 0 in flight, .* 0 differences$/);
}

module.exports = { checkProofs, command };
