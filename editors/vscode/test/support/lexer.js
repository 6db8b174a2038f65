'use strict';
// A small lexer by the rules of crates/lang/src/twf/lexer: which bytes are comments and strings, where brackets are open.

/** The end of a string that begins at a place, or nothing when its line ends before it. */
function closing(/** @type {string} */ line, /** @type {number} */ start) {
  for (let at = start + 1; at < line.length; at += 1) {
    if (line[at] === '\\') at += 1;
    else if (line[at] === line[start]) return at + 1;
  }
  return undefined;
}

/**
 * What each character of a line is: `c`omment, `s`tring, or a blank for code.
 *
 * @param {string} line
 */
function kinds(line) {
  let found = '';
  while (found.length < line.length) {
    const at = found.length;
    const quote = line[at];
    const end = quote === '"' ? closing(line, at) ?? line.length : quote === "'" ? closing(line, at) : undefined;
    if (quote === '#') found += 'c'.repeat(line.length - at);
    else if (end !== undefined) found += 's'.repeat(end - at);
    else found += ' ';
  }
  return found;
}

/** How many brackets a line of code leaves open, closed ones counted against them. */
function opened(/** @type {string} */ line) {
  const code = [...kinds(line)].map((kind, at) => (kind === ' ' ? line[at] : ' ')).join('');
  return code.replace(/[^([{]/g, '').length - code.replace(/[^)\]}]/g, '').length;
}

module.exports = { kinds, opened };
