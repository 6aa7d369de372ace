/* settings_objects.js - registrations in Entra with their secret or certificate, and providers. */
import { h } from '../dom.js';
import { get, all, post, put, can, path } from '../api.js';
import { heading, section, button, link, facts } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { form, fieldsOf } from '../parts/form.js';
import { keeper, save, removal, options } from '../parts/object.js';
import { dialog, closeDialog } from '../parts/dialog.js';
import { state } from '../parts/state.js';
import { copyable } from '../parts/copy.js';
import { day, daysUntil, leftWord } from '../parts/time.js';
import { toast } from '../parts/toast.js';

const credentials = [['secret', 'Client secret', 'A text that Entra makes. It ends after 24 months at most.'], ['certificate', 'Certificate', 'Safer: the private key never leaves Postern.'], ['none', 'None', 'A public client: only a person’s sign-in or a device code.']];

function until(date) {
  if (!date) return state('off', 'end not known');
  const days = daysUntil(date);
  return state(days < 0 ? 'bad' : days <= 30 ? 'person' : 'good', `${day(date)}, ${leftWord(days)}`);
}

const endOf = (r) => (r.credential === 'secret' ? r.secret_expires : r.credential === 'certificate' ? r.certificate_expires : '');

async function changeSecret(page, r) {
  const f = form({
    fields: [{ key: 'secret', label: 'Client secret', type: 'password', required: true, help: 'The Value that Entra shows once, not the Secret ID.' }, { key: 'secret_expires', label: 'It ends on', type: 'date', short: true, help: 'As Entra shows it; Postern warns before that day.' }],
    values: { secret_expires: r.secret_expires }, label: 'Keep it', cancel: closeDialog,
    submit: async (v) => {
      await put(path`/registrations/${r.name}/secret`, { secret: v.secret });
      await save({ plural: 'registrations', key: r.name, changed: { credential: 'secret', secret_expires: v.secret_expires } });
      toast('The secret is kept, and used from now on');
      f.node.closest('dialog').close();
      page.reload();
    },
  });
  await dialog({ title: `Secret of ${r.name}`, form: f.node });
}

async function changeCertificate(page, r) {
  const f = form({
    fields: [
      { key: 'how', label: 'Certificate', type: 'radio', choices: [['make', 'Let Postern make one', 'You then upload its public part in Entra.'], ['take', 'Take one that is there', 'A PEM file with certificate and private key.']] },
      { key: 'pem', label: 'PEM file', type: 'file', accept: '.pem,.crt,.key', required: true, when: (v) => v.how === 'take' },
    ],
    values: { how: 'make' }, label: 'Go on', cancel: closeDialog,
    submit: async (v) => {
      await post(path`/registrations/${r.name}/certificate`, v.how === 'take' ? { pem: v.pem } : {});
      toast('The certificate is in use; upload its public part in Entra now');
      f.node.closest('dialog').close();
      page.reload();
    },
  });
  await dialog({ title: `Certificate of ${r.name}`, form: f.node });
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-pem-file' }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function credentialView(page, r) {
  const isCertificate = r.credential === 'certificate';
  return section('Credential', { actions: can('admin') && [button('Set the secret', () => changeSecret(page, r)), button('Certificate …', () => changeCertificate(page, r))] },
    facts([['Proves itself by', credentials.find(([c]) => c === r.credential)?.[1]], r.credential !== 'none' && ['Ends', until(endOf(r))],
      isCertificate && ['Thumbprint (Entra)', r.certificate_sha1 && copyable(r.certificate_sha1, 'thumbprint')], isCertificate && ['SHA-256', h('span.mono', r.certificate_sha256)],
      isCertificate && r.certificate_pem && ['Public part', button('Download the certificate', () => download(`${r.name}.crt`, r.certificate_pem))]]));
}

async function registration(page, key) {
  const isNew = key === '+';
  const providers = await all('/providers', { signal: page.signal });
  const r = isNew ? { provider: providers[0]?.name, credential: 'secret' } : await get(path`/registrations/${key}`, { signal: page.signal });
  page.title(isNew ? 'Add a registration' : key);
  const kept = keeper(path`/registrations/${key}`, r);
  const f = form({
    fields: await fieldsOf('registration', [
      { key: 'name', readonly: !isNew, help: isNew ? 'A short name of your own for it.' : null, autofocus: isNew }, { key: 'provider', type: 'choice', choices: options(providers, 'name'), help: null },
      { key: 'tenant', label: 'Directory (tenant) ID' }, { key: 'client_id', label: 'Application (client) ID' },
      isNew ? { key: 'credential', type: 'radio', choices: credentials, help: null } : 'secret_expires', isNew && { key: 'secret', label: 'Client secret', type: 'password', help: 'The Value that Entra shows once, not the Secret ID.', when: (v) => v.credential === 'secret' },
      isNew && { key: 'secret_expires', type: 'date', short: true, when: (v) => v.credential === 'secret' }, { key: 'redirect_uri', label: 'Redirect URI' },
    ].filter(Boolean).map((f) => (f === 'secret_expires' ? { key: f, type: 'date', short: true, when: () => r.credential === 'secret' } : f))),
    values: r, renew: !isNew && kept.renew, readonly: !can('admin'), label: isNew ? 'Add' : 'Save', cancel: '/settings/registrations',
    submit: async ({ secret, ...values }, changed) => {
      const name = isNew ? values.name : key;
      delete changed.secret;
      await save({ plural: 'registrations', key: name, isNew, values, changed, tag: kept.tag });
      if (isNew && secret) await put(path`/registrations/${name}/secret`, { secret });
      if (isNew && values.credential === 'certificate') await post(path`/registrations/${name}/certificate`);
      toast(`${name} is saved`);
      page.go(path`/settings/registrations/${name}`, { replace: true });
    },
    danger: !isNew && removal(page, { plural: 'registrations', key, what: `the registration ${key}`, back: '/settings/registrations', text: 'Its secret or private key is forgotten, too.' }),
  });
  return [heading(isNew ? 'Add a registration' : key, { up: ['/settings/registrations', 'Registrations'] }), !isNew && credentialView(page, r), section(isNew ? 'Registration' : 'Settings', f.node)];
}

const server = (p, name) => ({ label: name, folded: true, fields: [{ key: `${p}.host`, label: 'Server' }, { key: `${p}.port`, label: 'Port', short: true }, { key: `${p}.tls`, label: 'Protection' }, { key: `${p}.sasl`, label: 'Way to sign in' }, { key: `${p}.initial_response` }] });

async function provider(page, key) {
  const isNew = key === '+';
  const p = isNew ? {} : await get(path`/providers/${key}`, { signal: page.signal });
  page.title(isNew ? 'Add a provider' : p.title || key);
  const kept = keeper(path`/providers/${key}`, p);
  const group = (label, prefix, names) => ({ label, folded: true, fields: names.map((n) => `${prefix}.${n}`) });
  const fields = await fieldsOf('provider', [
    { key: 'name', readonly: !isNew, help: null, autofocus: isNew }, 'title', { key: 'issuer', label: 'OpenID issuer' }, group('Addresses, where discovery is not wanted', 'endpoints', ['authorize', 'token', 'device', 'jwks']),
    group('Scopes', 'scopes', ['smtp', 'imap', 'pop3', 'app', 'common']), server('smtp', 'SMTP'), server('imap', 'IMAP'), server('pop3', 'POP3'),
    group('Limits of one mailbox', 'limits', ['connections', 'messages_per_minute', 'recipients_per_day', 'recipients_per_message', 'size_mb']), 'ca_file', 'authorize_extra',
  ]);
  const isFixed = p.is_builtin || !can('admin');
  const f = form({
    fields, readonly: isFixed, values: p, renew: !isNew && kept.renew, label: isNew ? 'Add' : 'Save', cancel: '/settings/providers',
    submit: async (values, changed) => {
      await save({ plural: 'providers', key: isNew ? values.name : key, isNew, values, changed, tag: kept.tag });
      toast(`${values.name} is saved`);
      page.go('/settings/providers');
    },
    danger: !isNew && !isFixed && removal(page, { plural: 'providers', key, what: `the provider ${key}`, back: '/settings/providers' }),
  });
  return [heading(isNew ? 'Add a provider' : p.title || key, { up: ['/settings/providers', 'Providers'], note: p.is_builtin ? 'Comes with Postern. A provider of your own may differ from it.' : null }), f.node];
}

const registrationColumns = [
  { name: 'Name', main: true, cell: (r) => link(path`/settings/registrations/${r.name}`, r.name) }, { name: 'Provider', cell: (r) => r.provider },
  { name: 'Client id', cell: (r) => h('span.mono.small', r.client_id) }, { name: 'Proves itself by', cell: (r) => r.credential }, { name: 'Ends', cell: (r) => r.credential !== 'none' && until(endOf(r)), sort: (r) => endOf(r) || '9' },
];
const providerColumns = [{ name: 'Name', main: true, cell: (p) => link(path`/settings/providers/${p.name}`, p.title || p.name) }, { name: 'SMTP', cell: (p) => p.smtp?.host }, { name: 'IMAP', cell: (p) => p.imap?.host }, { name: 'Kind', cell: (p) => (p.is_builtin ? 'comes with Postern' : 'your own') }];

export default async function (page, plural, key) {
  if (key) return plural === 'providers' ? provider(page, key) : registration(page, key);
  const list = await all(`/${plural}`, { signal: page.signal });
  const isProviders = plural === 'providers';
  const title = isProviders ? 'Providers' : 'Registrations';
  return [section(title, { note: isProviders ? 'A mail service’s fixed facts: addresses, servers, scopes, limits.' : 'How this Postern is known to the tenant: an app registration in Entra.', actions: can('admin') && h('a.button', { href: `/settings/${plural}/+` }, isProviders ? 'Add a provider' : 'Add a registration') },
    table({ caption: title, columns: isProviders ? providerColumns : registrationColumns, rows: list, key: (o) => o.name }).node)];
}
