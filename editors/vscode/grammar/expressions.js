'use strict';
// Rules for comments, literals and expressions.

const { raw, NAME, FORGOTTEN_VALUE, captures, named, match, word, include, pair } = require('./fragments');

const ARROW = 'keyword.operator.arrow';

/** Any of these words. */
const anyOf = (/** @type {string[]} */ words) => `(?:${words.join('|')})`;

/** Strings end with their line at the latest. An apostrophe that closes nothing begins none. */
function strings(/** @type {string} */ holes) {
  const string = (/** @type {string} */ kind, /** @type {string} */ begin, /** @type {string} */ quote) => ({
    ...named(`string.quoted.${kind}`),
    begin,
    beginCaptures: { 0: named('punctuation.definition.string.begin') },
    end: `${quote}|$`,
    endCaptures: { 0: named('punctuation.definition.string.end') },
    patterns: include('escape', holes),
  });
  return { patterns: [string('double', '"', '"'), string('single', raw`'(?=(?:[^'\\]|\\.)*')`, "'")] };
}

const comment = {
  patterns: [
    {
      ...named('comment.line.number-sign'),
      match: raw`(#+) ?(twf:)(.*)$`,
      captures: captures('punctuation.definition.comment', 'keyword.other.pragma', {
        patterns: [
          match(
            raw`([\w-]+)(?:(=)([\w-]+))?`,
            'variable.parameter.pragma',
            'keyword.operator.assignment',
            'constant.other.pragma',
          ),
        ],
      }),
    },
    { ...named('comment.line.number-sign'), match: '(#).*$', captures: captures('punctuation.definition.comment') },
  ],
};

/** `{x}` in a string of the options: what is in it cannot open anything, so that it ends with its brace. */
const hole = {
  patterns: [
    word(raw`\{\{|\}\}`, 'constant.character.escape'),
    {
      ...named('meta.embedded.hole'),
      begin: raw`\{(?=[^{}"']*\})`,
      beginCaptures: { 0: named('punctuation.definition.template-expression.begin') },
      end: raw`\}|$`,
      endCaptures: { 0: named('punctuation.definition.template-expression.end') },
      patterns: [...include('number', 'atom'), word(raw`[()\[\]]`, 'punctuation.section.parens')],
    },
  ],
};

const number = {
  patterns: [
    {
      ...word(raw`(?<!\w)(?:\d[\d_]*(?:\.\d[\d_]*)?(?:ms|[smhdw]))+(?!\w)`, 'constant.numeric.duration'),
      captures: { 0: { patterns: [word('ms|[smhdw]', 'keyword.other.unit.duration')] } },
    },
    word(raw`(?<!\w)\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][-+]?\d+)?(?!\w)`, 'constant.numeric'),
  ],
};

const lambda = {
  patterns: [
    match(raw`\b(${NAME})\s*(=>)`, 'variable.parameter', ARROW),
    match(
      raw`(\()([\w\s,]*)(\))\s*(=>)`,
      'punctuation.definition.parameters.begin',
      { patterns: [word(NAME, 'variable.parameter'), word(',', 'punctuation.separator.comma')] },
      'punctuation.definition.parameters.end',
      ARROW,
    ),
  ],
};

const brackets = {
  patterns: [
    pair(raw`\(`, raw`\)`, 'section.parens', include('named-argument', 'expression')),
    pair(raw`\[`, raw`\]`, 'section.brackets', include('expression')),
    braces(include('named-argument', 'expression')),
  ],
};

/** An object, with the name of its type before it or without one. */
function braces(/** @type {object[]} */ patterns) {
  return {
    ...pair('', raw`\}`, 'section.braces', patterns, FORGOTTEN_VALUE),
    begin: raw`(?:\b(${NAME})\s*)?(\{)`,
    beginCaptures: captures('entity.name.type', 'punctuation.section.braces.begin'),
  };
}

/** A point that is no part of a range. */
const POINT = raw`(\?\.|(?<!\.)\.(?!\.))`;

const atom = (/** @type {string[]} */ functions) => ({
  patterns: [
    word(raw`(?<![.\w])(?:true|false|null|None)\b`, 'constant.language'),
    word(raw`(?<!\.)\b(?:if|else)\b`, 'keyword.control.conditional'),
    word(raw`(?<!\.)\b(?:and|or|not|in)\b`, 'keyword.operator.wordlike'),
    word(raw`(?<![.\w])workflow(?=\s*\??\.)`, 'variable.language'),
    match(raw`${POINT}\s*(${anyOf(functions)})(?=\s*\()`, 'punctuation.accessor', 'support.function.builtin'),
    match(raw`${POINT}\s*(${NAME})(?=\s*\()`, 'punctuation.accessor', 'entity.name.function.member'),
    match(raw`${POINT}\s*(${NAME})`, 'punctuation.accessor', 'variable.other.property'),
    word(raw`\b${anyOf(functions)}(?=\s*\()`, 'support.function.builtin'),
    word(raw`\b${NAME}(?=\s*\()`, 'entity.name.function'),
    word(raw`\b${NAME}`, 'variable.other.readwrite'),
    word('->|<-|=>', ARROW),
    word(raw`\.\.\.|\.\.`, 'keyword.operator.range'),
    word(raw`\?\?`, 'keyword.operator.coalesce'),
    word('==|!=|<=|>=|<|>', 'keyword.operator.comparison'),
    word(raw`&&|\|\||!`, 'keyword.operator.logical'),
    word('[-+*/]?=', 'keyword.operator.assignment'),
    word('//|[-+*/%]', 'keyword.operator.arithmetic'),
    word(',', 'punctuation.separator.comma'),
    word(':', 'punctuation.separator.block'),
    word(raw`\.`, 'punctuation.accessor'),
  ],
});

/** The rules, given the functions of the language. */
const rules = (/** @type {string[]} */ functions) => ({
  comment,
  expression: { patterns: include('comment', 'string', 'number', 'lambda', 'call', 'brackets', 'atom') },
  string: strings('placeholder'),
  'string-with-holes': strings('hole'),
  escape: word(raw`\\(?:["'\\nrt0]|u\{[0-9A-Fa-f]{1,6}\})`, 'constant.character.escape'),
  placeholder: word(raw`\{\}`, 'constant.other.placeholder'),
  hole,
  number,
  lambda,
  'named-argument': match(
    raw`(?<=[({,]|^)\s*(${NAME})\s*(:)`,
    'meta.object-literal.key',
    'punctuation.separator.key-value',
  ),
  brackets,
  atom: atom(functions),
});

module.exports = { ARROW, anyOf, braces, rules };
