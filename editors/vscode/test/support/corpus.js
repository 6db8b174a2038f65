'use strict';
// Every text in the language that the repository holds: fixtures, examples, and the fences of its documents.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./tokenise');

const repository = path.join(root, '../..');

/**
 * Files with an ending below a folder, as paths from the repository's root.
 *
 * @param {string} folder
 * @param {string} ending
 * @returns {string[]}
 */
function files(folder, ending) {
  const entries = fs.readdirSync(path.join(repository, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : files(name, ending);
    return name.endsWith(ending) ? [name] : [];
  });
}

const read = (/** @type {string} */ file) => fs.readFileSync(path.join(repository, file), 'utf8');

/** The fenced blocks of a document in the language. */
function fences(/** @type {string} */ file) {
  const blocks = [...read(file).matchAll(/^```twf\b[^\n]*\n([^]*?)^```/gm)];
  return blocks.map((block, at) => ({ name: `${file} #${at + 1}`, text: block[1] }));
}

/** Everything, by name. */
function corpus() {
  const whole = [...files('examples', '.twf'), ...files('editors/vscode/test/fixtures', '.twf')];
  const documents = [...files('specs', '.md'), ...files('docs', '.md')];
  return [...whole.map((name) => ({ name, text: read(name) })), ...documents.flatMap(fences)];
}

module.exports = { corpus, read, repository };
