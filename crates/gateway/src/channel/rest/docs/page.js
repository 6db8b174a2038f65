// The page for people: everything that can be called, how, and a way to try it. What the server says is only ever
// shown as text.
'use strict';

const byId = (id) => document.getElementById(id);

/** An element with properties and children; text is a child like any other. */
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === 'class') element.className = value;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const idOf = (operation) => (operation.namespace ? `${operation.namespace}/${operation.name}` : operation.name);
const groupOf = (operation) => (operation.namespace ? `Workflows in ${operation.namespace}` : operation.name.split('.')[0]);
const EFFECTS = { read: 'looks', write: 'changes', long: 'runs' };

let operations = [];
let following = null;

async function begin() {
  const main = byId('main');
  try {
    const answer = await fetch('/v1/operations', { headers: { accept: 'application/json' } });
    if (answer.status === 401 && (answer.headers.get('link') || '').includes('rel="login"')) {
      main.replaceChildren(make('h2', {}, 'Not logged in'), make('p', { class: 'doc' }, make('a', { href: `/login?return=${encodeURIComponent(location.pathname + location.hash)}` }, 'Log in')));
      return;
    }
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    byId('version').textContent = answer.headers.get('x-nexus-version') || '';
    operations = (await answer.json()).operations;
  } catch (error) {
    main.replaceChildren(make('h2', {}, 'No answer'), make('p', { class: 'doc' }, `The list of operations cannot be read: ${error.message}`));
    return;
  }
  operations.sort((a, b) => Number(!a.namespace) - Number(!b.namespace) || idOf(a).localeCompare(idOf(b)));
  byId('filter').addEventListener('input', list);
  addEventListener('hashchange', show);
  list();
  show();
  await greet();
}

/** Says who is logged in, and lets them out. The page itself shows no other credential than the cookie of a login. */
async function greet() {
  const answer = await fetch('/v1/operations/auth.whoami', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  const caller = answer.ok ? (await answer.json()).output.caller : '';
  if (!caller.startsWith('token:')) return;
  const out = async () => {
    await fetch('/logout', { method: 'POST' });
    location.reload();
  };
  document.querySelector('footer').append(make('span', { title: caller }, caller.split(':').slice(2).join(':')), make('button', { onclick: out }, 'Log out'));
}

function list() {
  const wanted = byId('filter').value.trim().toLowerCase();
  const current = chosen();
  const groups = new Map();
  for (const operation of operations) {
    const text = `${idOf(operation)} ${operation.title} ${(operation.tags || []).join(' ')}`.toLowerCase();
    if (wanted && !text.includes(wanted)) continue;
    const name = groupOf(operation);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(operation);
  }
  const parts = [];
  for (const [name, members] of groups) {
    parts.push(make('h2', {}, name));
    for (const operation of members) {
      parts.push(make('a', {
        href: `#${idOf(operation)}`,
        class: operation.deprecated ? 'old' : '',
        'aria-current': operation === current ? 'page' : undefined,
        title: operation.title,
      }, make('span', {}, operation.namespace ? operation.name : operation.name.split('.').slice(1).join('.')),
      make('span', { class: `effect ${operation.effect}` }, EFFECTS[operation.effect])));
    }
  }
  if (!parts.length) parts.push(make('p', { class: 'none' }, 'Nothing is called so.'));
  byId('list').replaceChildren(...parts);
}

function chosen() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  return operations.find((operation) => idOf(operation) === wanted) || operations[0];
}

function show() {
  if (following) following.abort();
  following = null;
  const operation = chosen();
  const main = byId('main');
  if (!operation) {
    main.replaceChildren(make('h2', {}, 'Nothing to call'), make('p', { class: 'doc' }, 'This project has no workflows yet.'));
    return;
  }
  document.title = `${operation.name} - Nexus`;
  list();
  const title = operation.title && operation.title !== operation.name ? operation.title.replace(/\.$/, '') : operation.name;
  const said = operation.doc.trim();
  // The title is the first line of what is said, unless it was written by itself.
  const doc = said.startsWith(operation.title.trim()) ? said.slice(operation.title.trim().length).trim() : said;
  main.replaceChildren(...[
    make('h2', {}, title),
    make('p', { class: 'id' },
      make('code', {}, idOf(operation)),
      make('span', { class: `effect ${operation.effect}` }, EFFECTS[operation.effect]),
      operation.permission ? make('span', {}, 'needs ', make('code', {}, operation.permission)) : null,
      operation.defined_at ? make('span', {}, 'in ', make('code', {}, operation.defined_at)) : null,
      ...(operation.http || []).map((route) => make('code', {}, route))),
    operation.deprecated ? make('p', { class: 'warning' }, `Deprecated: ${operation.deprecated}`) : null,
    ...paragraphs(doc),
    make('h3', {}, 'Input'), fields(operation.input),
    make('h3', {}, operation.namespace ? 'Result' : 'Output'), fields(operation.output),
    ...attempt(operation),
  ].filter(Boolean));
  main.scrollTop = 0;
}

/** Text with code between backticks. */
function spans(text) {
  return text.split('`').map((part, index) => (index % 2 ? make('code', {}, part) : part)).filter((part) => part !== '');
}

/** A text whose lines were broken for an editor. */
function paragraphs(text) {
  const parts = text.split(/\n\s*\n/).map((part) => part.replace(/\s*\n\s*/g, ' ').trim()).filter(Boolean);
  return parts.map((part) => make('p', { class: 'doc' }, ...spans(part)));
}

/** Follows a reference within a schema. */
function resolved(schema, whole) {
  const name = schema && typeof schema.$ref === 'string' && schema.$ref.match(/^#\/\$defs\/(.+)$/);
  const found = name && whole.$defs && whole.$defs[name[1].replace(/~1/g, '/').replace(/~0/g, '~')];
  return found ? { ...found, ...schema, $ref: undefined, named: name[1] } : schema || {};
}

function kindOf(given, whole) {
  const schema = resolved(given, whole);
  if (schema.named) return schema.named;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.map((one) => kindOf(one, whole)).join(' | ');
  const kinds = [].concat(schema.type || 'any');
  return kinds.map((kind) => (kind === 'array' ? `list of ${kindOf(schema.items || {}, whole)}` : kind)).join(' | ');
}

const RULES = [
  ['minimum', 'at least'], ['maximum', 'at most'], ['exclusiveMinimum', 'more than'], ['exclusiveMaximum', 'less than'],
  ['multipleOf', 'a multiple of'], ['minLength', 'characters, at least'], ['maxLength', 'characters, at most'], ['minItems', 'items, at least'],
  ['maxItems', 'items, at most'], ['pattern', 'like'], ['format', 'a'], ['default', 'by default'],
];

function rulesOf(schema) {
  return RULES.filter(([key]) => schema[key] !== undefined).map(([key, words]) => `${words} ${typeof schema[key] === 'string' ? schema[key] : JSON.stringify(schema[key])}`).join(', ');
}

function fields(whole) {
  const schema = resolved(whole || {}, whole || {});
  if (schema.properties && Object.keys(schema.properties).length) {
    const rows = [];
    collect(rows, schema, whole, 0, new Set());
    const widths = make('colgroup', {}, make('col', { class: 'name' }), make('col', { class: 'kind' }), make('col', {}));
    return make('table', {}, widths, make('tbody', {}, ...rows));
  }
  const kind = kindOf(whole || {}, whole || {});
  if (kind === 'object' && schema.additionalProperties === false) return make('p', { class: 'none' }, 'Nothing.');
  return make('p', { class: 'none' }, { any: 'Any JSON value.', object: 'An object.', null: 'Nothing.' }[kind] || kind);
}

function collect(rows, schema, whole, depth, seen) {
  const required = new Set(schema.required || []);
  for (const [name, given] of Object.entries(schema.properties || {})) {
    const field = resolved(given, whole);
    const rules = rulesOf(field);
    rows.push(make('tr', {},
      make('td', {}, make('span', { class: 'indent' }, '\u00a0\u00a0'.repeat(depth)), name, required.has(name) ? make('span', { class: 'need', title: 'required' }, '*') : null),
      make('td', {}, kindOf(given, whole)),
      make('td', {}, ...spans(field.description || ''), rules ? make('div', { class: 'rule' }, rules) : null)));
    const inner = field.type === 'array' ? resolved(field.items || {}, whole) : field;
    if (inner.properties && depth < 4 && !seen.has(inner.named)) {
      collect(rows, inner, whole, depth + 1, new Set([...seen, inner.named].filter(Boolean)));
    }
  }
}

/** A value that fits a schema, to begin with. */
function sample(given, whole, depth = 0) {
  const schema = resolved(given, whole);
  if (schema.default !== undefined) return schema.default;
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const several = schema.anyOf || schema.oneOf;
  if (several) return sample(several[0], whole, depth);
  const kind = [].concat(schema.type || (schema.properties ? 'object' : 'null'))[0];
  if (kind === 'object') {
    if (depth > 4) return {};
    const names = schema.required || [];
    return Object.fromEntries(names.map((name) => [name, sample((schema.properties || {})[name] || {}, whole, depth + 1)]));
  }
  if (kind === 'array') return schema.minItems ? [sample(schema.items || {}, whole, depth + 1)] : [];
  if (kind === 'string') return { date: '2026-01-31', 'date-time': '2026-01-31T12:00:00Z', email: 'ada@example.com' }[schema.format] || '';
  if (kind === 'integer' || kind === 'number') return schema.minimum || 0;
  return kind === 'boolean' ? false : null;
}

const pretty = (value) => JSON.stringify(value, null, 2);
const pathOf = (operation) => (operation.namespace ? `/v1/workflows/${encodeURIComponent(`${operation.namespace}.${operation.name}`)}/runs` : `/v1/operations/${operation.name}`);
const quoted = (text) => `'${text.replace(/'/g, `'\\''`)}'`;

function copied(text) {
  const button = make('button', { type: 'button', onclick: () => navigator.clipboard.writeText(text).then(() => { button.textContent = 'Copied'; }) }, 'Copy');
  return make('div', { class: 'copied' }, make('pre', {}, text), navigator.clipboard ? button : null);
}

/** How the same call is made elsewhere. */
function ways(operation, input, wait) {
  const query = operation.namespace && wait ? `?wait=${wait}` : '';
  const json = JSON.stringify(input);
  const empty = json === '{}';
  const curl = `curl -X POST ${location.origin}${pathOf(operation)}${query}` + (empty ? '' : ` \\\n  -H 'content-type: application/json' \\\n  -d ${quoted(json)}`);
  const name = operation.namespace ? `run ${operation.name}` : `call ${operation.name}`;
  const shell = `nexus ${name}${empty ? '' : ` --json ${quoted(json)}`}`;
  const tool = operation.name.replace(/\./g, operation.namespace ? '.' : '_');
  const mcp = pretty({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: input } });
  return [['HTTP', curl], ['Shell', shell], ['MCP', mcp]];
}

function attempt(operation) {
  const text = make('textarea', { 'aria-label': 'Input as JSON', spellcheck: 'false' });
  const outcome = make('div', { 'aria-live': 'polite' });
  const shown = make('div', {});
  const tabs = make('div', { class: 'tabs', role: 'tablist' });
  let tab = 0;
  const wait = make('select', { 'aria-label': 'How long to wait' },
    ...[['30s', 'wait up to 30 s'], ['', 'do not wait']].map(([value, label]) => make('option', { value }, label)));
  const examples = operation.examples || [];
  text.value = pretty(examples.length ? examples[0].input : sample(operation.input, operation.input));

  const read = () => {
    try {
      const value = JSON.parse(text.value || '{}');
      text.setAttribute('aria-invalid', 'false');
      return value;
    } catch (error) {
      text.setAttribute('aria-invalid', 'true');
      outcome.replaceChildren(make('p', { class: 'status bad' }, `This is no JSON: ${error.message}`));
      return undefined;
    }
  };
  const draw = () => {
    let input = {};
    try { input = JSON.parse(text.value || '{}'); } catch { /* shown as it was */ }
    const all = ways(operation, input, wait.value);
    tabs.replaceChildren(...all.map(([name], index) => make('button', { type: 'button', role: 'tab', 'aria-selected': String(index === tab), onclick: () => { tab = index; draw(); } }, name)));
    shown.replaceChildren(copied(all[tab][1]));
  };
  const go = make('button', { type: 'button', class: 'go', onclick: async () => {
    const input = read();
    if (input === undefined) return;
    go.disabled = true;
    await call(operation, input, wait.value, outcome);
    go.disabled = false;
  } }, operation.effect === 'long' ? 'Run' : 'Call');
  const pick = examples.length > 1 ? make('select', { 'aria-label': 'Example', onchange: () => { text.value = pretty(examples[pick.value].input); draw(); } },
    ...examples.map((example, index) => make('option', { value: index }, example.title || `example ${index + 1}`))) : null;
  text.addEventListener('input', draw);
  wait.addEventListener('change', draw);
  draw();
  return [
    make('h3', {}, 'Try it'), text,
    make('div', { class: 'act' }, go, operation.effect === 'long' ? wait : null, pick),
    outcome,
    make('h3', {}, 'The same from elsewhere'), tabs, shown,
  ];
}

async function call(operation, input, wait, outcome) {
  outcome.replaceChildren(make('p', { class: 'soft' }, operation.effect === 'long' && wait ? 'Running' : 'Asking'));
  if (following) following.abort();
  const began = performance.now();
  const query = operation.effect === 'long' && wait ? `?wait=${wait}` : '';
  let answer;
  let body;
  try {
    answer = await fetch(pathOf(operation) + query, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(input) });
    const said = await answer.text();
    try { body = pretty(JSON.parse(said)); } catch { body = said; }
  } catch (error) {
    outcome.replaceChildren(make('p', { class: 'status bad' }, `No answer: ${error.message}`));
    return;
  }
  const took = Math.round(performance.now() - began);
  const words = { 200: 'Done', 202: 'Going on' }[answer.status] || (answer.ok ? 'Done' : 'Refused or failed');
  outcome.replaceChildren(
    make('p', {}, make('span', { class: `status ${answer.ok ? 'good' : 'bad'}` }, `${answer.status} ${words}`), make('span', { class: 'soft' }, `  ${took} ms, request ${answer.headers.get('x-request-id') || '-'}`)),
    make('pre', {}, body));
  const run = (body.match(/"run(?:_id)?": "(run_[0-9a-z]+)"/) || [])[1];
  if (run && operation.namespace) follow(run, outcome);
}

/** Shows what happens to a run as it happens. */
async function follow(run, outcome) {
  const events = make('ol', { class: 'events' });
  const heading = make('p', { class: 'soft' }, `History of ${run}`);
  outcome.append(heading, events);
  following = new AbortController();
  try {
    const answer = await fetch(`/v1/runs/${run}/events`, { headers: { accept: 'text/event-stream' }, signal: following.signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split('\n\n');
      text = parts.pop();
      for (const part of parts) {
        const field = (name) => (part.split('\n').find((line) => line.startsWith(`${name}: `)) || '').slice(name.length + 2);
        if (!field('data') || field('event') === 'end') continue;
        const { time, activity } = JSON.parse(field('data'));
        const words = field('event').replace(/^WorkflowExecution/, 'Run').replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
        events.append(make('li', {}, make('span', { class: 'number' }, field('id')), make('span', {}, words, activity ? ` ${activity}` : ''), make('span', { class: 'soft' }, time ? time.slice(11, 23) : '')));
      }
    }
  } catch (error) {
    if (error.name !== 'AbortError') heading.textContent = `The history broke off: ${error.message}`;
  }
}

begin();
