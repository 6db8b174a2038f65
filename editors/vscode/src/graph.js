'use strict';
// The graph of a project, as `nexus graph` draws it, in a document of its own.

const vscode = require('vscode');

const { run } = require('./program');
const { program, target } = require('./project');

/** How the graph can be shown, with the language of the document. */
const SHAPES = [
  { label: 'Diagram', description: 'Mermaid in Markdown', format: 'mermaid', language: 'markdown' },
  { label: 'Text', description: 'what calls what, and where it runs', format: 'table', language: 'plaintext' },
];

/** Asks for a shape and shows the graph in it. */
async function showGraph() {
  const place = target();
  if (!place) {
    vscode.window.showInformationMessage('Nexus: open a folder or a TWF file to see its graph.');
    return;
  }
  const shape = await vscode.window.showQuickPick(SHAPES, { placeHolder: 'How to show the graph' });
  if (!shape) return;
  try {
    const drawn = await run(program(), ['graph', '--format', shape.format, ...place.paths], { cwd: place.cwd });
    const content = shape.format === 'mermaid' ? `\`\`\`mermaid\n${drawn.trimEnd()}\n\`\`\`\n` : drawn;
    const document = await vscode.workspace.openTextDocument({ language: shape.language, content });
    await vscode.window.showTextDocument(document, { preview: true, viewColumn: vscode.ViewColumn.Beside });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    vscode.window.showErrorMessage(`Nexus: the graph cannot be drawn: ${reason}`);
  }
}

module.exports = { showGraph };
