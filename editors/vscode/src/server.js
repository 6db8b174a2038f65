'use strict';
// The language server: started, stopped, and missed in plain words.

const vscode = require('vscode');
const { LanguageClient, RevealOutputChannelOn, State } = require('vscode-languageclient/node');

const { trouble } = require('./program');
const { program } = require('./project');
const { middleware } = require('./tokens');

const OPEN_SETTING = 'Open Setting';
const TRY_AGAIN = 'Try Again';

/** One language server for all folders of the window. */
class Server {
  constructor() {
    this.output = vscode.window.createOutputChannel('Nexus', { log: true });
    /** @type {LanguageClient | undefined} */
    this.client = undefined;
    /** Starts and stops wait for one another. */
    this.last = Promise.resolve();
  }

  /** Starts the server, or starts it anew. */
  restart() {
    this.last = this.last.then(() => this.stopNow()).then(() => this.startNow());
    return this.last;
  }

  /** Stops the server. */
  stop() {
    this.last = this.last.then(() => this.stopNow());
    return this.last;
  }

  async startNow() {
    const command = program();
    const missing = await trouble(command);
    if (missing) return this.complain(missing);
    this.output.info(`starting \`${command} lsp\``);
    // The server asks by itself to be told of files that change on disk.
    this.client = new LanguageClient('nexus', 'Nexus', { command, args: ['lsp'] }, {
      documentSelector: [{ scheme: 'file', language: 'twf' }, { scheme: 'untitled', language: 'twf' }],
      outputChannel: this.output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: middleware(() => this.client?.initializeResult?.capabilities.semanticTokensProvider?.legend.tokenTypes ?? []),
      // The client tells of a start that fails; trying again at once would only repeat it.
      initializationFailedHandler: () => false,
    });
    try {
      await this.client.start();
    } catch (error) {
      this.output.error(`\`${command} lsp\` did not start: ${error}`);
    }
  }

  async stopNow() {
    const client = this.client;
    this.client = undefined;
    if (!client) return;
    try {
      if (client.state !== State.Stopped) await client.stop();
      await client.dispose();
    } catch (error) {
      this.output.warn(`the language server did not stop in order: ${error}`);
    }
  }

  /**
   * Tells what is wrong. It is not waited for: the message stays until it is answered.
   *
   * @param {string} problem
   */
  complain(problem) {
    this.output.error(problem);
    const text = `Nexus: ${problem}. Install it anew, or set \`nexus.path\`. Highlighting works without it.`;
    vscode.window.showErrorMessage(text, OPEN_SETTING, TRY_AGAIN).then((chosen) => {
      if (chosen === OPEN_SETTING) vscode.commands.executeCommand('workbench.action.openSettings', 'nexus.path');
      if (chosen === TRY_AGAIN) this.restart();
    });
  }
}

module.exports = { Server };
