/* wizard.js - from nothing to the first mail, in six steps. What is done is kept by Postern at once, and where one is stands in the
 * address: it can be left, reloaded, and gone on with later. Texts that are not sent yet wait in this window; secrets never do. */
import { h } from '../dom.js';
import { get, put, post, can, path } from '../api.js';
import { heading, section, button, link, facts } from '../parts/shell.js';
import { form, fieldsOf } from '../parts/form.js';
import { save, options } from '../parts/object.js';
import { copyable } from '../parts/copy.js';
import { state, stateIcon } from '../parts/state.js';
import { here, connectView } from '../parts/connect.js';
import { registerView, exchangeView, isEntra } from '../parts/entra.js';
import { authorizeView } from '../parts/authorize.js';
import { trialView } from '../parts/trial.js';
import { mailboxFields, opened, closed, grantChoices, protocolChoices } from './mailbox.js';
import { appFields, opened as openedApp, closed as closedApp } from './app.js';

const steps = [['provider', 'Provider'], ['registration', 'Registration'], ['mailbox', 'Mailbox'], ['authorize', 'Authorize'], ['test', 'Test'], ['app', 'First app']];
const indexOf = (step) => Math.max(0, steps.findIndex(([s]) => s === step));

/* What is asked of the address: { provider, grant, credential, protocols, registration, mailbox, app } */
const asked = (page) => Object.fromEntries(['provider', 'grant', 'credential', 'protocols', 'registration', 'mailbox', 'app'].map((k) => [k, page.query.get(k) ?? '']));
function to(page, step, more = {}) {
  const all = { ...asked(page), ...more };
  const query = new URLSearchParams([['step', step], ...Object.entries(all).filter(([, v]) => v)]);
  return `/mailboxes/new?${query}`;
}
const next = (page, step, more) => page.go(to(page, step, more));

function drafted(page, name, f) {
  const key = `draft:${name}`;
  f.node.addEventListener('input', () => {
    const kept = {};
    for (const box of f.node.querySelectorAll('input:not([type="password"], [type="checkbox"], [type="radio"], [type="file"])')) if (box.name && box.value) kept[box.name] = box.value;
    try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch { /* then it is typed again */ }
  });
  return f;
}
function draftOf(name) {
  try { return JSON.parse(sessionStorage.getItem(`draft:${name}`)) ?? {}; } catch { return {}; }
}
const forget = (name) => { try { sessionStorage.removeItem(`draft:${name}`); } catch { /* there was none */ } };

function trail(page, now) {
  const at = indexOf(now);
  return h('nav', { 'aria-label': 'Steps' }, h('ol.trail', steps.map(([step, name], i) => h('li', { 'aria-current': i === at ? 'step' : null, class: i < at ? 'done' : i === at ? 'now' : '' }, i < at ? [stateIcon('good'), link(to(page, step), name), h('span.unseen', ' (done)')] : h('span', `${i + 1}. ${name}`)))));
}

const onward = (page, step, text, more) => button(text, () => next(page, step, more), { kind: 'primary' });

/* 1 */
async function providerStep(page) {
  const [providers, registrations, mailboxes] = await Promise.all(['/providers', '/registrations', '/mailboxes'].map((p) => get(p, { signal: page.signal })));
  const open = mailboxes.items.find((m) => m.grant_state && m.grant_state.state !== 'ok' && ['code', 'device', 'app', 'basic'].includes(m.grant));
  const a = asked(page);
  const grantHelp = { code: 'The usual way. The mailbox’s owner signs in once; then Postern renews it by itself.', device: 'For a registration without a secret: a short code is entered on any device.', app: 'No person is needed, in Exchange the registration is given rights to each mailbox. An administrator’s way.', basic: 'For a server that still takes passwords, such as a relay of your own.' };
  const f = form({
    fields: [
      { key: 'provider', label: 'Mail service', type: 'choice', choices: options(providers.items, 'name'), help: 'Others can be added under Settings, Providers.' },
      { key: 'grant', label: 'How shall the mailbox sign in?', type: 'radio', choices: grantChoices.filter(([g]) => grantHelp[g]).map(([g, text]) => [g, text, grantHelp[g]]) },
      { key: 'credential', label: 'How does Postern prove itself to Entra?', type: 'radio', choices: [['secret', 'Client secret', 'Simple. It ends after 24 months at most; Postern warns before.'], ['certificate', 'Certificate', 'Safer. It is made here; the private key never leaves Postern.'], ['none', 'Not at all (public client)', 'No secret to renew. Only a person can sign in.']], when: (v) => v.grant === 'code' || v.grant === 'app' },
      { key: 'protocols', label: 'What is it for?', type: 'set', choices: protocolChoices },
      registrations.items.length && { key: 'registration', label: 'Registration', type: 'choice', choices: [['', 'make a new one'], ...options(registrations.items, 'name')], when: (v) => v.grant !== 'basic' },
    ].filter(Boolean),
    values: { provider: a.provider || 'microsoft365', grant: a.grant || 'code', credential: a.credential || 'secret', protocols: a.protocols ? a.protocols.split(',') : ['smtp', 'imap', 'pop3'], registration: a.registration },
    label: 'Go on', busy: 'Going on …',
    submit: async (v) => {
      if (!v.protocols.length) throw Object.assign(new Error('Choose at least one.'), { kind: 'refused', field: 'protocols', detail: 'Choose at least one.' });
      if (v.grant === 'app' && v.credential === 'none') throw Object.assign(new Error('To sign in by itself it needs a secret or a certificate.'), { kind: 'refused', field: 'credential', detail: 'To sign in by itself it needs a secret or a certificate.' });
      const known = v.grant !== 'basic' && registrations.items.find((r) => r.name === v.registration);
      const credential = known ? known.credential : v.grant === 'device' ? 'none' : v.credential;
      next(page, v.grant === 'basic' || known ? 'mailbox' : 'registration', { provider: known ? known.provider : v.provider, grant: v.grant, credential: v.grant === 'basic' ? '' : credential, protocols: v.protocols.join(','), registration: known ? known.name : '', mailbox: '', app: '' });
    },
  });
  return [open && h('p', stateIcon('person'), ' ', open.address, ' was added, but has not signed in yet. ', link(to(page, 'authorize', { mailbox: open.address, registration: open.registration }), 'Go on with it')), f.node];
}

/* 2 */
async function registrationStep(page) {
  const a = asked(page), [place, providers] = await Promise.all([here(page.signal), get('/providers', { signal: page.signal })]);
  const provider = providers.items.find((p) => p.name === a.provider);
  const made = a.registration && await get(path`/registrations/${a.registration}`, { signal: page.signal }).catch((error) => { if (error.kind === 'missing') return null; throw error; });
  if (made) return certificateStep(page, made);
  const wanted = { place, provider, grant: a.grant, credential: a.credential, protocols: a.protocols.split(',').filter(Boolean), name: 'Postern' };
  const entra = isEntra(provider);
  const f = form({
    fields: await fieldsOf('registration', [
      { key: 'tenant', label: entra ? 'Directory (tenant) ID' : 'Tenant', required: entra, help: entra ? 'Or a domain of the tenant, such as contoso.onmicrosoft.com.' : 'Empty, unless the provider has such.' },
      { key: 'client_id', label: entra ? 'Application (client) ID' : 'Client id', required: true, help: null },
      a.credential === 'secret' && { key: 'secret', label: 'Client secret', type: 'password', required: true, help: entra ? 'The Value, not the Secret ID. It is kept sealed; nobody can read it back.' : 'It is kept sealed; nobody can read it back.' },
      a.credential === 'secret' && { key: 'secret_expires', label: 'The secret ends on', type: 'date', short: true, help: 'Postern warns before that day.' },
      { key: 'name', label: 'Name here', required: true, help: 'A short name of your own for it.' },
    ].filter(Boolean)),
    values: { name: 'entra', ...draftOf('registration') }, label: 'Keep it and go on', busy: 'Keeping …',
    submit: async ({ secret, ...v }) => {
      await save({ plural: 'registrations', key: v.name, isNew: true, values: { ...v, provider: a.provider, credential: a.credential === 'certificate' ? 'certificate' : a.credential } });
      if (secret) await put(path`/registrations/${v.name}/secret`, { secret });
      if (a.credential === 'certificate') await post(path`/registrations/${v.name}/certificate`, {});
      forget('registration');
      next(page, a.credential === 'certificate' ? 'registration' : 'mailbox', { registration: v.name });
    },
  });
  return [section(entra ? 'In Entra' : 'At the provider', { note: 'Postern has to be known there. Somebody who may register applications does this once.' }, registerView(wanted)), section('Here', { note: 'What you copied goes in here.' }, drafted(page, 'registration', f).node)];
}

function certificateStep(page, r) {
  if (r.credential !== 'certificate' || !r.certificate_pem) return [h('p', `The registration ${r.name} is kept.`), facts([['Client id', r.client_id], ['Tenant', r.tenant], ['Proves itself by', r.credential]]), h('div.actions', onward(page, 'mailbox', 'Go on'), link(path`/settings/registrations/${r.name}`, 'Change it'))];
  const blob = URL.createObjectURL(new Blob([r.certificate_pem], { type: 'application/x-pem-file' }));
  page.onLeave(() => URL.revokeObjectURL(blob));
  return [section('The certificate', { note: 'It is made; its private key stays in Postern. Entra needs the public part.' }, h('ol.fix',
    h('li', h('a.button', { href: blob, download: `${r.name}.pem` }, 'Download the public part')), h('li', 'In Entra, under Certificates & secrets, Certificates: upload that file. Or with az:', copyable(`az ad app credential reset --id ${r.client_id} --append --cert @${r.name}.pem`, 'az line')), h('li', 'Entra then shows this thumbprint:', copyable(r.certificate_sha1, 'thumbprint')))),
  h('div.actions', onward(page, 'mailbox', 'It is uploaded, go on'))];
}

/* 3 */
async function mailboxStep(page) {
  const a = asked(page), [registrations, providers, mailboxes] = await Promise.all(['/registrations', '/providers', '/mailboxes'].map((p) => get(p, { signal: page.signal })));
  const made = mailboxes.items.find((m) => m.address === a.mailbox);
  if (made) return [h('p', `${made.address} is added.`), h('div.actions', onward(page, 'authorize', 'Go on'), link(path`/mailboxes/${made.address}`, 'Change it'))];
  const isFixed = a.registration !== '';
  const fields = (await mailboxFields(registrations.items, providers.items, true)).map((f) => (f.key === 'grant' && a.grant ? { ...f, choices: grantChoices.filter(([g]) => g === a.grant) } : f));
  const f = form({
    fields, values: opened({ grant: a.grant || 'code', registration: isFixed ? a.registration : registrations.items[0]?.name, provider: a.provider, protocols: a.protocols.split(',').filter(Boolean), ...draftOf('mailbox') }), label: 'Add it and go on', busy: 'Adding …',
    submit: async (v) => {
      await save({ plural: 'mailboxes', key: v.address, isNew: true, values: closed(v) });
      forget('mailbox');
      next(page, 'authorize', { mailbox: v.address.toLowerCase(), registration: v.registration ?? '' });
    },
  });
  return [drafted(page, 'mailbox', f).node];
}

/* 4 */
async function authorizeStep(page) {
  const a = asked(page), m = await get(path`/mailboxes/${a.mailbox}`, { signal: page.signal });
  const [place, registration] = await Promise.all([here(page.signal), m.registration ? get(path`/registrations/${m.registration}`, { signal: page.signal }) : null]);
  const after = h('div.actions', onward(page, 'test', m.grant_state?.state === 'ok' ? 'Go on' : 'Later: go on without', {}));
  if (m.grant_state?.state !== 'ok') after.firstChild.className = '';
  const node = authorizeView(page, { mailbox: m, registration, place, done: () => { after.firstChild.textContent = 'Go on to the test'; after.firstChild.className = 'primary'; after.firstChild.focus(); } });
  return [m.grant_state?.state === 'ok' && m.grant !== 'app' && h('p', state('ok', m.grant_state.user ? `signed in as ${m.grant_state.user}` : 'signed in')), section(m.address, node), after];
}

/* 5 */
async function testStep(page) {
  const a = asked(page), [m, providers] = await Promise.all([get(path`/mailboxes/${a.mailbox}`, { signal: page.signal }), get('/providers', { signal: page.signal })]);
  const registration = m.registration ? await get(path`/registrations/${m.registration}`, { signal: page.signal }) : null;
  const provider = providers.items.find((p) => p.name === (registration?.provider ?? m.provider));
  const protocols = m.protocols.length ? m.protocols : ['smtp', 'imap', 'pop3'];
  const go = onward(page, 'app', 'Go on');
  go.className = '';
  return [section(`Does ${m.address} work?`, trialView(page, m.address, { protocols, chosen: protocols, done: (isGood) => { go.className = isGood ? 'primary' : ''; if (isGood) go.focus(); } })),
    isEntra(provider) && m.grant !== 'basic' && h('details', h('summary', 'Exchange may need these first'), h('div.stack', exchangeView({ mailbox: m, registration, provider }))), h('div.actions', go)];
}

/* 6 */
async function appStep(page) {
  const a = asked(page), [place, apps] = await Promise.all([here(page.signal), get('/apps', { signal: page.signal })]);
  const made = a.app && apps.items.find((x) => x.name === a.app);
  if (made) return ready(page, place, made);
  const fields = (await appFields([{ address: a.mailbox }], true)).filter((f) => f.key !== 'mailboxes');
  const f = form({
    fields, values: openedApp({ has_password: true, ...draftOf('app') }), label: 'Add it', busy: 'Adding …',
    submit: async (v) => {
      await save({ plural: 'apps', key: v.name, isNew: true, values: closedApp({ ...v, mailboxes: [a.mailbox] }) });
      forget('app');
      once = { app: v.name, password: v.has_password ? (await post(path`/apps/${v.name}/password`, {})).password : null };
      next(page, 'app', { app: v.name });
    },
  });
  return [h('p', 'A program that shall use ', h('strong', a.mailbox), ' gets a name and a password of its own.'), drafted(page, 'app', f).node, h('p', link('/', 'Not now: to the overview'))];
}

let once = null; // the password, until the page is left: it is shown this once

function ready(page, place, app) {
  const password = once?.app === app.name ? once.password : null;
  page.onLeave(() => { once = null; });
  return [password && section('Its password', { note: 'Copy it now: it is shown this once, and nobody can read it back.' }, copyable(password, 'password')), section('Enter this in the program', connectView(place, { app: app.name, mailbox: app.mailboxes[0], password })),
    h('div.actions', h('a.button.primary', { href: '/' }, 'Done'), h('a.button', { href: path`/apps/${app.name}` }, `The app ${app.name}`), h('a.button', { href: '/mailboxes/new' }, 'Another mailbox'))];
}

const views = { provider: providerStep, registration: registrationStep, mailbox: mailboxStep, authorize: authorizeStep, test: testStep, app: appStep };

export default async function (page) {
  page.title('Add a mailbox');
  const head = heading('Add a mailbox', { up: ['/mailboxes', 'Mailboxes'] });
  if (!can('admin')) return [head, h('p', 'An administrator adds mailboxes; you may look at those that are there.')];
  const wanted = page.query.get('step') ?? 'provider';
  const step = views[wanted] && (indexOf(wanted) < 3 || asked(page).mailbox) ? wanted : 'provider';
  const [, name] = steps[indexOf(step)];
  page.title(`${name}: add a mailbox`);
  return [head, trail(page, step), h('div.stack-wide', await views[step](page))];
}
