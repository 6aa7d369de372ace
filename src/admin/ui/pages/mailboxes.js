/* mailboxes.js - every mailbox and how it is. */
import { h } from '../dom.js';
import { get, can, path } from '../api.js';
import { heading, link, empty } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { mailboxState } from '../parts/state.js';
import { number } from '../parts/time.js';
import { follow } from '../parts/live.js';

export const grants = { code: 'A person signs in', device: 'A person signs in with a code', app: 'The registration signs in', basic: 'Password', none: 'No sign-in' };

/* What the queue sees of it counts, too: a grant may be good and the server still refuse. */
export async function mailboxList(signal) {
  const [list, status] = await Promise.all([get('/mailboxes', { signal }), get('/status', { signal }).catch((error) => { if (error.name === 'AbortError') throw error; return {}; })]);
  const seen = new Map((status.mailboxes ?? []).map((m) => [m.address, m]));
  return list.items.map((m) => ({ ...m, now: m.is_paused ? 'paused' : seen.get(m.address)?.state ?? m.grant_state?.state ?? 'none', reason: seen.get(m.address)?.reason }));
}

const columns = [
  { name: 'Mailbox', main: true, cell: (m) => [link(path`/mailboxes/${m.address}`, m.address), m.user && h('span.sub', `signs in as ${m.user}`)], sort: (m) => m.address },
  { name: 'State', cell: (m) => mailboxState(m.now), sort: (m) => m.now },
  { name: 'Sign-in', cell: (m) => [grants[m.grant], m.registration && h('span.sub', m.registration)], sort: (m) => m.grant },
  { name: 'Protocols', cell: (m) => (m.protocols?.length ? m.protocols : ['smtp', 'imap', 'pop3']).join(', ').toUpperCase() },
  { name: 'Waiting', end: true, cell: (m) => (m.queued ? link(`/messages?mailbox=${encodeURIComponent(m.address)}&state=open`, number(m.queued)) : '0'), sort: (m) => m.queued ?? 0 },
];

export default async function (page) {
  page.title('Mailboxes');
  const add = can('admin') && h('a.button.primary', { href: '/mailboxes/new' }, 'Add a mailbox');
  const list = table({ caption: 'Mailboxes', columns, rows: await mailboxList(page.signal), key: (m) => m.address, empty: empty('There is no mailbox yet. A few steps connect the first one.', ...(can('admin') ? [h('a.button', { href: '/mailboxes/new' }, 'Begin')] : [])) });
  follow(page, {}, async () => list.set(await mailboxList(page.signal)), (e) => /^(grant|mailbox|queue|object)\./.test(e.event ?? ''));
  return [heading('Mailboxes', { actions: add }), list.node];
}
