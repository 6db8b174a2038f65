'use strict';
// The grammar knows every word of the language: the tables are read out of its Rust sources.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { before, test } = require('node:test');

const { text, target, grammar } = require('../grammar/make');
const { DEPLOYED, NAME } = require('../grammar/fragments');
const words = require('../grammar/words');
const { registry, root, tokenise } = require('./support/tokenise');
const { OnigScanner } = require('vscode-oniguruma');

/** @type {import('vscode-textmate').IGrammar} */
let twf;

before(async () => {
  const found = await (await registry()).loadGrammar('source.twf');
  assert.ok(found);
  twf = found;
});

/** The scopes of the first token that is exactly this word. */
function scopes(/** @type {string} */ source, /** @type {string} */ word) {
  const tokens = tokenise(twf, source).flatMap((line) => line.tokens);
  return tokens.find((token) => token.text.trim() === word)?.scopes.join(' ') ?? '';
}

test('the committed grammar is what its rules make', () => {
  assert.equal(fs.readFileSync(target, 'utf8'), text(), 'run `npm run grammar`');
});

/** A line for each keyword, in which it is one. */
const LINES = {
  package: 'package a', import: 'import "a"', as: 'import "a" as b', workflow: 'workflow W():', activity: 'activity A():',
  worker: 'worker w:', namespace: 'namespace n:', task_queue: '    task_queue: "q"', signal: '    signal S():',
  query: '    query Q() -> (int):', update: '    update U() -> (int):', detach: '    detach workflow W()',
  nexus: 'nexus service S:', sync: '    sync O(a: int) -> (int):', async: '    async O workflow W',
  promise: '    promise p <- workflow W()', condition: '        condition c', set: '    set c', unset: '    unset c',
  state: '    state:', timer: '    await timer(5m)', options: '        options:', await: '    await p',
  all: '    await all:', one: '    await one:', switch: '    switch (x):', case: '        case 1:', if: '    if (x):',
  else: '    else:', for: '    for (x in xs):', in: '    for (x in xs):', close: '    close complete(1)',
  complete: '    close complete(1)', fail: '    close fail(1)', return: '    return 1',
  continue_as_new: '    close continue_as_new(1)', break: '        break', continue: '        continue',
};

test('every keyword of the lexer is known', () => {
  assert.deepEqual(words.keywords(), Object.keys(LINES).sort());
  for (const [word, line] of Object.entries(LINES)) {
    assert.match(scopes(line, word), /\b(keyword|storage|support\.type)\./, `${word} in ${line}`);
  }
});

test('keywords are names where they stand as names', () => {
  for (const word of words.keywords()) {
    const line = `    ${word} = 3`;
    assert.match(scopes(line, word), /variable\.other|keyword\.operator\.wordlike|keyword\.control\.conditional/, line);
  }
  assert.match(scopes('    x = state.options', 'state'), /variable\.other/);
  assert.match(scopes('    x = state.options', 'options'), /variable\.other\.property/);
  assert.match(scopes('activity A(query: string)', 'query'), /variable\.parameter/);
});

test('every key and every word of the options is known', () => {
  const keys = words.optionKeys();
  assert.ok(keys.length > 60 && keys.includes('start_to_close_timeout') && keys.includes('retryPolicy'));
  for (const key of keys) {
    assert.match(scopes(`    options:\n        ${key}: 1`, key), /support\.type\.property-name\.option/, key);
    assert.match(scopes(`    options(${key}: 1)`, key), /support\.type\.property-name\.option/, key);
  }
  const values = words.optionWords();
  assert.ok(values.length > 10 && values.includes('ABANDON'));
  for (const value of values) assert.match(scopes(`    options:\n        x: ${value}`, value), /constant\.language/, value);
});

test('every function and every type of the language is known', () => {
  const builtins = words.builtins();
  assert.ok(builtins.length > 70 && builtins.includes('zip') && builtins.includes('get_caller_info'), `${builtins}`);
  for (const name of builtins) {
    assert.match(scopes(`    x = ${name}(1)`, name), /support\.function/, name);
    assert.match(scopes(`    x.${name}(1)`, name), /support\.function/, name);
  }
  const types = words.types();
  assert.ok(types.length > 12 && types.includes('decimal'));
  for (const name of types) assert.match(scopes(`activity A(a: ${name})`, name), /support\.type/, name);
});

/** Every pattern in a grammar. */
function patterns(/** @type {unknown} */ rule) {
  /** @type {string[]} */
  const found = [];
  JSON.stringify(rule, (key, value) => {
    if (['match', 'begin', 'end', 'while'].includes(key) && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

test('every pattern compiles, and every rule that is named exists and is used', () => {
  const fences = JSON.parse(fs.readFileSync(`${root}/syntaxes/markdown.twf.tmLanguage.json`, 'utf8'));
  const made = grammar();
  const all = [...patterns(made), ...patterns(fences)];
  assert.ok(all.length > 100);
  // What an end repeats of its begin is put in before it is compiled.
  for (const pattern of all) assert.doesNotThrow(() => new OnigScanner([pattern.replace(/\\[1-9]/g, 'x')]), pattern);
  const used = new Set([...JSON.stringify(made).matchAll(/"include":"#([\w-]+)"/g)].map((match) => match[1]));
  assert.deepEqual([...used].sort(), Object.keys(made.repository).sort());
});

test('names of the deployment are read as the parser reads them', () => {
  const length = (/** @type {string} */ name) => name.match(new RegExp(`^${DEPLOYED}`))?.[0];
  assert.equal(length('payments-{region}-1 x'), 'payments-{region}-1');
  assert.equal(length('a->b'), 'a');
  assert.equal(length('-a'), undefined);
  assert.equal('_a1-b'.match(new RegExp(`^${NAME}`))?.[0], '_a1');
});
