'use strict';
// Writes syntaxes/twf.tmLanguage.json: `npm run grammar`, after a change of the rules here or of the language's words.

const fs = require('node:fs');
const path = require('node:path');

const definitions = require('./definitions');
const expressions = require('./expressions');
const { include } = require('./fragments');
const options = require('./options');
const statements = require('./statements');
const words = require('./words');

const WIDTH = 120;
const target = path.join(__dirname, '../syntaxes/twf.tmLanguage.json');

/** The grammar. Among rules that match at one place the first wins, so narrow ones stand before wide ones. */
function grammar() {
  return {
    name: 'TWF',
    scopeName: 'source.twf',
    fileTypes: ['twf'],
    patterns: [
      ...include('comment', 'annotation', 'unit', 'record', 'options-block', 'options-line', 'definition', 'deployment'),
      ...include('message', 'wait', 'call', 'branch', 'end', 'loose-list', 'loose-option', 'expression'),
    ],
    repository: {
      ...definitions.rules(words.types()),
      ...statements.rules,
      ...options.rules(words.optionKeys(), words.optionWords()),
      ...expressions.rules(words.builtins()),
    },
  };
}

/**
 * JSON with short values on one line, so that a change of a rule is a change of a line.
 *
 * @param {unknown} value
 * @returns {string}
 */
function print(value, indent = '') {
  const inner = `${indent}  `;
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || flat.length + indent.length <= WIDTH) return flat;
  const isList = Array.isArray(value);
  const lines = isList
    ? value.map((item) => inner + print(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${print(item, inner)}`);
  return `${isList ? '[' : '{'}\n${lines.join(',\n')}\n${indent}${isList ? ']' : '}'}`;
}

/** The text of the committed file. */
const text = () => `${print(grammar())}\n`;

if (require.main === module) fs.writeFileSync(target, text());

module.exports = { grammar, text, target };
