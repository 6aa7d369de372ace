/* inbound.js - where mail that arrives is handed to, and what came of it. */
import { h, debounce } from '../dom.js';
import { get, all, can, path, query } from '../api.js';
import { heading, section, link } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { state } from '../parts/state.js';
import { time, number } from '../parts/time.js';
import { confirm } from '../parts/dialog.js';
import { follow } from '../parts/live.js';
import { bulk } from '../parts/bulk.js';
import { toast } from '../parts/toast.js';

export const kinds = { webhook: 'Web hook', command: 'Program', maildir: 'Maildir', lmtp: 'LMTP or SMTP', keep: 'Kept for the API' };
const states = [['', 'any'], ['open', 'not finished'], ['waiting', 'waiting'], ['parked', 'parked'], ['handed', 'handed over, to be tidied up'], ['done', 'handed over'], ['skipped', 'passed over'], ['removed', 'removed']];

export async function actInbound(verb, ids) {
  const isRemove = verb === 'remove';
  if (isRemove && !(await confirm({ title: `Remove ${ids.length === 1 ? 'it' : `these ${ids.length}`}?`, text: 'It is not handed over any more. The mail itself stays in the mailbox.', action: 'Remove', danger: true }))) return null;
  return bulk({ what: 'item', verb, path: `/inbound/${verb}`, ids, said: isRemove ? 'removed' : 'will be tried at once', at: (id) => `/inbound/${id}` });
}

const target = (e) => ({ webhook: e.webhook?.url, command: e.command?.path, maildir: e.maildir, lmtp: e.lmtp?.host })[e.kind] ?? '';
export const endpointState = (e) => (e.is_paused ? state('paused') : e.watch_state?.needs_person ? state('needs-person') : state(e.watch_state?.state ?? 'starting'));

const endpointColumns = [
  { name: 'Endpoint', main: true, cell: (e) => link(path`/endpoints/${e.name}`, e.name), sort: (e) => e.name },
  { name: 'Mailbox', wide: true, cell: (e) => [e.mailbox, e.folder && h('span.sub', e.folder)], sort: (e) => e.mailbox },
  { name: 'Handed to', wide: true, cell: (e) => [kinds[e.kind], h('span.sub', target(e))] },
  { name: 'State', cell: endpointState, sort: (e) => e.watch_state?.state },
  { name: 'Waiting', end: true, cell: (e) => number(e.waiting), sort: (e) => e.waiting },
  { name: 'Parked', end: true, cell: (e) => (e.parked ? state('parked', number(e.parked)) : '0'), sort: (e) => e.parked },
];

export const itemColumns = [
  { name: 'Mail', main: true, text: (m) => m.subject || m.id, cell: (m) => [link(`/inbound/${m.id}`, m.subject || '(no subject)'), h('span.sub', m.sender)] },
  { name: 'State', cell: (m) => state(m.state) },
  { name: 'Endpoint', cell: (m) => m.endpoint },
  { name: 'What was said', wide: true, cell: (m) => m.last && h('span.small', m.last.slice(0, 120)) },
  { name: 'Received', cell: (m) => time(m.received) },
  { name: 'Attempts', end: true, cell: (m) => m.attempts },
];

/* A table of deliveries that pages, follows and can be acted on; `filter()` says which. */
export async function deliveries(page, filter, columns = itemColumns) {
  let next = null, more = false;
  async function rows(cursor) {
    let answer = await get(`/inbound${query({ ...filter(), limit: 30, cursor })}`, { signal: page.signal });
    while (!answer.items.length && answer.next) answer = await get(`/inbound${query({ ...filter(), limit: 30, cursor: answer.next })}`, { signal: page.signal });
    return answer;
  }
  let turn = 0; // an answer that was overtaken by a later question is not shown
  const refresh = async (anew = false) => {
    if (anew) more = false;
    if (more) return;
    const mine = ++turn, answer = await rows(null);
    if (mine === turn) list.set(answer.items, { done: !(next = answer.next) });
  };
  const doing = (verb) => async (chosen) => {
    if (await actInbound(verb, chosen.map((m) => m.id))) { list.clear(); await refresh(); }
  };
  const list = table({
    caption: 'Mail that came in, newest first', columns, key: (m) => m.id, empty: 'Nothing came in that fits.',
    select: can('operate') && [['Retry', doing('retry')], ['Remove', doing('remove'), 'danger']],
    more: async () => {
      more = true;
      turn++;
      const answer = await rows(next);
      return { rows: answer.items, done: !(next = answer.next) };
    },
  });
  await refresh();
  follow(page, { mailbox: filter().mailbox }, refresh, (e) => e.role === 'inbox' || e.item !== undefined);
  return { node: list.node, refresh, get rows() { return list.rows; } };
}

export default async function (page) {
  page.title('Inbound');
  const endpoints = await all('/endpoints', { signal: page.signal });
  const value = (name) => page.query.get(name) ?? '';
  const list = table({ caption: 'Endpoints', columns: endpointColumns, rows: endpoints, key: (e) => e.name, empty: 'No mail that arrives is handed to anybody yet. An endpoint gives it to a web hook, a program, a Maildir or another server, or keeps it for the API.' });
  const mail = await deliveries(page, () => ({ endpoint: value('endpoint'), state: value('state'), mailbox: value('mailbox') }));
  const change = debounce(50, (name, v) => {
    page.set({ [name]: v });
    mail.refresh(true).catch((error) => { if (!['offline', 'restarting'].includes(error.kind)) toast(error.message, { kind: 'bad' }); });
  });
  const pick = (name, label, choices) => h('div', h('label', { for: `f-${name}` }, label), h('select', { id: `f-${name}`, onchange: (e) => change(name, e.target.value) }, choices.map(([v, t]) => h('option', { value: v, selected: v === value(name) }, t))));
  page.every(15, async () => list.set(await all('/endpoints', { signal: page.signal })));
  return [
    heading('Inbound', { actions: can('admin') && h('a.button.primary', { href: '/inbound/new' }, 'Add an endpoint') }),
    section('Endpoints', list.node),
    section('Last deliveries', h('div.filter', { role: 'search', 'aria-label': 'Deliveries' }, pick('endpoint', 'Endpoint', [['', 'any'], ...endpoints.map((e) => [e.name, e.name])]), pick('state', 'State', states)), mail.node),
  ];
}
