/* inbound_item.js - one mail that came in, and how handing it over went. */
import { h, fill } from '../dom.js';
import { get, can, path } from '../api.js';
import { heading, section, button, facts, link } from '../parts/shell.js';
import { state } from '../parts/state.js';
import { exact, time, size } from '../parts/time.js';
import { explain, finding } from '../parts/finding.js';
import { follow } from '../parts/live.js';
import { actInbound } from './inbound.js';

export default async function (page) {
  const { id } = page.params;
  page.title('Mail that came in');
  const box = h('div.stack-wide');
  let last = '';
  async function draw() {
    const m = await get(path`/inbound/${id}`, { signal: page.signal });
    if (JSON.stringify(m) === last) return;
    last = JSON.stringify(m);
    const why = m.finding && !['done', 'handed'].includes(m.state) && await explain(m.finding, { mailbox: m.mailbox, endpoint: m.endpoint, seen: m.last?.slice(0, 400) });
    const isOpen = ['waiting', 'parked'].includes(m.state);
    const act = (verb, text, kind) => button(text, async () => { if (await actInbound(verb, [id])) await draw(); }, { kind });
    fill(box,
      heading(m.subject || '(no subject)', {
        up: ['/inbound', 'Inbound'], state: state(m.state),
        actions: [isOpen && can('operate') && [act('retry', 'Retry'), act('remove', 'Remove', 'danger')], m.has_content && can('content') && h('a.button', { href: `/api/v1/inbound/${id}/content`, download: `${id}.eml` }, 'Download the original')],
      }),
      why && section(m.state === 'parked' ? 'Why it is parked' : 'What went wrong', finding(why)),
      section('Facts', facts([
        ['From', m.sender], ['To', m.recipients], ['Endpoint', link(path`/endpoints/${m.endpoint}`, m.endpoint)], ['Mailbox', link(path`/mailboxes/${m.mailbox}`, m.mailbox)], ['Folder', m.folder],
        ['Is', [m.is_reply && 'a reply', m.is_bounce && 'a bounce', m.is_automatic && 'sent by a machine'].filter(Boolean).join(', ')],
        ['Answers', m.queued_id && link(`/messages/${m.queued_id}`, 'mail that Postern sent')],
        ['Received', exact(m.received)], ['Seen here', exact(m.seen)], ['Attempts', String(m.attempts)], ['What was said', m.last && h('span.mono', m.last)],
        ['Next attempt', m.state === 'waiting' && m.next_attempt ? time(m.next_attempt) : null], ['Finished', m.finished && exact(m.finished)], ['Kept until', m.kept_until && exact(m.kept_until)],
        ['Size', size(m.size)], ['Message-ID', m.message_id && h('span.mono', m.message_id)], ['Id', h('span.mono', m.id)]])));
  }
  await draw();
  follow(page, {}, draw, (e) => e.item === id);
  return [box];
}
