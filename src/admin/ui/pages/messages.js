/* messages.js - finding mail in the queue and its history, and doing something with many at once. */
import { h, debounce } from '../dom.js';
import { get, all, can, query } from '../api.js';
import { heading, button, link } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { state } from '../parts/state.js';
import { time, size } from '../parts/time.js';
import { confirm } from '../parts/dialog.js';
import { follow } from '../parts/live.js';
import { bulk } from '../parts/bulk.js';
import { toast } from '../parts/toast.js';

export const verbs = {
  retry: { text: 'Retry', said: 'will be tried at once' },
  hold: { text: 'Hold', said: 'held' },
  release: { text: 'Release', said: 'released' },
  remove: { text: 'Remove', said: 'removed', kind: 'danger', ask: 'Removed mail is not sent, and nobody is told. This can not be undone.' },
};

export async function act(verb, ids, count) {
  const v = verbs[verb];
  if (v.ask && !(await confirm({ title: `${v.text} ${count}?`, text: v.ask, action: v.text, danger: true }))) return null;
  return bulk({ what: 'message', verb: v.text, path: `/messages/${verb}`, ids, said: v.said });
}

const states = [['', 'any'], ['queued', 'queued'], ['active', 'on its way'], ['deferred', 'to be tried again'], ['held', 'held'], ['delivered', 'delivered'], ['partial', 'partly delivered'], ['bounced', 'bounced'], ['expired', 'given up'], ['removed', 'removed']];
const spans = [['', 'any time'], ['1', 'the last hour'], ['24', 'the last day'], ['168', 'the last week']];
const utc = (date) => new Date(date).toISOString().replace(/\.\d+/, '');
const since = (hours) => (hours ? utc(Date.now() - hours * 3600e3) : '');

function people(m) {
  const first = m.recipients[0]?.address ?? '';
  return m.recipient_count > 1 ? `${first} and ${m.recipient_count - 1} more` : first;
}

const columns = [
  { name: 'Message', main: true, text: (m) => m.subject || m.id, cell: (m) => [link(`/messages/${m.id}`, m.subject || (m.report ? 'A report of Postern' : m.id), { class: m.subject || m.report ? '' : 'mono' }), (m.subject || m.report) && h('span.sub.mono', m.id)] },
  { name: 'State', cell: (m) => state(m.state) },
  { name: 'From', wide: true, cell: (m) => m.sender || '(empty)' },
  { name: 'To', wide: true, cell: people },
  { name: 'Accepted', cell: (m) => time(m.accepted) },
  { name: 'Size', end: true, cell: (m) => size(m.size) },
];

export default async function (page) {
  page.title('Messages');
  const boxes = await all('/mailboxes', { signal: page.signal }).catch(() => []);
  const value = (name) => page.query.get(name) ?? '';
  const filter = () => ({ q: value('q'), sender: value('sender'), recipient: value('recipient'), subject: value('subject'), state: value('state'), mailbox: value('mailbox'), since: since(Number(value('hours'))), until: value('until') && utc(value('until')) });
  let more = false;
  let next = null;

  const load = async (cursor, limit = 50) => get(`/messages${query({ ...filter(), limit, cursor })}`, { signal: page.signal });

  /* A short page may come before the end: go on until there is something to show. */
  async function someRows(cursor) {
    let answer = await load(cursor);
    while (!answer.items.length && answer.next) answer = await load(answer.next);
    return answer;
  }

  async function* everyId() {
    for (let cursor = null; ;) {
      const answer = await load(cursor, 100);
      if (answer.items.length) yield answer.items.map((m) => m.id);
      if (!answer.next) return;
      cursor = answer.next;
    }
  }

  let turn = 0; // an answer that was overtaken by a later question is not shown
  const refresh = async () => {
    if (more) return; // further down somebody reads: leave it alone
    const mine = ++turn, answer = await someRows(null);
    if (mine === turn) list.set(answer.items, { done: !(next = answer.next) });
  };

  const list = table({
    caption: 'Messages, newest first', columns, key: (m) => m.id,
    select: can('operate') && Object.entries(verbs).map(([verb, v]) => [v.text, async (rows) => {
      if (await act(verb, rows.map((m) => m.id), `${rows.length} message${rows.length === 1 ? '' : 's'}`)) { list.clear(); await refresh(); }
    }, v.kind]),
    more: async () => {
      more = true;
      turn++;
      const answer = await someRows(next);
      return { rows: answer.items, done: !(next = answer.next) };
    },
    empty: 'No message fits.',
  });

  const set = async (name, v) => {
    page.set({ [name]: v });
    more = false;
    await refresh();
  };
  /* Where Postern is away the banner says so, and follow() asks again. */
  const safely = (fn) => (...args) => fn(...args).catch((error) => { if (!['offline', 'restarting'].includes(error.kind) && error.name !== 'AbortError') toast(error.message, { kind: 'bad' }); });
  const typed = (name) => { // each field waits for itself: what was typed into another is not lost
    const soon = debounce(300, safely(set));
    return (event) => soon(name, event.target.value.trim());
  };
  const field = (name, label, more2 = {}) => h('div', h('label', { for: `f-${name}` }, label), h('input', { id: `f-${name}`, type: 'search', value: value(name), autocomplete: 'off', spellcheck: 'false', oninput: typed(name), ...more2 }));
  const pick = (name, label, choices) => h('div', h('label', { for: `f-${name}` }, label), h('select', { id: `f-${name}`, onchange: safely((e) => set(name, e.target.value)) }, choices.map(([v, t]) => h('option', { value: v, selected: v === value(name) }, t))));

  const findOne = (event) => {
    const id = event.target.value.trim().toLowerCase();
    if (event.key === 'Enter' && /^[0-9a-f]{16}$/.test(id)) page.go(`/messages/${id}`);
  };

  const form = h('div.filter', { role: 'search', 'aria-label': 'Messages' },
    field('q', 'Search, or an id and Enter', { onkeydown: findOne }), pick('state', 'State', states), pick('mailbox', 'Mailbox', [['', 'any'], ...boxes.map((b) => [b.address, b.address])]), pick('hours', 'Accepted in', spans),
    h('details', { open: ['sender', 'recipient', 'subject', 'until'].some((name) => value(name)) }, h('summary', 'More to search by'), h('div.filter', field('sender', 'Sender'), field('recipient', 'Recipient'), field('subject', 'Subject'), field('until', 'Accepted before', { type: 'datetime-local' }))));

  const whole = can('operate') && h('details', h('summary', 'Do something with all that fit'), h('p.help', 'Not only with those shown: with every message that the search above finds.'),
    h('div.actions', Object.entries(verbs).map(([verb, v]) => button(v.text, async () => {
      const isSure = v.ask || await confirm({ title: `${v.text} all that fit?`, text: 'Every message that the search finds is meant.', action: v.text });
      if (isSure && await act(verb, everyId(), 'all that fit')) await refresh();
    }, { kind: v.kind }))));

  await refresh();
  follow(page, { mailbox: value('mailbox') }, refresh, (e) => e.message !== undefined);
  return [heading('Messages'), form, list.node, whole];
}
