'use strict';
// What the editor calls when the first TWF file is opened, and when the window closes.

const vscode = require('vscode');

const { showGraph } = require('./graph');
const { Server } = require('./server');
const { provider, runTask } = require('./tasks');

/** @type {InstanceType<typeof Server> | undefined} */
let server;

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
  const own = new Server();
  server = own;
  const command = vscode.commands.registerCommand;
  context.subscriptions.push(
    own.output,
    command('nexus.restartServer', () => own.restart()),
    command('nexus.showOutput', () => own.output.show()),
    command('nexus.showGraph', showGraph),
    command('nexus.check', () => runTask('check')),
    command('nexus.test', () => runTask('test')),
    command('nexus.testFile', () => runTask('test', vscode.window.activeTextEditor?.document.uri.fsPath)),
    vscode.tasks.registerTaskProvider('nexus', provider),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('nexus.path')) own.restart();
    }),
  );
  await own.restart();
}

async function deactivate() {
  await server?.stop();
  server = undefined;
}

module.exports = { activate, deactivate };
