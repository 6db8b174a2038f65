#!/usr/bin/env node
'use strict';
// A program that answers like `nexus`: a language server that finds the word `wrong`, and a graph. With NEXUS_OLD
// it knows no `lsp`, as releases before the language server. It writes every message it gets to NEXUS_LOG.

const fs = require('node:fs');

const [command, ...args] = process.argv.slice(2);

/** Sends one message. */
function send(/** @type {object} */ message) {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const legend = { tokenTypes: ['keyword', 'variable', 'string'], tokenModifiers: ['definition', 'modification'] };
const capabilities = { textDocumentSync: { openClose: true, change: 2 }, semanticTokensProvider: { legend, full: true } };

/** @type {Record<string, (params: any, id: number) => void>} */
const answers = {
  initialize: (_, id) => send({ id, result: { capabilities } }),
  // `await`, a name and a string on one line, a name on the next but one.
  'textDocument/semanticTokens/full': (_, id) =>
    send({ id, result: { data: [1, 4, 5, 0, 0, 0, 6, 3, 1, 2, 0, 4, 5, 2, 0, 2, 8, 2, 1, 0] } }),
  'textDocument/didOpen': ({ textDocument: { uri, text } }) => {
    const lines = String(text).split('\n');
    const found = lines.flatMap((line, at) => (line.includes('wrong') ? [at] : []));
    const diagnostics = found.map((line) => ({
      range: { start: { line, character: 4 }, end: { line, character: 9 } }, severity: 1, code: 'SYNTAX', source: 'nexus', message: 'wrong',
    }));
    send({ method: 'textDocument/publishDiagnostics', params: { uri, diagnostics } });
  },
  shutdown: (_, id) => send({ id, result: null }),
  exit: () => process.exit(0),
};

/** Reads messages as they come in. */
function serve() {
  let buffer = Buffer.alloc(0);
  process.stdin.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const head = buffer.indexOf('\r\n\r\n');
      const length = Number(buffer.toString('latin1').match(/Content-Length: (\d+)/)?.[1]);
      if (head < 0 || buffer.length < head + 4 + length) return;
      const message = JSON.parse(buffer.toString('utf8', head + 4, head + 4 + length));
      buffer = buffer.subarray(head + 4 + length);
      if (process.env.NEXUS_LOG) fs.appendFileSync(process.env.NEXUS_LOG, `${message.method}\n`);
      answers[message.method]?.(message.params, message.id);
    }
  });
}

if (command === 'lsp' && !process.env.NEXUS_OLD) args.includes('--help') ? console.log('Usage: nexus lsp') : serve();
else if (command === 'graph') console.log(`flowchart LR\n  %% ${args.join(' ')} in ${process.cwd()}`);
else {
  console.error(`error: unrecognized subcommand '${command}'`);
  process.exit(2);
}
