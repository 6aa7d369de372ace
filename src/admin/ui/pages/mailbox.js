/* mailbox.js - everything of one mailbox: how it is, signing in, the test, its switches, servers and limits. */
import { h, fill } from '../dom.js';
import { get, can, path } from '../api.js';
import { heading, section, button, link, facts } from '../parts/shell.js';
import { form, fieldsOf } from '../parts/form.js';
import { keeper, save, removal, pausing, options } from '../parts/object.js';
import { findings, explain, finding } from '../parts/finding.js';
import { state, mailboxState } from '../parts/state.js';
import { time, day, daysUntil, leftWord, number } from '../parts/time.js';
import { meter } from '../parts/chart.js';
import { toast } from '../parts/toast.js';
import { here, doorOf } from '../parts/connect.js';
import { authorizeView, isUnderWay } from '../parts/authorize.js';
import { trialView, protocolNames } from '../parts/trial.js';
import { exchangeView, isEntra } from '../parts/entra.js';
import { grants } from './mailboxes.js';

const every = ['smtp', 'imap', 'pop3'];
const grantHelp = { code: 'With a browser, now and then again.', device: 'With a short code, on any device.', app: 'By itself, with its secret or certificate: no person.', basic: 'User name and password: for servers that still take them.', none: 'A server that asks nobody.' };
export const grantChoices = Object.entries(grants).map(([k, text]) => [k, text, grantHelp[k]]);
export const protocolChoices = every.map((p) => [p, protocolNames[p]]);
const needsRegistration = (v) => ['code', 'device', 'app'].includes(v.grant);

const overrides = (p) => ({ label: `${p.toUpperCase()} server, if not the provider’s`, folded: true, fields: [{ key: `${p}.host`, label: 'Server', help: null }, { key: `${p}.port`, label: 'Port', short: true, help: 'Empty or 0: the usual one.' }, { key: `${p}.tls`, label: 'Protection (TLS)', help: null, choices: [['default', 'as the provider'], ['starttls', 'STARTTLS'], ['implicit', 'from the first octet (SSL/TLS)'], ['none', 'none']] }, { key: `${p}.sasl`, label: 'Way to sign in', help: null, choices: [['default', 'as the provider'], ['xoauth2', 'OAuth: XOAUTH2'], ['oauthbearer', 'OAuth: OAUTHBEARER'], ['plain', 'password: PLAIN'], ['login', 'password: LOGIN'], ['none', 'none']] }, ...(p === 'smtp' ? [{ key: 'smtp.initial_response', label: 'Token together with AUTH' }] : [])] });
const limits = { label: 'Limits, if not the provider’s', folded: true, fields: [['connections', 'Connections at one time'], ['messages_per_minute', 'Messages a minute'], ['recipients_per_day', 'Recipients a day'], ['recipients_per_message', 'Recipients of one message'], ['size_mb', 'Largest message (MB)']].map(([k, label]) => ({ key: `limits.${k}`, label, short: true, help: null })) };

const rare = [
  { key: 'aliases', label: 'Other addresses of its own', help: 'One a line. It may send as these.' },
  { key: 'shared', label: 'Addresses of others', help: 'One a line: those it holds the Send As right on.' },
  overrides('smtp'), overrides('imap'), overrides('pop3'), limits,
];

export const mailboxFields = (registrations, providers, isNew) => fieldsOf('mailbox', [
  { key: 'address', type: 'email', readonly: !isNew, autofocus: isNew, help: isNew ? 'Of the mailbox that sends or is read; a shared mailbox, too.' : null },
  { key: 'grant', label: 'Signing in', type: 'radio', choices: grantChoices, help: null },
  { key: 'registration', type: 'choice', choices: options(registrations, 'name'), help: null, when: needsRegistration },
  { key: 'provider', type: 'choice', choices: options(providers, 'name'), help: null, when: (v) => !needsRegistration(v) },
  { key: 'protocols', label: 'Switched on', type: 'set', choices: protocolChoices, help: null },
  { key: 'user', label: 'User who signs in, if it is another', help: 'For a shared mailbox: somebody who holds Full Access and Send As on it.', when: (v) => v.grant !== 'app' && v.grant !== 'none' },
  ...(isNew ? [{ label: 'More: other addresses, servers, limits', folded: true, fields: rare }] : rare),
]);

export const opened = (m) => ({ ...m, protocols: m.protocols?.length ? m.protocols : every });
export function closed(values) {
  if (values.protocols && !values.protocols.length) throw Object.assign(new Error('Leave one on, or pause the mailbox.'), { kind: 'refused', field: 'protocols', detail: 'Leave one on, or pause the mailbox.' });
  const out = values.protocols?.length === every.length ? { ...values, protocols: [] } : { ...values };
  if (out.grant) Object.assign(out, needsRegistration(out) ? { provider: '' } : { registration: '' });
  return out;
}

function until(date) {
  const days = daysUntil(date);
  return h('span', state(days < 0 ? 'bad' : days <= 30 ? 'person' : 'good', leftWord(days)), h('span.muted', ` · ${day(date)}`));
}

function ends(m, registration) {
  const g = m.grant_state ?? {}, r = registration ?? {};
  const rows = [
    r.credential === 'secret' && ['Client secret', r.secret_expires ? until(r.secret_expires) : h('span', 'end not known: ', link(path`/settings/registrations/${r.name}`, 'enter it'))],
    r.credential === 'certificate' && r.certificate_expires && ['Certificate', until(r.certificate_expires)],
    (m.grant === 'code' || m.grant === 'device') && g.state === 'ok' && g.refresh_used && ['Refresh token', h('span', 'ends 90 days after its last use, ', time(g.refresh_used))],
    g.access_expires && ['Access token', h('span', 'renewed by itself before it ends, ', time(g.access_expires))],
  ].filter(Boolean);
  return rows.length > 0 && section('What will end', facts(rows));
}

async function why(m, lane) {
  if (m.grant_state?.findings?.length) return findings(m.grant_state.findings, { level: 2 });
  if (!lane?.finding || lane.state === 'open') return null;
  return finding(await explain(lane.finding, { mailbox: m.address, seen: lane.text }), { level: 2 });
}

/* "https://outlook.office.com/SMTP.Send" is SMTP.Send to whoever chose it in Entra. */
const rightsOf = (scopes) => scopes.split(' ').map((s) => s.replace(/^https:\/\/[^/]+\//, '')).join(', ');

const wayWord = (m, registration) => (m.registration ? [link(path`/settings/registrations/${m.registration}`, m.registration), registration?.provider && h('span.muted', ` (${registration.provider})`)] : m.provider);

export default async function (page) {
  const { address } = page.params, { signal } = page;
  page.title(address);
  const [m, status, apps, registrations, providers, place] = await Promise.all([get(path`/mailboxes/${address}`, { signal }), get('/queue/stats', { signal }).catch(() => ({})), get('/apps', { signal }), get('/registrations', { signal }), get('/providers', { signal }), here(signal)]);
  const registration = registrations.items.find((r) => r.name === m.registration), provider = providers.items.find((p) => p.name === (registration?.provider ?? m.provider));
  const lane = status.by_mailbox?.find((l) => l.mailbox === m.address), grant = m.grant_state ?? {};
  const now = m.is_paused ? 'paused' : grant.state && grant.state !== 'ok' ? grant.state : lane?.state ?? 'ok';
  const users = apps.items.filter((a) => a.mailboxes.includes(m.address));
  const protocols = m.protocols.length ? m.protocols : every;

  const signIn = h('div');
  const isLost = !['ok', undefined].includes(grant.state);
  const showSignIn = () => fill(signIn, authorizeView(page, { mailbox: m, registration, place, done: () => { toast(`${address} is signed in, and used from now on`); page.every(1.2, () => (signal.aborted ? null : page.reload())); } }));
  if (can('admin') && (isLost || isUnderWay(m.address))) showSignIn();
  const again = button(grants[m.grant] === grants.basic ? 'Set the password' : 'Authorize again', () => { showSignIn(); signIn.querySelector('input, button')?.focus(); });

  const kept = keeper(path`/mailboxes/${m.address}`, m);
  const edit = can('admin') && form({
    fields: await mailboxFields(registrations.items, providers.items, false), values: opened(m), renew: async () => opened(await kept.renew()),
    submit: async (values, changed) => {
      if (changed.grant || changed.registration || changed.provider) Object.assign(changed, { grant: values.grant, registration: values.registration ?? '', provider: values.provider ?? '' });
      await save({ plural: 'mailboxes', key: m.address, changed: closed(changed), tag: kept.tag });
      toast(`${address} is saved`);
      page.reload();
    },
    danger: removal(page, { plural: 'mailboxes', key: m.address, what: `the mailbox ${address}`, back: '/mailboxes', text: 'Its sign-in is forgotten. In Microsoft 365 nothing changes.' }),
  });
  return [
    heading(address, { up: ['/mailboxes', 'Mailboxes'], state: mailboxState(now), actions: can('operate') && pausing(page, { plural: 'mailboxes', key: m.address, isPaused: m.is_paused }) }),
    await why(m, lane),
    section('Sign-in', { id: 'sign-in', actions: can('admin') && m.grant !== 'none' && !signIn.firstChild && again },
      facts([['State', state(grant.state ?? 'none')], ['Way', grants[m.grant]], ['Registration', wayWord(m, registration)], ['Signed in as', grant.user], ['Since', time(grant.since)], ['May', grant.scopes && rightsOf(grant.scopes)]]), signIn),
    can('operate') && section('Test', { id: 'test' }, trialView(page, m.address, { protocols, done: (isGood) => isGood && toast('All of it works') })),
    section('Apps that use it', { actions: can('admin') && h('a.button', { href: `/apps/+?mailbox=${encodeURIComponent(m.address)}` }, 'Add an app') }, users.length ? h('ul.plainlist', users.map((a) => h('li', link(path`/apps/${a.name}`, a.name)))) : h('p.muted', 'None yet.'),
      h('p.note', 'Programs reach it at: ', protocols.map((p) => { const d = doorOf(place, p); return `${p.toUpperCase()} ${d ? `${d.host}:${d.port}` : '– (no listener)'}`; }).join(' · '))),
    section('Traffic', facts([['Waiting', m.queued ? link(`/messages?mailbox=${encodeURIComponent(m.address)}&state=open`, `${number(m.queued)} message${m.queued === 1 ? '' : 's'}`) : 'nothing'], ['Messages', link(`/messages?mailbox=${encodeURIComponent(m.address)}`, 'all of this mailbox')]]),
      lane?.recipients_per_day > 0 && meter({ label: 'Recipients today', used: lane.recipients_today ?? 0, limit: lane.recipients_per_day })),
    ends(m, registration),
    edit ? section('Settings', edit.node) : section('Settings', facts([['Switched on', protocols.join(', ')], ['Other addresses', m.aliases.join(', ')], ['Addresses of others', m.shared.join(', ')]])),
    isEntra(provider) && m.grant !== 'basic' && section('In Exchange', exchangeView({ mailbox: m, registration, provider })),
  ];
}
