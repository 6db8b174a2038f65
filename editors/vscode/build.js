'use strict';
// Bundles the extension into dist/extension.js, with the licences of what is in the bundle beside it.

const fs = require('node:fs');
const path = require('node:path');
const esbuild = require('esbuild');

const dist = path.join(__dirname, 'dist');

/** The packages that a bundle is made of: `node_modules/NAME` or `node_modules/@SCOPE/NAME`. */
function packages(/** @type {import('esbuild').Metafile} */ bundle) {
  const found = Object.keys(bundle.inputs).map((file) => file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]);
  return [...new Set(found)].filter((name) => name !== undefined).sort();
}

/** The licence of a package with its text, which its terms want to be passed on. */
function licence(/** @type {string} */ name) {
  const folder = path.join(__dirname, 'node_modules', name);
  const { version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  const text = file ? fs.readFileSync(path.join(folder, file), 'utf8').trim() : '';
  return `${name} ${version}: ${license}\n\n${text}\n`;
}

fs.rmSync(dist, { recursive: true, force: true });
const { metafile } = esbuild.buildSync({
  absWorkingDir: __dirname,
  entryPoints: ['src/extension.js'],
  outfile: path.join(dist, 'extension.js'),
  bundle: true,
  external: ['vscode'],
  format: 'cjs',
  // The oldest editor that package.json allows runs on Node 20.
  target: 'node20',
  platform: 'node',
  minify: true,
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
});
fs.writeFileSync(path.join(dist, 'licences.txt'), packages(metafile).map(licence).join('\n---\n\n'));
