'use strict';
// A stand-in for the module `vscode`: as much of the editor as the extension and its client library touch when they
// start, with a record of what they did. What is not written out here is an empty class, an event that never happens, a registration.

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const url = require('node:url');

/** @typedef {{ setting: Record<string, unknown>, answers: (string | undefined)[], folder: string }} Situation */

class Uri {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.scheme = text.split(':')[0];
    this.path = decodeURIComponent(text.replace(/^\w+:(\/\/)?/, ''));
    this.fsPath = this.scheme === 'file' ? url.fileURLToPath(text) : this.path;
  }

  static file(/** @type {string} */ file) {
    return new Uri(url.pathToFileURL(file).href);
  }

  static parse(/** @type {string} */ text) {
    return new Uri(text);
  }

  toString() {
    return this.text;
  }
}

class Position {
  constructor(/** @type {number} */ line, /** @type {number} */ character) {
    this.line = line;
    this.character = character;
  }
}

class Range {
  constructor(/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ c, /** @type {number} */ d) {
    this.start = new Position(a, b);
    this.end = new Position(c, d);
  }
}

class Diagnostic {
  constructor(/** @type {Range} */ range, /** @type {string} */ message, /** @type {number} */ severity) {
    this.range = range;
    this.message = message;
    this.severity = severity;
    this.code = undefined;
  }
}

class Disposable {
  /** @param {() => void} [end] */
  constructor(end) {
    this.end = end;
  }

  static from(/** @type {Disposable[]} */ ...all) {
    return new Disposable(() => all.forEach((one) => one.dispose()));
  }

  dispose() {
    this.end?.();
  }
}

class Emitter {
  /** @type {Set<(value: unknown) => void>} */
  listeners = new Set();

  event = (/** @type {(value: unknown) => void} */ listener, /** @type {unknown} */ self) => {
    const bound = self ? listener.bind(self) : listener;
    this.listeners.add(bound);
    return new Disposable(() => this.listeners.delete(bound));
  };

  fire(/** @type {unknown} */ value) {
    for (const listener of [...this.listeners]) listener(value);
  }

  dispose() {
    this.listeners.clear();
  }
}

class CancellationTokenSource {
  emitter = new Emitter();

  token = { isCancellationRequested: false, onCancellationRequested: this.emitter.event };

  cancel() {
    this.token.isCancellationRequested = true;
    this.emitter.fire(undefined);
  }

  dispose() {
    this.emitter.dispose();
  }
}

class SemanticTokens {
  constructor(/** @type {Uint32Array} */ data) {
    this.data = data;
  }
}

class CodeActionKind {
  constructor(/** @type {string} */ value) {
    this.value = value;
  }

  append(/** @type {string} */ part) {
    return new CodeActionKind(this.value ? `${this.value}.${part}` : part);
  }

  static Empty = new CodeActionKind('');
}

for (const kind of ['QuickFix', 'Refactor', 'RefactorExtract', 'RefactorInline', 'RefactorRewrite', 'Source', 'SourceFixAll', 'SourceOrganizeImports']) {
  const parts = kind.split(/(?=[A-Z])/).map((part) => part[0].toLowerCase() + part.slice(1));
  const value = kind === 'QuickFix' ? 'quickfix' : kind === 'SourceFixAll' ? 'source.fixAll' : kind === 'SourceOrganizeImports' ? 'source.organizeImports' : parts.join('.');
  Object.assign(CodeActionKind, { [kind]: new CodeActionKind(value) });
}

class Task {
  constructor(
    /** @type {unknown} */ definition, /** @type {unknown} */ scope, /** @type {string} */ name,
    /** @type {string} */ source, /** @type {unknown} */ execution, /** @type {string} */ matcher,
  ) {
    Object.assign(this, { definition, scope, name, source, execution, matcher });
  }
}

class ProcessExecution {
  constructor(/** @type {string} */ process, /** @type {string[]} */ args, /** @type {object} */ options) {
    Object.assign(this, { process, args, options });
  }
}

/** What is empty on purpose: an event that never happens, a thing that can be disposed of. */
const never = () => new Disposable();

/** A document in the language. */
function documentOf(/** @type {string} */ file) {
  const text = fs.readFileSync(file, 'utf8');
  const uri = Uri.file(file);
  return { uri, fileName: file, languageId: 'twf', version: 1, isClosed: false, isDirty: false, getText: () => text };
}

/** What is not written out: a class that can be extended, or an enumeration whose names are their own values. */
const anything = () => new Proxy(class {}, { get: (target, name) => Reflect.get(target, name) ?? String(name) });

/** How many messages of the client's output are kept in a failure. */
const LOG_LINES = 20;

/**
 * An editor with one folder.
 *
 * @param {Situation} situation what the settings are, and what is pressed on messages, in order
 */
function editor({ setting, answers, folder }) {
  const seen = new EventEmitter();
  /** @type {{ errors: string[], commands: Map<string, (...args: unknown[]) => unknown>, executed: unknown[][], log: string[], shown: any[], tasks: any[], diagnostics: Map<string, Diagnostic[]>, providers: Map<string, any> }} */
  const record = {
    errors: [], commands: new Map(), executed: [], log: [], shown: [], tasks: [], diagnostics: new Map(), providers: new Map(),
  };
  const workspaceFolder = { uri: Uri.file(folder), name: path.basename(folder), index: 0 };
  const write = (/** @type {unknown[]} */ ...parts) => void record.log.push(parts.join(' '));
  const output = {
    name: 'Nexus', logLevel: 1, onDidChangeLogLevel: never, show: () => record.executed.push(['show output']), dispose: () => {},
    append: write, appendLine: write, trace: write, debug: write, info: write, warn: write, error: write, clear: () => {},
  };
  const configuration = new Emitter();
  const window = {
    activeTextEditor: /** @type {{ document: ReturnType<typeof documentOf> } | undefined} */ (undefined),
    visibleTextEditors: [],
    tabGroups: { all: [], onDidChangeTabs: never, onDidChangeTabGroups: never },
    state: { focused: true },
    createOutputChannel: () => output,
    showErrorMessage: async (/** @type {string} */ text) => {
      record.errors.push(text);
      return answers.shift();
    },
    showWarningMessage: async (/** @type {string} */ text) => write(text),
    showInformationMessage: async (/** @type {string} */ text) => write(text),
    showQuickPick: async (/** @type {{ label: string }[]} */ items) => items.find(({ label }) => label === answers[0]),
    showTextDocument: async (/** @type {unknown} */ document) => void record.shown.push(document),
    withProgress: (/** @type {unknown} */ _, /** @type {Function} */ work) => work({ report: () => {} }, {}),
  };
  const workspace = {
    workspaceFolders: [workspaceFolder], textDocuments: /** @type {unknown[]} */ ([]), notebookDocuments: [], isTrusted: true,
    fs: { isWritableFileSystem: () => true },
    getWorkspaceFolder: (/** @type {Uri} */ uri) => (uri.fsPath.startsWith(folder) ? workspaceFolder : undefined),
    getConfiguration: (/** @type {string} */ section = '') => ({
      get: (/** @type {string} */ key, /** @type {unknown} */ usual) => setting[`${section}.${key}`.replace(/^\./, '')] ?? usual,
      inspect: () => undefined,
    }),
    onDidChangeConfiguration: configuration.event,
    createFileSystemWatcher: () => ({ onDidCreate: never, onDidChange: never, onDidDelete: never, dispose: () => {} }),
    openTextDocument: async (/** @type {unknown} */ document) => document,
  };
  const languages = {
    match: (/** @type {{ language?: string, scheme?: string }[] | string} */ selectors, /** @type {any} */ document) => {
      const fits = (/** @type {any} */ it) => (!it.language || it.language === document.languageId) && (!it.scheme || it.scheme === document.uri.scheme);
      return [selectors].flat().some(fits) ? 10 : 0;
    },
    registerDocumentSemanticTokensProvider: (/** @type {unknown} */ _, /** @type {unknown} */ provider) => {
      record.providers.set('tokens', provider);
      return new Disposable();
    },
    createDiagnosticCollection: () => ({
      set: (/** @type {Uri} */ uri, /** @type {Diagnostic[]} */ found) => {
        record.diagnostics.set(uri.toString(), found);
        seen.emit('diagnostics', found);
      },
      get: (/** @type {Uri} */ uri) => record.diagnostics.get(uri.toString()), has: () => false,
      delete: () => {}, clear: () => {}, dispose: () => {}, forEach: () => {},
    }),
  };
  const commands = {
    registerCommand: (/** @type {string} */ name, /** @type {any} */ run) => {
      record.commands.set(name, run);
      return new Disposable(() => record.commands.delete(name));
    },
    executeCommand: async (/** @type {unknown[]} */ ...call) => void record.executed.push(call),
  };
  const tasks = {
    registerTaskProvider: (/** @type {string} */ type, /** @type {unknown} */ provider) => {
      record.providers.set(type, provider);
      return new Disposable();
    },
    executeTask: async (/** @type {unknown} */ task) => void record.tasks.push(task),
  };
  const env = { appName: 'Editor', appHost: 'desktop', language: 'en', isTelemetryEnabled: false };
  /** @type {Record<string, unknown>} */
  const known = {
    version: '1.91.0', Uri, Position, Range, Diagnostic, Disposable, EventEmitter: Emitter, CancellationTokenSource, CodeActionKind, SemanticTokens, Task, ProcessExecution,
    window: open(window), workspace: open(workspace), languages: open(languages), commands, tasks, env: open(env), l10n: { t: String },
    extensions: { getExtension: () => undefined, onDidChange: never },
    LogLevel: { Off: 0, Trace: 1, Debug: 2, Info: 3, Warning: 4, Error: 5 },
    DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 },
    TaskScope: { Global: 1, Workspace: 2 }, TaskGroup: { Build: 'build', Test: 'test' }, ViewColumn: { Beside: -2 },
  };
  const module = new Proxy(known, {
    get: (target, name) => {
      if (typeof name !== 'string') return undefined;
      target[name] ??= anything();
      return target[name];
    },
  });
  return { module, record, window, workspace, configuration, documentOf, seen, tail: () => record.log.slice(-LOG_LINES).join('\n') };
}

/** A part of the editor in which everything that is not written out is an event, or a registration, that does nothing. */
function open(/** @type {object} */ part) {
  return new Proxy(part, { get: (target, name) => Reflect.get(target, name) ?? (/^(on|register|create)/.test(String(name)) ? never : undefined) });
}

module.exports = { editor };
