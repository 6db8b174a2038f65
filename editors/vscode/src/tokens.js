'use strict';
// Semantic tokens: the server knows what names mean, the grammar sees more in the rest.

const vscode = require('vscode');

/** Kinds that are left to the grammar: it tells calls from declarations, and sees escapes and holes in strings. */
const SPELLED = new Set(['comment', 'keyword', 'number', 'operator', 'string']);

/** Numbers of one token: lines and characters from the one before, length, kind, modifiers. */
const STRIDE = 5;

/**
 * The tokens without those of some kinds; what follows a token that is left out counts from the one before it.
 *
 * @param {Uint32Array} data
 * @param {(kind: number) => boolean} fits
 */
function filter(data, fits) {
  const kept = [];
  let [lines, characters] = [0, 0];
  for (let at = 0; at + STRIDE <= data.length; at += STRIDE) {
    const [line, character, ...rest] = data.subarray(at, at + STRIDE);
    characters = line === 0 ? characters + character : character;
    lines += line;
    if (!fits(rest[1])) continue;
    kept.push(lines, characters, ...rest);
    [lines, characters] = [0, 0];
  }
  return Uint32Array.from(kept);
}

/**
 * What stands between the server's tokens and the editor.
 *
 * @param {() => string[]} kinds the kinds by their numbers, as the server has told them
 */
function middleware(kinds) {
  const names = (/** @type {vscode.SemanticTokens | null | undefined} */ tokens) => {
    const known = kinds();
    return tokens && new vscode.SemanticTokens(filter(tokens.data, (kind) => !SPELLED.has(known[kind])));
  };
  return {
    /** @type {import('vscode-languageclient').SemanticTokensMiddleware['provideDocumentSemanticTokens']} */
    provideDocumentSemanticTokens: async (document, token, next) => names(await next(document, token)),
    /** @type {import('vscode-languageclient').SemanticTokensMiddleware['provideDocumentRangeSemanticTokens']} */
    provideDocumentRangeSemanticTokens: async (document, range, token, next) => names(await next(document, range, token)),
  };
}

module.exports = { middleware };
