'use strict';
// Rules for statements: a line that begins with a word of the language.

const { raw, NAME, DOTTED, DEPLOYED, LINE_ENDS, NO_NAME, match, deployed } = require('./fragments');
const { ARROW } = require('./expressions');

const CALL = 'keyword.control.call';
const AWAIT = 'keyword.control.await';
const DETACH = 'keyword.control.detach';
const MESSAGE = 'entity.name.function.message';
const SEND = 'keyword.control.send';

/** Calls stand at the start of a line, or behind `await`, `<-`, `return` and, in older files, `=`. */
const FRONT = raw`(?:^\s*|\b)(?:(detach|spawn)\s+)?`;

const call = {
  patterns: [
    match(
      raw`${FRONT}(nexus)\s+(${DEPLOYED})\s+(?:(${NAME})(\.))?(${NAME})(\.)(${NAME})(?=\s*\()`,
      DETACH,
      CALL,
      deployed('entity.name.type.endpoint'),
      'entity.name.namespace',
      'punctuation.accessor',
      'entity.name.type.service',
      'punctuation.accessor',
      'entity.name.function.operation',
    ),
    match(
      raw`${FRONT}(nexus)\s+(${DEPLOYED})(/)(${NAME})(?=\s*\()`,
      DETACH,
      CALL,
      deployed('entity.name.namespace'),
      'punctuation.accessor',
      'entity.name.function.operation',
    ),
    match(raw`${FRONT}(nexus)(?=\s*["'])`, DETACH, CALL),
    match(
      raw`${FRONT}(workflow|activity)\s+(?:(${NAME})(\.))?(${NAME})(?=\s*\()`,
      DETACH,
      CALL,
      'entity.name.namespace',
      'punctuation.accessor',
      'entity.name.function',
    ),
    match(raw`(?:^\s*|(?<=[=-])\s*|(?<=await)\s+)(child)\s+(${NAME})(?=\s*\()`, CALL, 'entity.name.function'),
    match(raw`^\s*(?:(detach|spawn)\s+)?(workflow|activity|nexus)\b(?=\s+[A-Za-z_])`, DETACH, CALL),
    match(raw`^\s*(detach|spawn)\b(?=\s+[A-Za-z_])`, DETACH),
  ],
};

const wait = {
  patterns: [
    match(raw`(?:^\s*|\b)(await)\s+(all|one|all_handlers_finished)\b`, AWAIT, AWAIT),
    match(raw`(?:^\s*|\b)(await)\s+(timer|condition)(?=\s*[(\d])`, AWAIT, AWAIT),
    match(raw`(?:^\s*|\b)(await)\s+(signal|query|update)\s+(${NAME})`, AWAIT, AWAIT, MESSAGE),
    match(raw`^\s*(await)\b${NO_NAME}`, AWAIT),
    match(raw`(?<==)\s*(await)(?=\s+[A-Za-z_(])`, AWAIT),
    match(
      raw`^\s*(promise)\s+(${NAME})\s*(<-)(?:\s*(?:(timer)(?=\s*\()|(signal|update)\s+(${NAME})))?`,
      'storage.type.promise',
      'variable.other.promise',
      ARROW,
      AWAIT,
      AWAIT,
      MESSAGE,
    ),
    match(raw`^\s*(promise)(?=\s+[A-Za-z_])`, 'storage.type.promise'),
    match(raw`^\s*(timer)\s*(?=[(\d])`, AWAIT),
    match(raw`^\s*(watch)\s*(?=\()`, AWAIT),
    match(raw`^\s*(signal|update)\s+(${NAME})\s*(?=->)`, AWAIT, MESSAGE),
    match(
      raw`^\s*(fail)(?:\s+(${NAME}))?(?=\s*:${LINE_ENDS})`,
      'keyword.control.exception',
      'variable.other.readwrite',
    ),
    match(raw`^\s*(parallel|select)(?=\s*:${LINE_ENDS})`, AWAIT),
    match(raw`\b(timeout)\s*(:)?\s*(?=\d)`, AWAIT, 'punctuation.separator.key-value'),
    match(raw`^\s*(hint)\s+(signal|query|update)\s+(${NAME})`, 'keyword.other.hint', 'keyword.other.hint', MESSAGE),
  ],
};

const message = {
  patterns: [
    match(raw`^\s*(signal)\s+(external)\s+(${NAME})(?=\s*\()`, SEND, SEND, 'entity.name.function'),
    match(
      raw`^\s*(signal)\s+(${NAME})(\.)(${NAME})(?=\s*\()`,
      SEND,
      'variable.other.promise',
      'punctuation.accessor',
      MESSAGE,
    ),
    match(
      raw`^\s*(cancel)\s+(?:(external)\s+(${NAME})(?=\s*\()|(${NAME})${LINE_ENDS})`,
      SEND,
      SEND,
      'entity.name.function',
      'variable.other.promise',
    ),
    match(raw`^\s*(set|unset)\s+(${NAME})${LINE_ENDS}`, 'keyword.control.condition', 'variable.other.condition'),
    match(raw`^\s*(condition)\s+(${NAME})${LINE_ENDS}`, 'storage.type.condition', 'variable.other.condition'),
    match(
      raw`^\s*(state|validator|on_cancel)\s*(:)${LINE_ENDS}`,
      'storage.type.section',
      'punctuation.separator.block',
    ),
  ],
};

const branch = {
  patterns: [
    match(raw`^\s*(if|elif|switch|case)\b${NO_NAME}`, 'keyword.control.conditional'),
    match(raw`^\s*(else)\s+(if)\b`, 'keyword.control.conditional', 'keyword.control.conditional'),
    match(raw`^\s*(else)(?=\s*:)`, 'keyword.control.conditional'),
    match(raw`^\s*(for)\b(?!\s*(?:[-+*/]?=(?!=)|\.|,))`, 'keyword.control.loop'),
    match(raw`^\s*(break|continue)${LINE_ENDS}`, 'keyword.control.loop'),
    match(raw`^\s*(try|finally)(?=\s*:${LINE_ENDS})`, 'keyword.control.exception'),
    match(
      raw`^\s*(catch)(?:\s+(${NAME})(?:\s*(:)\s*(${DOTTED})(?=\s*:))?)?(?=\s*:)`,
      'keyword.control.exception',
      'variable.other.readwrite',
      'punctuation.separator.type',
      'entity.name.type.error',
    ),
    match(raw`^\s*(raise)\s+(${DOTTED})(?=\s*[({])`, 'keyword.control.exception', 'entity.name.type.error'),
    match(raw`^\s*(raise|reject)(?=\s+[A-Za-z_"'{])`, 'keyword.control.exception'),
  ],
};

const end = {
  patterns: [
    match(raw`^\s*(pass)(?=\s*(?:\(\s*\)\s*)?(?:#|$))`, 'keyword.control.pass'),
    match(raw`^\s*(\.\.\.)${LINE_ENDS}`, 'keyword.control.pass'),
    match(raw`^\s*(return)\b${NO_NAME}`, 'keyword.control.return'),
    match(
      raw`^\s*(close)(?:\s+(complete|completed|fail|failed|continue_as_new)\b|\b${NO_NAME})`,
      'keyword.control.close',
      'keyword.control.close',
    ),
    match(raw`^\s*(continue_as_new)(?=\s*\()`, 'keyword.control.close'),
    match(raw`^\s*(heartbeat)(?=\s*\()`, 'keyword.control.heartbeat'),
  ],
};

module.exports = { rules: { call, wait, message, branch, end } };
