'use strict';
// The words of the language, read out of the tables that the parser and the checker use.

const fs = require('node:fs');
const path = require('node:path');

const language = path.join(__dirname, '../../../crates/lang/src/twf');

const source = (/** @type {string} */ file) => fs.readFileSync(path.join(language, file), 'utf8');

/** Every first group of a pattern in a text, once each, sorted. */
function all(/** @type {string} */ text, /** @type {RegExp} */ pattern) {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1]))].sort();
}

/** The words that are never names of definitions. */
function keywords() {
  const table = source('token.rs').match(/pub const KEYWORDS: &\[&str\] = &\[([^\]]*)\]/);
  if (!table) throw new Error('token.rs has no table KEYWORDS');
  return all(table[1], /"(\w+)"/g);
}

/** The keys of options, older spellings too. */
function optionKeys() {
  const text = source('options/keys.rs');
  return [...new Set([...all(text, /\b(?:key|ours)\("(\w+)"/g), ...all(text, /^\s+\("(\w+)", "\w+"\)/gm)])].sort();
}

/** The words that are values of options. */
function optionWords() {
  const lists = all(source('options/keys.rs'), /Enum\(&\[([^\]]*)\]\)/g);
  return all(lists.join(), /"(\w+)"/g);
}

/** The functions of the language. */
function builtins() {
  const text = source('builtin.rs');
  const facts = text.match(/pub const NAMES: &\[&str\] = &\[([^$]*)/);
  return [...new Set([...all(text, /^ {4}"(\w+)" \w+\(/gm), ...all(facts ? facts[1] : '', /"(\w+)"/g)])].sort();
}

/** The names of types that the language knows, older ones too. */
function types() {
  const table = source('shape.rs').match(/"any" => Shape::ANY,[^]*?other =>/);
  if (!table) throw new Error('shape.rs has no table of type names');
  return all(table[0], /"(\w+)"/g).filter((word) => word !== 'none' && word !== 'None');
}

module.exports = { keywords, optionKeys, optionWords, builtins, types };
