/* message.js - one message's whole story: what it is, each recipient's outcome, why it waits, and each attempt word by word. */
import { h, fill } from '../dom.js';
import { get, can, path } from '../api.js';
import { heading, section, button, facts, link } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { state, stateIcon } from '../parts/state.js';
import { exact, time, size } from '../parts/time.js';
import { explain, findings } from '../parts/finding.js';
import { follow } from '../parts/live.js';
import { act, verbs } from './messages.js';

const open = ['queued', 'active', 'deferred', 'held'];
const outcomes = { delivered: ['good', 'Delivered'], ok: ['good', 'Delivered'], retry: ['wait', 'To be tried again'], hold: ['person', 'Held for a person'], reject: ['bad', 'Refused'], bounce: ['bad', 'Refused'], split: ['wait', 'Split'] };

function recipients(m) {
  const list = table({
    caption: 'Recipients', key: (r) => r.address,
    columns: [
      { name: 'Recipient', main: true, cell: (r) => r.address },
      { name: 'Outcome', cell: (r) => [state(r.state), r.bounced_back && h('span.sub', `came back from ${r.bounced_back.host || 'another server'}: ${r.bounced_back.diagnostic || r.bounced_back.status}`)] },
      { name: 'The server said', wide: true, cell: (r) => r.last && h('span.mono', r.last) },
      { name: 'Attempts', end: true, cell: (r) => r.attempts },
    ],
    rows: m.recipients,
  });
  return section(m.recipient_count === 1 ? 'Recipient' : `${m.recipient_count} recipients`, list.node, m.recipient_count > m.recipients.length && h('p.muted', `The first ${m.recipients.length} are shown.`));
}

function attempt(a, i, all) {
  const [shape, word] = outcomes[a.outcome] ?? ['wait', a.outcome];
  return h('li', stateIcon(shape), h('p', h('strong', word), ' ', exact(a.time)), a.host && h('p.muted.small', a.host),
    a.dialogue && h('details', { open: i === 0 && all.length === 1 }, h('summary', 'What was said'), h('pre.dialogue', { tabindex: '0', 'aria-label': 'Dialogue with the server' }, a.dialogue)));
}

/* Its own time may have come while its mailbox still has to wait. */
const next = (m) => (m.state === 'active' ? 'under way' : m.mailbox_finding ? 'as soon as its mailbox can send again' : new Date(m.next_attempt) <= Date.now() ? 'at any moment' : time(m.next_attempt));

function story(m) {
  const taken = h('li', stateIcon('good'), h('p', h('strong', 'Accepted'), ' ', exact(m.accepted)), h('p.muted.small', m.app ? `from the app ${m.app}` : m.report ? 'made by Postern' : '', m.peer && ` at ${m.peer}`));
  const last = m.finished ? h('li', stateIcon(m.state), h('p', h('strong', 'Finished: '), state(m.state), ' ', exact(m.finished)))
    : h('li', stateIcon(m.state), h('p', h('strong', m.state === 'held' ? 'Held' : 'Next attempt'), ' ', m.state === 'held' ? 'until somebody acts' : next(m)), h('p.muted.small', 'given up ', time(m.expires)));
  return section('Story', h('ol.story', taken, m.attempts.map(attempt), last));
}

/* Each cause once, however many recipients it met. */
async function causes(m, signal) {
  const found = new Map();
  if (m.mailbox_finding) found.set(m.mailbox_finding, m.mailbox_text);
  for (const r of m.recipients) if (r.finding && r.state !== 'delivered' && !found.has(r.finding)) found.set(r.finding, r.last);
  return (await Promise.all([...found].slice(0, 3).map(([id, seen]) => explain(id, { mailbox: m.mailbox, seen: seen?.slice(0, 400) }, signal)))).filter(Boolean);
}

function actions(m, reload) {
  const fits = open.includes(m.state) ? (m.state === 'held' ? ['release', 'retry', 'remove'] : ['retry', 'hold', 'remove']) : [];
  const doing = can('operate') ? fits.map((verb) => button(verbs[verb].text, async () => { if (await act(verb, [m.id], 'this message')) await reload(); }, { kind: verbs[verb].kind })) : [];
  const original = open.includes(m.state) && can('content') && h('a.button', { href: `/api/v1/messages/${m.id}/content`, download: `${m.id}.eml` }, 'Download the original');
  return [...doing, original];
}

export default async function (page) {
  const { id } = page.params;
  page.title(`Message ${id}`);
  const box = h('div.stack-wide');
  let last = '';

  async function draw() {
    const m = await get(path`/messages/${id}`, { signal: page.signal });
    const text = JSON.stringify(m);
    if (text === last) return;
    last = text;
    const why = await causes(m, page.signal);
    const opened = [...box.querySelectorAll('details[open]')].length > 0;
    const held = box.contains(document.activeElement) && document.activeElement.textContent;
    fill(box,
      heading(m.subject || `Message ${id}`, { up: ['/messages', 'Messages'], state: state(m.state), actions: actions(m, draw) }),
      why.length > 0 && section(open.includes(m.state) ? 'Why it waits' : 'What went wrong', findings(why)),
      recipients(m),
      h('div.columns', story(m), section('Facts', facts([
        ['Id', h('span.mono', m.id)], ['From', m.sender || '(empty: a report)'], ['Mailbox', link(path`/mailboxes/${m.mailbox}`, m.mailbox)], ['App', m.app && link(path`/apps/${m.app}`, m.app)],
        ['Size', size(m.size)], ['Message-ID', m.message_id && h('span.mono', m.message_id)], ['Came from', m.peer]]))));
    if (opened) box.querySelector('.story details')?.setAttribute('open', '');
    if (held) [...box.querySelectorAll('button, summary')].find((n) => n.textContent === held)?.focus();
  }

  await draw();
  if (!box.textContent.includes('Finished')) follow(page, { message: id }, draw);
  return [box];
}
