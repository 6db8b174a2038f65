'use strict';
// Texts that are compared with committed ones. `UPDATE_SNAPSHOTS=1 npm test` writes them anew: look at them then.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./tokenise');

/** Compares a text with the committed one of that name. */
function matches(/** @type {string} */ name, /** @type {string} */ text) {
  const file = path.join(root, 'test/snapshots', `${name}.txt`);
  if (process.env.UPDATE_SNAPSHOTS) fs.writeFileSync(file, text);
  assert.ok(fs.existsSync(file), `${file} is missing: run with UPDATE_SNAPSHOTS=1`);
  assert.equal(text, fs.readFileSync(file, 'utf8'), `${name} is highlighted in another way than before`);
}

module.exports = { matches };
