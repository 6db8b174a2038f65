'use strict';
// Tasks of type `nexus`: `nexus check` and `nexus test` in a terminal, with their errors in the list of problems.

const vscode = require('vscode');

const { program, target } = require('./project');

/** @typedef {vscode.TaskDefinition & { command: string, args?: string[] }} Definition */

/**
 * A task.
 *
 * @param {Definition} definition
 * @param {vscode.WorkspaceFolder | vscode.TaskScope} scope
 */
function task(definition, scope) {
  const place = target();
  const args = [definition.command, ...(definition.args ?? place?.paths ?? [])];
  const execution = new vscode.ProcessExecution(program(), args, place ? { cwd: place.cwd } : {});
  const made = new vscode.Task(definition, scope, definition.command, 'nexus', execution, '$nexus');
  made.group = definition.command === 'test' ? vscode.TaskGroup.Test : vscode.TaskGroup.Build;
  made.presentationOptions = { clear: true };
  return made;
}

/** What the list of tasks offers, and what a `tasks.json` may name. */
const provider = {
  provideTasks: () => ['check', 'test'].map((command) => task({ type: 'nexus', command }, vscode.TaskScope.Workspace)),
  resolveTask: (/** @type {vscode.Task} */ known) =>
    task(/** @type {Definition} */ (known.definition), known.scope ?? vscode.TaskScope.Workspace),
};

/**
 * Runs a task now, on one file or on the project.
 *
 * @param {string} command
 * @param {string} [file]
 */
async function runTask(command, file) {
  if (!target()) {
    vscode.window.showInformationMessage(`Nexus: open a folder or a TWF file to ${command}.`);
    return;
  }
  const definition = { type: 'nexus', command, ...(file && { args: [file] }) };
  await vscode.tasks.executeTask(task(definition, vscode.TaskScope.Workspace));
}

module.exports = { provider, runTask };
