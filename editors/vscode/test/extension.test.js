'use strict';
// The bundle as the editor loads it, over a stand-in for the editor: with a small server, with the real one, with none.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const Module = require('node:module');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { afterEach, beforeEach, test } = require('node:test');
const { setImmediate: nextTurn } = require('node:timers/promises');

const { editor } = require('./support/editor');
const { root } = require('./support/tokenise');

const bundle = path.join(root, 'dist/extension.js');
const small = path.join(__dirname, 'support/server.js');

/** The project that is open, and what the small server was told. */
let folder = '';
let log = '';

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nexus-editor-')));
  log = path.join(folder, 'log.txt');
  process.env.NEXUS_LOG = log;
  fs.mkdirSync(path.join(folder, 'shop/workflows'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'shop/nexus.toml'), '');
});

afterEach(async () => {
  // Every server that was started leaves.
  const started = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('initialize\n').length - 1 : 0;
  assert.equal((await told(['exit'], started)).length, started);
  delete process.env.NEXUS_LOG;
  delete process.env.NEXUS_OLD;
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Loads the bundle anew, with `vscode` in the place of the editor. */
function load(/** @type {object} */ vscode) {
  const loader = /** @type {{ _load: (name: string, ...rest: unknown[]) => unknown }} */ (/** @type {unknown} */ (Module));
  const usual = loader._load;
  loader._load = (name, ...rest) => (name === 'vscode' ? vscode : usual.call(loader, name, ...rest));
  try {
    delete require.cache[bundle];
    return require(bundle);
  } finally {
    loader._load = usual;
  }
}

/**
 * Opens a window on the project.
 *
 * @param {string} program what `nexus.path` is
 * @param {{ text?: string, answers?: (string | undefined)[] }} [more] a workflow that is open, and what is pressed
 */
function start(program, { text, answers = [] } = {}) {
  const window = editor({ setting: { 'nexus.path': program }, answers, folder });
  if (text !== undefined) {
    const file = path.join(folder, 'shop/workflows/a.twf');
    fs.writeFileSync(file, text);
    const document = window.documentOf(file);
    window.workspace.textDocuments.push(document);
    window.window.activeTextEditor = { document };
  }
  return { ...window, extension: load(window.module), context: { subscriptions: [] } };
}

/** The next diagnostics; with what the client wrote when none come. */
async function diagnostics(/** @type {ReturnType<typeof start>} */ window) {
  const signal = AbortSignal.timeout(30_000);
  const [found] = await once(window.seen, 'diagnostics', { signal }).catch(() => assert.fail(`none came:\n${window.tail()}`));
  return found;
}

/** The messages of these kinds that the small server got, once there are that many: it reads them in its own time. */
async function told(/** @type {string[]} */ methods, /** @type {number} */ count) {
  const signal = AbortSignal.timeout(30_000);
  for (;;) {
    const text = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
    const found = text.split('\n').filter((method) => methods.includes(method));
    if (found.length >= count || signal.aborted) return found;
    await nextTurn();
  }
}

/** Until what was pressed on a message has been acted on. */
const answered = () => nextTurn();

test('the server is started, told of open files, restarted, and stopped in order', async () => {
  const window = start(small, { text: 'workflow A():\n    wrong\n' });
  const first = diagnostics(window);
  await window.extension.activate(window.context);
  const found = await first;
  assert.deepEqual(window.record.errors, []);
  assert.deepEqual(found.map((/** @type {any} */ it) => [it.message, it.range.start.line, it.code]), [['wrong', 1, 'SYNTAX']]);
  const second = diagnostics(window);
  await window.record.commands.get('nexus.restartServer')?.();
  await second;
  await window.extension.deactivate();
  const life = ['initialize', 'initialized', 'textDocument/didOpen', 'shutdown', 'exit'];
  assert.deepEqual(await told(life, 2 * life.length), [...life, ...life]);
});

test('a program that is not there is told once, with a way to the setting', async () => {
  const window = start('no-such-nexus', { answers: ['Open Setting'] });
  await window.extension.activate(window.context);
  assert.equal(window.record.errors.length, 1);
  assert.match(window.record.errors[0], /`no-such-nexus` was not found.*`nexus\.path`/);
  await answered();
  assert.deepEqual(window.record.executed, [['workbench.action.openSettings', 'nexus.path']]);
  await window.extension.deactivate();
});

test('a program that appears is found when the setting changes', async () => {
  const window = start(path.join(folder, 'nexus'), { text: 'workflow A():\n    wrong\n' });
  await window.extension.activate(window.context);
  assert.match(window.record.errors.join(), /was not found/);
  fs.symlinkSync(small, path.join(folder, 'nexus'));
  const found = diagnostics(window);
  window.configuration.fire({ affectsConfiguration: (/** @type {string} */ key) => key === 'nexus.path' });
  assert.equal((await found).length, 1);
  await window.extension.deactivate();
});

test('a program without a language server is told once, and tried again when that is wanted', async () => {
  process.env.NEXUS_OLD = '1';
  const window = start(small, { text: 'workflow A():\n    wrong\n', answers: ['Try Again'] });
  await window.extension.activate(window.context);
  assert.equal(window.record.errors.length, 1, window.record.errors.join('\n'));
  assert.match(window.record.errors[0], /lsp` does not run: error: unrecognized subcommand/);
  delete process.env.NEXUS_OLD;
  assert.equal((await diagnostics(window)).length, 1);
  await window.extension.deactivate();
});

test('the graph is drawn in the project of the open file, as a diagram and as text', async () => {
  const window = start(small, { text: 'workflow A():\n    pass\n', answers: ['Diagram'] });
  await window.extension.activate(window.context);
  await window.record.commands.get('nexus.showGraph')?.();
  const [{ language, content }] = window.record.shown;
  assert.equal(language, 'markdown');
  const project = path.join(folder, 'shop');
  assert.equal(content, `\`\`\`mermaid\nflowchart LR\n  %% --format mermaid in ${project}\n\`\`\`\n`);
  await window.extension.deactivate();
});

test('of the tokens of the server those of names are shown, in their places', async () => {
  const window = start(small, { text: 'workflow A():\n    await p  "text"\n\n        x = 1\n' });
  await window.extension.activate(window.context);
  const provider = window.record.providers.get('tokens');
  const { token } = new (/** @type {any} */ (window.module).CancellationTokenSource)();
  const tokens = await provider.provideDocumentSemanticTokens(window.window.activeTextEditor?.document, token);
  assert.deepEqual([...tokens.data], [1, 10, 3, 1, 2, 2, 8, 2, 1, 0]);
  await window.extension.deactivate();
});

test('check and test are tasks in the project, with their problems', async () => {
  const window = start(small, { text: 'workflow A():\n    pass\n' });
  await window.extension.activate(window.context);
  await window.record.commands.get('nexus.test')?.();
  const [task] = window.record.tasks;
  const { process: program, args, options } = task.execution;
  assert.deepEqual({ program, args, options }, { program: small, args: ['test'], options: { cwd: path.join(folder, 'shop') } });
  assert.equal(task.matcher, '$nexus');
  await window.record.commands.get('nexus.testFile')?.();
  const file = path.join(folder, 'shop/workflows/a.twf');
  assert.deepEqual(window.record.tasks[1].execution.args, ['test', file]);
  const provider = window.record.providers.get('nexus');
  const offered = provider.provideTasks().map((/** @type {any} */ it) => it.name);
  assert.deepEqual(offered, ['check', 'test']);
  const definition = { type: 'nexus', command: 'check', args: ['--lenient'] };
  const resolved = provider.resolveTask({ definition, scope: 2 });
  assert.deepEqual(resolved.execution.args, ['check', '--lenient']);
  assert.equal(resolved.definition, definition);
  await window.extension.deactivate();
});

// Given by ./test, which has built the program. There is nothing to skip when this folder is tested by itself.
const real = process.env.NEXUS_BIN;
if (real) {
  test('the real server finds what is wrong', async () => {
    const text = 'workflow A():\n    activity Missing()\n';
    const window = start(path.resolve(real), { text });
    const found = diagnostics(window);
    await window.extension.activate(window.context);
    assert.deepEqual(window.record.errors, [], window.tail());
    const codes = (await found).map((/** @type {any} */ it) => String(it.code?.value ?? it.code));
    assert.ok(codes.includes('UNDEFINED_ACTIVITY'), `${codes}`);
    await window.extension.deactivate();
  });
}
