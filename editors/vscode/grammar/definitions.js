'use strict';
// Rules for files, definitions, parameters and types.

const { raw, NAME, DOTTED, DEPLOYED, LINE_ENDS, FORGOTTEN } = require('./fragments');
const { captures, named, match, word, include, pair, deployed } = require('./fragments');
const { ARROW, anyOf } = require('./expressions');

/** A head with parameters and a result, up to the end of its last line. */
function head(/** @type {string} */ begin, /** @type {string} */ kind, /** @type {string} */ name) {
  return {
    ...named('meta.definition'),
    begin,
    beginCaptures: captures(`storage.type.${kind}`, `entity.name.function.${name}`),
    end: raw`(:)${LINE_ENDS}|$|(?=#)|${FORGOTTEN}`,
    endCaptures: captures('punctuation.separator.block'),
    patterns: include('parameters', 'result-type'),
  };
}

const unit = {
  patterns: [
    match(raw`^\s*(package)\s+(${DOTTED})`, 'keyword.other.package', 'entity.name.namespace'),
    match(raw`^\s*(import)(?:\s+(${NAME}))?(?=\s*["'])`, 'keyword.control.import', 'entity.name.namespace'),
    match(raw`(?<=["'])\s+(as)\s+(${NAME})${LINE_ENDS}`, 'keyword.control.import', 'entity.name.namespace'),
  ],
};

/** Definitions begin in the first column; the same words further in are calls. */
const definition = {
  patterns: [
    head(raw`^(workflow|activity)\s+(${NAME})(?=\s*(?:\(|->|:|$))`, 'definition', 'definition'),
    head(raw`^\s*(signal|query|update)\s+(${NAME})(?=\s*\()`, 'message', 'message'),
    match(
      raw`^\s*(signal|query|update)\s+(${NAME})(?=\s*(?:#|:|$))`,
      'storage.type.message',
      'entity.name.function.message',
    ),
    head(raw`^\s*(sync|operation)\s+(${NAME})(?=\s*\()`, 'operation', 'operation'),
    match(
      raw`^\s*(async)\s+(${NAME})\s+(workflow)\s+(?:(${NAME})(\.))?(${NAME})`,
      'storage.type.operation',
      'entity.name.function.operation',
      'storage.type.operation',
      'entity.name.namespace',
      'punctuation.accessor',
      'entity.name.function',
    ),
  ],
};

const deployment = {
  patterns: [
    match(
      raw`^\s*(nexus)\s+(service)\s+(?:(${NAME})(\.))?(${NAME})`,
      'storage.type.deployment',
      'storage.type.deployment',
      'entity.name.namespace',
      'punctuation.accessor',
      'entity.name.type.service',
    ),
    match(
      raw`^\s*(nexus)\s+(endpoint)\s+(${DEPLOYED})`,
      'storage.type.deployment',
      'storage.type.deployment',
      deployed('entity.name.type.endpoint'),
    ),
    match(
      raw`^\s*(nexus_service|nexus_endpoint)\s+(${DEPLOYED})`,
      'storage.type.deployment',
      deployed('entity.name.type.service'),
    ),
    match(raw`^\s*(worker)\s+(${NAME})`, 'storage.type.deployment', 'entity.name.type.worker'),
    match(
      raw`^\s*(namespace)\s*(:)?\s*(?=["'])`,
      'storage.type.deployment',
      'punctuation.separator.key-value',
    ),
    match(
      raw`^\s*(namespace)(?:\s*(:)\s*|\s+)(${DEPLOYED})`,
      'storage.type.deployment',
      'punctuation.separator.key-value',
      deployed('entity.name.namespace'),
    ),
    match(
      raw`^\s*(task_queue)\s+(?:(${DEPLOYED})|(?=["']))`,
      'support.type.property-name.option',
      deployed('string.unquoted'),
    ),
    match(
      raw`^\s*(workflow|activity)\s+(?:(${NAME})(\.))?(${NAME})${LINE_ENDS}`,
      'storage.type.deployment',
      'entity.name.namespace',
      'punctuation.accessor',
      'entity.name.function',
    ),
  ],
};

/** A block of fields; it ends with the first line that is not deeper than its head. */
const record = {
  ...named('meta.definition.type'),
  begin: raw`^(\s*)(type)\s+(${NAME})\s*(:)${LINE_ENDS}`,
  beginCaptures: captures(null, 'storage.type.definition', 'entity.name.type', 'punctuation.separator.block'),
  end: raw`^(?!\1\s+\S|\s*(?:#|$))`,
  patterns: [
    ...include('comment'),
    {
      begin: raw`^\s*(${NAME})\s*(:)`,
      beginCaptures: captures('variable.other.property.field', 'punctuation.separator.type'),
      end: '$|(?=#)',
      patterns: [
        {
          begin: '=',
          beginCaptures: { 0: named('keyword.operator.assignment') },
          end: '$|(?=#)',
          patterns: include('expression'),
        },
        ...include('type'),
      ],
    },
  ],
};

const parameters = {
  ...named('meta.parameters'),
  ...pair(
    raw`\(`,
    raw`\)`,
    'definition.parameters',
    [
      ...include('comment'),
      {
        begin: ':',
        beginCaptures: { 0: named('punctuation.separator.type') },
        end: `(?=[,)=])|${FORGOTTEN}`,
        patterns: include('type'),
      },
      {
        begin: '=',
        beginCaptures: { 0: named('keyword.operator.assignment') },
        end: `(?=[,)])|${FORGOTTEN}`,
        patterns: include('expression'),
      },
      word(NAME, 'variable.parameter'),
      word(',', 'punctuation.separator.comma'),
    ],
    FORGOTTEN,
  ),
};

const type = (/** @type {string[]} */ names) => ({
  patterns: [
    ...include('comment'),
    word(raw`\b${anyOf(names)}\b(?!\.)`, 'support.type.primitive'),
    match(raw`(${NAME})(\.)(?=${NAME})`, 'entity.name.namespace', 'punctuation.accessor'),
    pair(
      raw`\{`,
      raw`\}`,
      'section.braces',
      [
        match(raw`(${NAME})\s*(:)`, 'variable.other.property.field', 'punctuation.separator.type'),
        ...include('type'),
      ],
      FORGOTTEN,
    ),
    pair(raw`\(`, raw`\)`, 'section.parens', include('type'), FORGOTTEN),
    pair(raw`\[`, raw`\]`, 'section.brackets', include('type'), FORGOTTEN),
    word(NAME, 'entity.name.type'),
    word('[?|*]', 'keyword.operator.type'),
    word(',', 'punctuation.separator.comma'),
  ],
});

/** The rules, given the names of types that the language knows. */
const rules = (/** @type {string[]} */ types) => ({
  annotation: match(
    raw`^\s*(@)(${DOTTED})`,
    'punctuation.definition.annotation',
    'entity.name.function.decorator',
  ),
  unit,
  definition,
  deployment,
  record,
  parameters,
  'result-type': {
    begin: '->',
    beginCaptures: { 0: named(ARROW) },
    end: raw`(?=:${LINE_ENDS})|$|(?=#)|${FORGOTTEN}`,
    patterns: include('type'),
  },
  type: type(types),
});

module.exports = { rules };
