'use strict';
// What the grammar makes of every text in the language that there is.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');

const { keywords } = require('../grammar/words');
const { corpus, read } = require('./support/corpus');
const { kinds, opened } = require('./support/lexer');
const { matches } = require('./support/snapshot');
const { registry, tokenise } = require('./support/tokenise');

/** @typedef {ReturnType<typeof tokenise>[number]} Line */

/** @type {import('vscode-textmate').IGrammar} */
let twf;
/** @type {import('vscode-textmate').IGrammar} */
let markdown;

/** A little of Markdown: only what its fences look like to an injection. */
const plainMarkdown = { scopeName: 'text.html.markdown', patterns: [{ match: '^#.*$', name: 'markup.heading' }] };

before(async () => {
  const grammars = await registry({ 'text.html.markdown': plainMarkdown });
  const [first, second] = await Promise.all(['source.twf', 'text.html.markdown'].map((it) => grammars.loadGrammar(it)));
  assert.ok(first && second);
  [twf, markdown] = [first, second];
});

/** Runs a check on each line of everything; it gives what is wrong, or nothing. */
function eachLine(/** @type {(line: Line, depth: number) => string | undefined | false} */ check) {
  let count = 0;
  const wrong = [];
  for (const { name, text } of corpus()) {
    if (name.endsWith('broken.twf')) continue;
    let depth = 0;
    for (const [at, line] of tokenise(twf, text).entries()) {
      const problem = check(line, depth);
      if (problem) wrong.push(`${name}:${at + 1}: ${problem}: ${line.line}`);
      depth = Math.max(0, depth + opened(line.line));
      count += 1;
    }
  }
  assert.ok(count > 1500, `only ${count} lines were found`);
  assert.deepEqual(wrong, []);
}

/** What each character of a line is by its scopes, in the words of `kinds`. */
const seen = (/** @type {Line} */ line) =>
  line.tokens
    .map(({ text, scopes }) => {
      const is = (/** @type {string} */ kind) => scopes.some((scope) => scope.startsWith(kind));
      return (is('comment.') ? 'c' : is('string.quoted.') ? 's' : ' ').repeat(text.length);
    })
    .join('');

test('comments and strings are what the lexer says they are, and end with their line', () => {
  eachLine((line) => seen(line) !== kinds(line.line) && `seen as "${seen(line)}"`);
  for (const line of tokenise(twf, read('editors/vscode/test/fixtures/broken.twf'))) {
    assert.equal(seen(line), kinds(line.line), line.line);
    assert.ok(!line.left.some((scope) => /^(comment|string)\./.test(scope)), line.line);
  }
});

test('no word is left without a scope', () => {
  eachLine(({ tokens }) => {
    const bare = tokens.find(({ text, scopes }) => /\w/.test(text) && scopes.every((scope) => scope.startsWith('meta.')));
    return bare && !/^meta\.object-literal/.test(bare.scopes.at(-1) ?? '') && `\`${bare.text}\` has no scope`;
  });
});

/** Words that begin a line and are no names elsewhere, besides the keywords of the lexer. */
const SOFT = ['cancel', 'catch', 'default_options', 'elif', 'finally', 'nexus_endpoint', 'nexus_service', 'on_cancel'];
const OLD = ['child', 'hint', 'operation', 'parallel', 'select', 'spawn', 'validator', 'watch'];

test('every line that begins with a word of the language shows it', () => {
  const words = new Set([...keywords(), ...SOFT, ...OLD, 'raise', 'reject', 'try', 'type']);
  const known = new Set();
  eachLine(({ line, tokens }, depth) => {
    const start = line.match(/^\s*([a-z_]+)(?!\s*(?:[-+*/]?=(?!=)|\.|,|->))\b/);
    if (depth > 0 || !start || !words.has(start[1])) return undefined;
    known.add(start[1]);
    const first = tokens.find(({ text }) => text.trim() === start[1]);
    const fits = first?.scopes.some((scope) => /^(keyword|storage|support|variable\.other\.property)\./.test(scope));
    return !fits && `\`${start[1]}\` is not shown as a word of the language`;
  });
  assert.ok(known.size > 40, `only ${[...known]} were found`);
});

test('nothing stays open behind a line, outside of brackets and blocks', () => {
  eachLine(({ line, left }, depth) => {
    const open = left.filter((scope) => !/^meta\.(options|definition\.type)\.twf$/.test(scope));
    return depth + opened(line) <= 0 && open.length > 0 && `${open} is still open`;
  });
});

test('an open bracket spoils nothing beyond the next statement', () => {
  const lines = tokenise(twf, read('editors/vscode/test/fixtures/broken.twf'));
  const scopesOf = (/** @type {number} */ at, /** @type {string} */ word) =>
    lines[at].tokens.find(({ text }) => text === word)?.scopes;
  assert.deepEqual(scopesOf(1, 'activity'), ['meta.definition.twf', 'storage.type.definition.twf']);
  assert.deepEqual(scopesOf(6, 'await'), ['keyword.control.await.twf']);
  assert.deepEqual(scopesOf(10, 'return'), ['keyword.control.return.twf']);
});

for (const name of ['definitions', 'statements', 'expressions', 'older']) {
  test(`the scopes of ${name} are as they were`, () => {
    const lines = tokenise(twf, read(`editors/vscode/test/fixtures/${name}.twf`));
    const shown = lines.flatMap(({ line, tokens }) => [
      line,
      ...tokens.filter(({ text }) => text.trim()).map(({ text, scopes }) => {
        return `    ${text.trim()}  ${scopes.map((scope) => scope.replace(/\.twf$/, '')).join(' ')}`;
      }),
    ]);
    matches(name, `${shown.join('\n')}\n`);
  });
}

test('fences of Markdown are read as TWF, and what follows them is not', () => {
  const text = '# Title\n```twf lenient\nworkflow A():\n    options:\n```\nworkflow B\n\n  ~~~TWF\n  await p\n  ~~~\nend';
  const lines = tokenise(markdown, text);
  const scope = (/** @type {number} */ at, /** @type {string} */ word) =>
    lines[at].tokens.find((token) => token.text === word)?.scopes;
  assert.ok(scope(2, 'workflow')?.includes('meta.embedded.block.twf'));
  assert.ok(scope(2, 'workflow')?.includes('storage.type.definition.twf'));
  assert.ok(scope(8, 'await')?.includes('keyword.control.await.twf'));
  assert.deepEqual(lines[5].tokens.map((token) => token.scopes), [[]]);
  assert.deepEqual(lines[10].tokens.map((token) => token.scopes), [[]]);
});

test('a long line and a long file take no long time', () => {
  const long = `    x = ${'f(a, "b{c}") + '.repeat(2000)}1`;
  const many = `${read('editors/vscode/test/fixtures/statements.twf')}\n`.repeat(40);
  const start = process.cpuUsage();
  tokenise(twf, `workflow W():\n${long}\n${many}`);
  const { user } = process.cpuUsage(start);
  assert.ok(user < 20_000_000, `${user / 1000} ms`);
});
