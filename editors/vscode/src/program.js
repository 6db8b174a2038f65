'use strict';
// The `nexus` program: where it is, and whether it runs.

const { execFile } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');

/** Milliseconds that the program may take to say what it can do; the first start of a program can be slow. */
const HELP_TIMEOUT = 15_000;

/**
 * The program that the setting names. A name alone is looked for in PATH by whoever starts it; a path may begin with
 * `~`, and a relative one is meant from the folder of the workspace.
 *
 * @param {string} setting
 * @param {string | undefined} folder the folder of the workspace
 */
function locate(setting, folder) {
  const text = setting.trim() || 'nexus';
  const filled = text.replace('${workspaceFolder}', folder ?? '.').replace(/^~(?=$|[\\/])/, os.homedir());
  const isName = !/[\\/]/.test(filled);
  return isName || path.isAbsolute(filled) ? filled : path.resolve(folder ?? '.', filled);
}

/**
 * Runs the program and gives what it prints.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, timeout?: number }} [options]
 * @returns {Promise<string>} fails with the error of the start, or with what the program says of its failure
 */
function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(typeof error.code === 'string' ? error : new Error(stderr.trim() || error.message));
    });
  });
}

/**
 * Why the program cannot be a language server, in words for people, or nothing when it can.
 *
 * @param {string} program
 * @returns {Promise<string | undefined>}
 */
async function trouble(program) {
  try {
    await run(program, ['lsp', '--help'], { timeout: HELP_TIMEOUT });
    return undefined;
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT') return `the program \`${program}\` was not found`;
    if (code === 'EACCES') return `\`${program}\` is not a program that may be run`;
    return `\`${program} lsp\` does not run: ${message.split('\n')[0]}`;
  }
}

module.exports = { locate, run, trouble };
