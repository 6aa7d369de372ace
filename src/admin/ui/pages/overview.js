/* overview.js - what needs a person first; then each mailbox's day, its limits and what will end; then the roles. */
import { h, fill, uid } from '../dom.js';
import { get, can } from '../api.js';
import { heading, section, link, empty, facts } from '../parts/shell.js';
import { state, mailboxState, stateIcon } from '../parts/state.js';
import { bars, meter, legend } from '../parts/chart.js';
import { time, day, leftWord, duration, number } from '../parts/time.js';
import { follow } from '../parts/live.js';
import { explain } from '../parts/finding.js';

const at = (...parts) => `/${parts.map(encodeURIComponent).join('/')}`;

/* The words of the first few findings are asked for as well: what a server said is not yet what it means. */
async function load(signal) {
  const o = await get('/overview', { signal });
  await Promise.all(o.needs_person.filter((n) => n.severity === 'error').slice(0, 8).map(async (n) => {
    const known = await explain(n.finding, { [n.kind]: n.key });
    if (known?.cause) n.cause = known.cause;
  }));
  return o;
}

function need(n) {
  const id = uid('need');
  const said = n.title.replace(`${n.key}: `, '').replace(/ \[[^\]]*\]$/, ''), title = said.charAt(0).toUpperCase() + said.slice(1);
  const isSame = n.cause && n.cause.replace(/\.$/, '').toLowerCase() === said.toLowerCase();
  return h(`li.${n.severity === 'error' ? 'bad' : 'person'}`, stateIcon(n.severity === 'error' ? 'bad' : 'person'), h('div', h('p.what', { id }, n.key), h('p', n.cause ?? title), n.cause && !isSame && h('p.muted.small', title)),
    h('a.button', { href: n.link, 'aria-describedby': id }, can('operate') ? 'Mend it' : 'Look'));
}

function needs(list) {
  if (!list.length) return h('p.state.good', stateIcon('good'), h('span', 'Nothing needs a person.'));
  return h('ul.needs', list.map(need));
}

const names = { secret: 'Client secret', certificate: 'Certificate', refresh_token: 'Sign-in, if it is not used' }; // access tokens renew themselves

function ending(e) {
  const days = e.days ?? 0;
  const shape = days < 0 ? 'bad' : days <= 30 ? 'person' : 'good';
  return names[e.what] && [names[e.what], h('span', state(shape, leftWord(days)), e.at && h('span.muted.nowrap', ` · ${day(e.at.slice(0, 10))}`))];
}

const series = ['delivered', 'received', 'failed'];

function traffic(m) {
  if (!m.hours?.length) return null;
  if (m.hours.every((x) => !x.delivered && !x.received && !x.failed)) return h('p.small.muted', 'No mail in 24 hours.');
  const hour = (i) => `${String(new Date(Date.now() - (m.hours.length - 1 - i) * 3600e3).getHours()).padStart(2, '0')}:00`;
  const points = m.hours.map((x, i) => ({ name: hour(i), values: [x.delivered ?? 0, x.received ?? 0, x.failed ?? 0] }));
  const total = (k) => points.reduce((sum, p) => sum + p.values[k], 0);
  return [h('p.small', `In 24 hours: ${number(total(0))} delivered, ${number(total(1))} received, ${number(total(2))} failed`), bars({ label: `Mail of ${m.address} by hour`, points, series })];
}

function mailbox(m) {
  const rate = m.rate && meter({ label: 'Messages this minute', used: m.rate.used, limit: m.rate.limit });
  return h('article.box-of', h('div.line', h('h3', link(at('mailboxes', m.address), m.address)), mailboxState(m.state)),
    traffic(m),
    m.recipients_per_day > 0 && meter({ label: 'Recipients today', used: m.recipients_today ?? 0, limit: m.recipients_per_day }), rate,
    facts([['Waiting', m.queued ? h('span', link(`/messages?mailbox=${encodeURIComponent(m.address)}&state=open`, `${number(m.queued)} message${m.queued === 1 ? '' : 's'}`), m.oldest && [', oldest ', time(m.oldest)]) : 'nothing'], ...(m.ends ?? []).filter((e) => !(m.needs_person && e.what === 'refresh_token')).map(ending)]));
}

const byTrouble = (a, b) => b.needs_person - a.needs_person || (a.state === 'ok') - (b.state === 'ok') || a.address.localeCompare(b.address);

function figures(q) {
  const waiting = (q.queued ?? 0) + (q.active ?? 0) + (q.deferred ?? 0);
  const one = (name, value, small) => h('div', h('dt', name), h('dd', value, small && h('small', small)));
  return h('dl.figures', one('Waiting', number(waiting), q.deferred ? `${number(q.deferred)} to be tried again` : null), one('Held', number(q.held), q.held ? link('/messages?state=held', 'see them') : null),
    one('Oldest', q.oldest ? duration((Date.now() - new Date(q.oldest)) / 1000) : '–'), q.accepted_total !== undefined && one('Delivered', number(q.delivered_total), `of ${number(q.accepted_total)} taken`));
}

function roles(list) {
  return h('ul.roles', list.map((r) => h('li', state(r.state, `${r.role}${list.filter((o) => o.role === r.role).length > 1 ? ` ${r.index + 1}` : ''} ${r.state}`), r.restarts > 0 && h('span.muted', ` restarted ${r.restarts}×, last `, time(r.since)))));
}

function view(o) {
  const q = o.queue ?? {};
  if (!o.mailboxes?.length && !o.needs_person?.length) {
    return [h('div.box-of', h('h2', 'Connect the first mailbox'), h('p', 'A few steps: the provider, a registration in Entra, the mailbox, signing in, a test, and a password for the first program.'), h('div.actions', h('a.button.primary', { href: '/mailboxes/new' }, 'Begin'), h('a.button', { href: '/guides' }, 'Read first'))), section('Postern itself', roles(o.roles ?? []))];
  }
  return [
    o.away?.length > 0 && h('p.state.person', stateIcon('person'), h('span', `No answer from: ${o.away.join(', ')}. What they know is left out.`)),
    section('What needs a person', needs(o.needs_person ?? [])),
    section('Queue', q.is_open === false && h('p.state.bad', stateIcon('bad'), h('span', `No mail is taken now: ${q.closed_why}`)), figures(q)),
    section('Mailboxes', { actions: can('admin') && h('a.button', { href: '/mailboxes/new' }, 'Add a mailbox') }, o.mailboxes.some((m) => m.hours?.length) && legend(series), o.mailboxes.length ? h('div.cards', [...o.mailboxes].sort(byTrouble).map(mailbox)) : empty('There is none yet.')),
    section('Postern itself', roles(o.roles ?? [])),
  ];
}

export default async function (page) {
  page.title('Overview');
  let last = await load(page.signal);
  const body = h('div.stack-wide', view(last));
  follow(page, {}, async () => {
    const next = await load(page.signal);
    const text = JSON.stringify({ ...next, now: 0 });
    if (text === JSON.stringify({ ...last, now: 0 }) || body.contains(document.activeElement)) return; // nobody's place is taken away
    last = next;
    fill(body, view(next));
  });
  return [heading('Overview'), body];
}
