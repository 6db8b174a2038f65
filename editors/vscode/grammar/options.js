'use strict';
// Rules for options, in every spelling.

const { raw, NAME, DEPLOYED, LINE_ENDS } = require('./fragments');
const { captures, named, match, word, include, pair, deployed } = require('./fragments');
const { anyOf, braces } = require('./expressions');

const OPTION = 'support.type.property-name.option';
const COLON = 'punctuation.separator.key-value';

/** The rules, given the keys and the words that can be values. */
const rules = (/** @type {string[]} */ keys, /** @type {string[]} */ values) => ({
  // The block ends with the first line that is not deeper than its head.
  'options-block': {
    ...named('meta.options'),
    begin: raw`^(\s*)(options|default_options)\s*(:)${LINE_ENDS}`,
    beginCaptures: captures(null, 'keyword.other.options', 'punctuation.separator.block'),
    end: raw`^(?!\1\s+\S|\s*(?:#|$))`,
    patterns: [
      ...include('comment'),
      match(raw`^\s*(${anyOf(keys)})\s*(:)`, OPTION, COLON),
      match(raw`^\s*(${NAME})\s*(:)`, 'variable.other.property.option', COLON),
      ...include('option-value'),
    ],
  },
  'option-value': {
    patterns: [
      word(raw`\b${anyOf(values)}\b(?=\s*(?:#|,|\)|$))`, 'constant.language.option'),
      ...include('string-with-holes', 'expression'),
    ],
  },
  'options-line': {
    ...pair('', raw`\)`, 'section.parens', include('options-inside')),
    begin: raw`(?:^|(?<=\)))\s*(options)\s*(\()`,
    beginCaptures: captures('keyword.other.options', 'punctuation.section.parens.begin'),
  },
  'options-inside': {
    patterns: [
      match(raw`(?<=[({,]|^)\s*(${anyOf(keys)})\s*(:)`, OPTION, COLON),
      braces(include('options-inside')),
      ...include('named-argument', 'option-value'),
    ],
  },
  // Older files write options without a block: under a worker, under an endpoint, behind `return workflow`.
  'loose-option': {
    begin: raw`^\s*(${anyOf(keys)})\s*(:)(?=\s*[^\s#])`,
    beginCaptures: captures(OPTION, COLON),
    end: '$|(?=#)',
    patterns: [
      match(raw`(?<=:)\s*(${DEPLOYED})${LINE_ENDS}`, deployed('string.unquoted')),
      ...include('option-value'),
    ],
  },
  'loose-list': {
    patterns: [
      match(raw`^\s*(allow_callers|allowed_caller_namespaces|retry_policy|retryPolicy)\s*(:)${LINE_ENDS}`, OPTION, COLON),
      match(raw`^\s*(-)\s+(${DEPLOYED})${LINE_ENDS}`, 'punctuation.definition.list.item', deployed('string.unquoted')),
      match(raw`^\s*(signals|queries|updates)\s*(:)`, 'storage.type.message', COLON),
    ],
  },
});

module.exports = { rules };
