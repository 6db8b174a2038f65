'use strict';
// Where a project is, and which program works on it.

const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');

const { locate } = require('./program');

/** What makes a folder a project. */
const MARKS = ['nexus.toml', 'workflows'];

/**
 * The nearest folder above a file that is a project, not above the folder of the workspace.
 *
 * @param {string} file
 * @param {string} top
 */
function above(file, top) {
  let folder = path.dirname(file);
  for (;;) {
    if (MARKS.some((mark) => fs.existsSync(path.join(folder, mark)))) return folder;
    if (folder === top || folder === path.dirname(folder)) return undefined;
    folder = path.dirname(folder);
  }
}

/** The folder of the workspace that is looked at, or the first one. */
function workspaceFolder() {
  const file = vscode.window.activeTextEditor?.document.uri;
  const folder = file && vscode.workspace.getWorkspaceFolder(file);
  return folder ?? vscode.workspace.workspaceFolders?.[0];
}

/**
 * What commands work on: the project of the file that is looked at, else the folder of the workspace, else that one
 * file. Nothing when there is neither.
 *
 * @returns {{ cwd: string, paths: string[] } | undefined}
 */
function target() {
  const document = vscode.window.activeTextEditor?.document;
  const file = document?.uri.scheme === 'file' ? document.uri.fsPath : undefined;
  const top = workspaceFolder()?.uri.fsPath;
  if (file && top) return { cwd: above(file, top) ?? top, paths: [] };
  if (top) return { cwd: top, paths: [] };
  if (!file || document?.languageId !== 'twf') return undefined;
  const project = above(file, path.parse(file).root);
  return project ? { cwd: project, paths: [] } : { cwd: path.dirname(file), paths: [path.basename(file)] };
}

/** The program, as the setting has it. */
function program() {
  const folder = workspaceFolder();
  const setting = vscode.workspace.getConfiguration('nexus', folder?.uri).get('path', 'nexus');
  return locate(setting, folder?.uri.fsPath);
}

module.exports = { target, program };
