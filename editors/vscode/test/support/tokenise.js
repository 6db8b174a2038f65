'use strict';
// Reads text with the grammar the way the editor does: vscode-textmate over Oniguruma.

const fs = require('node:fs');
const path = require('node:path');
const { Registry, INITIAL, parseRawGrammar } = require('vscode-textmate');
const { loadWASM, OnigScanner, OnigString } = require('vscode-oniguruma');

const root = path.join(__dirname, '../..');
/** @type {Record<string, string>} */
const files = {
  'source.twf': 'syntaxes/twf.tmLanguage.json',
  'markdown.twf.codeblock': 'syntaxes/markdown.twf.tmLanguage.json',
};

/** A registry over the committed grammars, and over further ones given as `{ scopeName: grammar }`. */
async function registry(/** @type {Record<string, object>} */ further = {}) {
  const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  return new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (sources) => new OnigScanner(sources),
      createOnigString: (text) => new OnigString(text),
    }),
    loadGrammar: async (scope) => {
      if (further[scope]) return parseRawGrammar(JSON.stringify(further[scope]), `${scope}.json`);
      if (!files[scope]) return null;
      return parseRawGrammar(fs.readFileSync(path.join(root, files[scope]), 'utf8'), files[scope]);
    },
    getInjections: (scope) => (scope === 'text.html.markdown' ? ['markdown.twf.codeblock'] : []),
  });
}

/**
 * Tokens of every line: their text and their scopes, outermost first, without those of the file itself.
 * `left` are the scopes that are still open behind the line.
 */
function tokenise(/** @type {import('vscode-textmate').IGrammar} */ grammar, /** @type {string} */ text) {
  let state = INITIAL;
  return text.split(/\r?\n/).map((line) => {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    const tokens = result.tokens
      .map((token) => ({ text: line.slice(token.startIndex, token.endIndex), scopes: token.scopes.slice(1) }))
      .filter((token) => token.text !== '');
    const next = grammar.tokenizeLine('', state).tokens[0];
    return { line, tokens, left: next ? next.scopes.slice(1) : [] };
  });
}

module.exports = { registry, tokenise, root };
