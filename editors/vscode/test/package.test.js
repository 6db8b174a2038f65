'use strict';
// The manifest fits the files, the settings fit the code, and the patterns fit what they are made for.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { before, test } = require('node:test');

const { read } = require('./support/corpus');
const { registry, root, tokenise } = require('./support/tokenise');

const json = (/** @type {string} */ file) => JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
const manifest = json('package.json');
const { contributes } = manifest;
const language = json('language-configuration.json');

/** The code of the extension. */
const code = fs
  .readdirSync(path.join(root, 'src'))
  .map((file) => fs.readFileSync(path.join(root, 'src', file), 'utf8'))
  .join('\n');

/** @type {import('vscode-textmate').IGrammar} */
let twf;

before(async () => {
  const found = await (await registry()).loadGrammar('source.twf');
  assert.ok(found);
  twf = found;
});

test('every file that the manifest names is there and gets into the package', () => {
  const named = [...JSON.stringify(manifest).matchAll(/"\.\/([^"]+)"/g)].map((match) => match[1]);
  assert.ok(named.length >= 5, `${named}`);
  const kept = fs.readFileSync(path.join(root, '.vscodeignore'), 'utf8').match(/(?<=^!)[^*\n]+/gm) ?? [];
  for (const file of named) {
    assert.ok(fs.existsSync(path.join(root, file)), `${file} is missing`);
    assert.ok(kept.some((start) => file.startsWith(start)), `${file} would not be packed`);
    if (file.endsWith('.json')) assert.doesNotThrow(() => json(file), file);
  }
});

test('scripts of the manifest run files that are there', () => {
  for (const script of Object.values(manifest.scripts)) {
    for (const [, file] of script.matchAll(/node (\S+\.js)(?= |$)/g)) {
      assert.ok(file.includes('*') || fs.existsSync(path.join(root, file)), file);
    }
  }
});

test('commands and settings are those of the code', () => {
  const commands = contributes.commands.map((/** @type {{ command: string }} */ it) => it.command);
  const registered = [...code.matchAll(/command\('(nexus\.\w+)'/g)].map((match) => match[1]);
  assert.deepEqual([...commands].sort(), registered.sort());
  for (const item of Object.values(contributes.menus).flat()) assert.ok(commands.includes(item.command), item.command);
  assert.deepEqual(Object.keys(contributes.configuration.properties), ['nexus.path', 'nexus.trace.server']);
  // The trace is read by the client library, under the id of the client.
  assert.match(code, /getConfiguration\('nexus'.*\)\.get\('path', 'nexus'\)/);
  assert.match(code, /new LanguageClient\('nexus'/);
  assert.equal(contributes.configuration.properties['nexus.path'].default, 'nexus');
});

test('the editor that the types describe is the oldest one that is allowed', () => {
  assert.equal(`^${manifest.devDependencies['@types/vscode']}`, manifest.engines.vscode);
});

test('every package is free to use, and the lock names no place', () => {
  const lock = json('package-lock.json');
  const free = ['MIT', 'ISC', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];
  for (const [name, entry] of Object.entries(lock.packages)) {
    assert.ok(free.includes(entry.license), `${name || 'the extension'} is under ${entry.license}`);
    assert.equal(entry.resolved, undefined, name);
    assert.ok(name === '' || entry.integrity, name);
  }
  assert.equal(lock.packages[''].version, manifest.version);
});

test('scopes of semantic tokens are scopes of the grammar', () => {
  const grammar = fs.readFileSync(path.join(root, 'syntaxes/twf.tmLanguage.json'), 'utf8');
  const scopes = Object.values(contributes.semanticTokenScopes[0].scopes).flat();
  // Some are the common beginning of several.
  const known = scopes.filter((scope) => grammar.includes(`"${scope.replace(/\.twf$/, '')}.`));
  assert.deepEqual(known, scopes);
});

/** The first match of one of the manifest's patterns. */
function problem(/** @type {string} */ name, /** @type {string[]} */ lines) {
  const { patterns, ...single } = contributes.problemPatterns.find((/** @type {{ name: string }} */ it) => it.name === name);
  /** @type {Record<string, string>} */
  const found = {};
  for (const [at, { regexp, ...groups }] of (patterns ?? [single]).entries()) {
    const match = lines[at].match(new RegExp(regexp));
    assert.ok(match, lines[at]);
    for (const [key, group] of Object.entries(groups)) if (typeof group === 'number') found[key] = match[group];
  }
  return found;
}

test('problem matchers read what the renderers of the language write', () => {
  const folder = 'crates/lang/src/text/render';
  const concise = read(`${folder}/concise.rs`).match(/"(a\.twf:2:2: [^"]+)"/);
  assert.ok(concise);
  const line = { file: 'a.twf', line: '2', column: '2', severity: 'warning', code: 'CODE', message: 'odd' };
  assert.deepEqual(problem('nexus-line', [concise[1]]), line);
  const shown = read(`${folder}/snapshots/nexus_lang__text__render__terminal__tests__the_line_is_shown_with_marks_labels_and_help.snap`);
  const block = problem('nexus-block', shown.split('---\n')[2].split('\n'));
  assert.deepEqual(block, {
    severity: 'error', code: 'SYNTAX', message: 'unknown statement `activty`', file: 'shop/a.twf', line: '2', column: '5',
  });
  for (const matcher of contributes.problemMatchers) {
    assert.ok(contributes.problemPatterns.some((/** @type {{ name: string }} */ it) => `$${it.name}` === matcher.pattern));
  }
});

test('indentation grows behind heads of blocks only', () => {
  const { increaseIndentPattern, decreaseIndentPattern } = language.indentationRules;
  const [grows, shrinks] = [new RegExp(increaseIndentPattern), new RegExp(decreaseIndentPattern)];
  for (const line of ['workflow W():', '    if (x == "a:"):  # why', '    signal Stop -> r:', '    else:', "  case 'a':"]) {
    assert.match(line, grows);
  }
  for (const line of ['# note:', '    activity A(x: 1)', '    x = "a:"', '        task_queue: "q"', '    # else:', '']) {
    assert.doesNotMatch(line, grows);
  }
  for (const line of ['    else:', 'elif (x):', '  catch e: Declined:  # so', 'finally:']) assert.match(line, shrinks);
  for (const line of ['    elsewhere()', '    case 1:', '    x = 1  # else:']) assert.doesNotMatch(line, shrinks);
  // Every head of a block in the examples is one for the editor too.
  const lines = read('examples/shop/workflows/orders.twf').split('\n');
  const heads = lines.filter((text, at) => /^ *[a-z].*[^\s({[,]$/.test(text) && (lines[at + 1] ?? '').search(/\S/) > text.search(/\S/));
  const plain = heads.filter((text) => text.endsWith(':'));
  assert.ok(plain.length > 30);
  for (const text of plain) assert.match(text, grows);
});

test('a line that ends its block is followed by a shallower one', () => {
  const [rule] = language.onEnterRules;
  const ends = new RegExp(rule.beforeText);
  for (const line of ['    return', '    return x', '  close complete(x)', '    ...', 'break', '    raise E("x")', '  pass()']) {
    assert.match(line, ends);
  }
  for (const line of ['    returned = 1', '    close complete(', '    return {', '  return f(a,', '    passes()']) {
    assert.doesNotMatch(line, ends);
  }
});

test('snippets are indented by four, have distinct prefixes, and are text in the language', () => {
  const snippets = Object.entries(json('snippets/twf.json'));
  const prefixes = snippets.map(([, { prefix }]) => prefix);
  assert.equal(new Set(prefixes).size, prefixes.length);
  assert.ok(snippets.length >= 20);
  for (const [name, { body, description }] of snippets) {
    assert.ok(description, name);
    assert.ok(body.every((/** @type {string} */ line) => /^( {4})*\S/.test(line)), name);
    const plain = body.join('\n').replace(/\$\{\d+:([^}]*)\}/g, '$1').replace(/\$\{?\d+\}?/g, '');
    assert.doesNotMatch(plain, /\$/, name);
    const first = tokenise(twf, plain)[0].tokens.find((token) => token.text.trim());
    assert.match(first?.scopes.at(-1) ?? '', /^(keyword|storage|support)\./, `${name}: ${plain}`);
  }
});
