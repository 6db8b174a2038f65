'use strict';
// Pieces that the rules of the grammar are made of.

const raw = String.raw;

/** A name. */
const NAME = raw`[A-Za-z_]\w*`;

/** A name with dots. */
const DOTTED = raw`[A-Za-z_][\w.]*`;

/** A name of the deployment: dashes and `{param}` holes may follow its first letter. */
const DEPLOYED = raw`[A-Za-z_](?:\w|-(?!>)|\{\w+\})*`;

/** Nothing but a comment follows on the line. */
const LINE_ENDS = raw`(?=\s*(?:#|$))`;

/** The word before is a keyword here, and not a variable that is read or assigned. */
const NO_NAME = raw`(?!\s*(?:[-+*/]?=(?!=)|\.(?!\.)|,|:))`;

/** A line that begins a statement: an open bracket before it was forgotten. */
const STATEMENT_LINE =
  '^\\s*(?:activity|await|close|detach|namespace|nexus|nexus_endpoint|nexus_service|promise|query|return|signal|spawn' +
  '|switch|update|worker|workflow)\\s+[A-Za-z_"(]';

/** Where brackets of declarations and types end although nothing closes them. */
const FORGOTTEN = `(?=${STATEMENT_LINE})`;

/** Where brackets of expressions end although nothing closes them: assignments too, which cannot stand in there. */
const FORGOTTEN_VALUE = raw`(?=${STATEMENT_LINE}|^\s*${NAME}\s*[-+*/]?=(?![=>]))`;

/** Captures from scopes by position; a scope may also be a rule of its own, or nothing. */
function captures(/** @type {(string | object | null)[]} */ ...scopes) {
  const found = scopes.flatMap((scope, at) => (scope ? [[at + 1, typeof scope === 'string' ? named(scope) : scope]] : []));
  return Object.fromEntries(found);
}

/** A scope as a capture. */
const named = (/** @type {string} */ scope) => ({ name: `${scope}.twf` });

/** A rule for one match: one scope for all of it, or one for each group. */
function match(/** @type {string} */ pattern, /** @type {(string | object | null)[]} */ ...scopes) {
  return { match: pattern, captures: captures(...scopes) };
}

/** A rule for a match that has one scope. */
const word = (/** @type {string} */ pattern, /** @type {string} */ scope) => ({ match: pattern, ...named(scope) });

/** References to rules of the repository. */
const include = (/** @type {string[]} */ ...names) => names.map((name) => ({ include: `#${name}` }));

/** One bracket pair with what stands in it. */
function pair(
  /** @type {string} */ open,
  /** @type {string} */ close,
  /** @type {string} */ kind,
  /** @type {object[]} */ patterns,
  forgotten = FORGOTTEN_VALUE,
) {
  return {
    begin: open,
    beginCaptures: { 0: named(`punctuation.${kind}.begin`) },
    end: `${close}|${forgotten}`,
    endCaptures: { 0: named(`punctuation.${kind}.end`) },
    patterns,
  };
}

/** A name of the deployment with its holes. */
function deployed(/** @type {string} */ scope) {
  const hole = captures(
    'punctuation.definition.template-expression.begin',
    'variable.parameter.hole',
    'punctuation.definition.template-expression.end',
  );
  return { ...named(scope), patterns: [{ match: raw`(\{)(\w+)(\})`, captures: hole }] };
}

module.exports = {
  raw, NAME, DOTTED, DEPLOYED, LINE_ENDS, NO_NAME, FORGOTTEN, FORGOTTEN_VALUE,
  captures, named, match, word, include, pair, deployed,
};
