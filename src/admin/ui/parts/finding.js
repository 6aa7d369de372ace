/* finding.js - what the doctor says, and what a page says when it was refused.
 *   finding({ seen, cause, fix: [...], who, certainty, id }, { level: 3 })     one finding; `level` of its heading
 *   findings(list)                                       the root cause first, the others below
 *   problem(error, { retry, more })                      any Refused (or fault of ours) as a view, with "Try again"; `more`: nodes
 *   await explain('smtp.auth.x', { mailbox, seen })      what an id means, asked of the server; null if it knows no such id
 *   whoText('admin')                                     who can mend it */
import { h } from '../dom.js';
import { get, path, query } from '../api.js';
import { copyInline } from './copy.js';
import { stateIcon } from './state.js';

const people = {
  nobody: 'Nobody: it passes by itself', admin: 'An administrator of the Microsoft 365 tenant', 'mailbox-owner': 'The owner of the mailbox',
  'app-owner': 'Whoever looks after the program', 'postern-admin': 'You, here in Postern',
};
const sure = { likely: 'This is the likely cause.', possible: 'This is one possible cause.' };

export const whoText = (who) => people[String(who).replaceAll('_', '-')] ?? who;

/* Commands stand in the middle of a step's sentence: they are shown as such, and can be copied. */
const command = /((?:Set|Get|New|Add|Remove|Connect|Install|Enable|Update)-[A-Z]\w+(?: [A-Z]\w+)?(?: -\w+(?: (?!-)[^\s(),;]+)?)*|postern(?: (?:[\w.+-]+@[\w.-]+|<[^>]+>|-{0,2}[a-z][\w-]*(?![\w.@])|[A-Z]{2,}))+)/;

/* What a command does can be done in the console, too: [words of the link, address], or null. */
const pages = { mailbox: '/mailboxes', app: '/apps', endpoint: '/endpoints', registration: '/settings/registrations', provider: '/settings/providers', operator: '/settings/operators', key: '/settings/keys' };
function placeOf(text) {
  const [, kind, verb, name] = /^postern (\w+) (\w+) ([\w.+@-]+)/.exec(text) ?? [];
  if (!pages[kind]) return null;
  const isNamed = !/^[A-Z]+$/.test(name);
  if (kind === 'mailbox' && isNamed && verb === 'authorize') return ['Authorize it here', path`/mailboxes/${name}` + '#sign-in'];
  if (kind === 'mailbox' && isNamed && verb === 'test') return ['test it here', path`/mailboxes/${name}` + '#test'];
  if (kind === 'endpoint' && !isNamed) return ['do it here', '/inbound'];
  const to = isNamed ? pages[kind] + path`/${name}` : pages[kind];
  return to === location.pathname ? null : ['do it here', to];
}

function commandView(text) {
  const [words, to] = placeOf(text) ?? [];
  if (!words) return copyInline(text, 'command');
  return words.startsWith('A') ? [h('a', { href: to }, words), ', or by ', copyInline(text, 'command')] : [copyInline(text, 'command'), ' (or ', h('a', { href: to }, words), ')'];
}

const step = (text) => h('li', text.split(command).map((part, i) => (i % 2 ? commandView(part) : part)));

export function finding(f, { level = 3, said } = {}) {
  return h('article.finding', { class: f.who === 'nobody' ? 'passes' : '' }, f.cause !== said && h('div.title', stateIcon(f.who === 'nobody' ? 'wait' : 'person'), h(`h${level}`, f.cause || f.seen)),
    f.seen && f.cause && h('figure.seen', h('figcaption', 'What was seen'), h('blockquote', f.seen)),
    f.fix?.length > 0 && [h('p.label', 'What to do'), h('ol.fix', f.fix.map(step))],
    h('p.by', f.who && (f.who === 'nobody' ? 'Nobody has to do anything: it passes by itself. ' : `Who can do it: ${whoText(f.who)}. `), sure[f.certainty] ?? null, f.id && h('code.id', f.id)));
}

export function findings(list, options) {
  if (!list?.length) return null;
  return h('div.findings', finding(list[0], options), list.length > 1 && h('details', h('summary', `${list.length - 1} more that may follow from it`), list.slice(1).map((f) => finding(f, options))));
}

export async function explain(id, facts = {}) {
  if (!id) return null;
  try {
    return await get(path`/findings/${id}` + query(facts));
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    return { id, seen: facts.seen, cause: facts.seen ? '' : id };
  }
}

const titles = {
  offline: 'Postern does not answer', restarting: 'This part of Postern is restarting', session: 'Your session has ended',
  forbidden: 'You are not allowed to do this', missing: 'There is nothing here', conflict: 'That does not fit with what is there',
  stale: 'Somebody else changed this meanwhile', throttled: 'Too many tries', refused: 'That was refused',
};
const hints = {
  restarting: 'It is usually back within seconds. Mail that was accepted is safe meanwhile.',
  stale: 'Nothing was overwritten. Load it anew to see their change, then make yours.',
  merged: 'Nothing was overwritten, and what you typed is still here. Save again if it is still right.',
};

export function problem(error, { retry, more, level = 3 } = {}) {
  const isOurs = !error.kind;
  const title = isOurs ? 'This page met a fault of its own' : error.kind === 'refused' && error.title && error.title !== 'Refused' ? error.title : titles[error.kind];
  const found = error.findings ?? [];
  const waits = error.retryAfter ? `Try again in ${error.retryAfter} s.` : null;
  return h('div.problem', h('div.title', stateIcon(error.kind === 'restarting' ? 'busy' : 'bad'), h(`h${level}`, title)),
    found[0]?.fix?.length ? findings(found, { level: level + 1, said: title }) : h('p', error.detail || error.message),
    more, (hints[error.kind] || waits) && h('p.muted', more ? hints.merged : hints[error.kind], ' ', waits),
    retry && h('div.actions', h('button', { type: 'button', onclick: retry }, error.kind === 'stale' ? 'Load it anew' : 'Try again')));
}
