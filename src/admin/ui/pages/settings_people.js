/* settings_people.js - who may come in: operators with their passwords, and API keys that are shown once. */
import { h } from '../dom.js';
import { get, all, post, put, can, path, session } from '../api.js';
import { heading, section, button, link } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { form } from '../parts/form.js';
import { keeper, save, removal } from '../parts/object.js';
import { dialog, closeDialog, showOnce, confirm } from '../parts/dialog.js';
import { state } from '../parts/state.js';
import { day, daysUntil } from '../parts/time.js';
import { toast } from '../parts/toast.js';
import { rulesView } from './setup.js';

const roles = [['administrator', 'Administrator', 'May see and change everything.'], ['operator', 'Operator', 'May see everything but mail’s content, and change nothing.']];
const scopes = [['send', 'Send mail', 'and see what became of it'], ['inbox', 'Read received mail'], ['read', 'See everything', 'but the content of mail'], ['content', 'Download originals'], ['operate', 'Act on mail', 'retry, hold, release, remove, pause, test'], ['admin', 'Administer', 'everything else']];

/* One's own password needs the present one. */
async function setPassword(name) {
  const isOwn = name === session.who.name;
  const rules = rulesView();
  let done = false;
  const f = form({
    fields: [isOwn && { key: 'current', label: 'Present password', type: 'password', required: true, autocomplete: 'current-password' }, { key: 'password', label: 'New password', type: 'password', required: true, autocomplete: 'new-password' }, { type: 'node', node: rules.node }].filter(Boolean),
    label: 'Set the password', cancel: closeDialog,
    submit: async (values) => {
      await put(path`/operators/${name}/password`, values);
      done = true;
      f.node.closest('dialog').close();
    },
  });
  f.node.addEventListener('input', () => rules.show(f.values().password, name));
  rules.show('', name);
  await dialog({ title: `Password of ${name}`, form: f.node });
  if (done) toast(`${name} has a new password`);
}

const operatorFields = (isNew) => [
  { key: 'name', label: 'Name', required: true, readonly: !isNew, autofocus: isNew, help: isNew ? 'With it they sign in.' : null },
  { key: 'role', label: 'May', type: 'radio', choices: roles },
  { key: 'entra_user', label: 'User name at Microsoft', help: 'For signing in with Microsoft; may be empty.' },
  { key: 'is_disabled', label: 'Switched off', type: 'flag', help: 'Can’t sign in until it is switched on again.' },
];

const keyFields = (isNew, mailboxes) => [
  { key: 'name', label: 'Name', required: true, readonly: !isNew, autofocus: isNew, help: isNew ? 'Of the program that will use it.' : null },
  { key: 'scopes', label: 'May', type: 'set', choices: scopes },
  { key: 'mailboxes', label: 'Only for these mailboxes', type: mailboxes.length && mailboxes.length <= 12 ? 'set' : 'lines', choices: mailboxes.map((m) => [m.address, m.address]), help: 'None chosen: all.' },
  { key: 'expires', label: 'Ends on', type: 'date', short: true, help: 'Empty: never.' },
  { key: 'is_disabled', label: 'Switched off', type: 'flag' },
];

async function newSecret(name) {
  const answer = await post(path`/keys/${name}/secret`);
  await showOnce({ title: `The key ${name}`, label: 'key', secret: answer.key, text: 'Programs send it as “Authorization: Bearer …”. It is shown this once; whoever has it has its rights.' });
}

const ofKind = {
  operators: {
    one: 'operator', title: 'Operators', note: 'People who may sign in here.', add: 'Add an operator',
    columns: [
      { name: 'Name', main: true, cell: (o) => link(path`/settings/operators/${o.name}`, o.name) }, { name: 'May', cell: (o) => roles.find(([r]) => r === o.role)?.[1] ?? o.role },
      { name: 'State', cell: (o) => (o.is_disabled ? state('disabled') : o.has_password || o.entra_user ? state('ok', 'can sign in') : state('none', 'has no password yet')) }, { name: 'At Microsoft', cell: (o) => o.entra_user },
    ],
  },
  keys: {
    one: 'key', title: 'API keys', note: 'Programs sign in with a key. Its secret is shown once; afterwards it can only be made anew.', add: 'Make a key',
    columns: [
      { name: 'Name', main: true, cell: (k) => link(path`/settings/keys/${k.name}`, k.name) }, { name: 'May', cell: (k) => (k.scopes ?? []).join(', ') },
      { name: 'Mailboxes', cell: (k) => (k.mailboxes?.length ? k.mailboxes.join(', ') : 'all') },
      { name: 'State', cell: (k) => (k.is_disabled ? state('disabled') : k.expires && daysUntil(k.expires) < 0 ? state('expired', 'has ended') : state('ok', k.expires ? `until ${day(k.expires)}` : 'holds')) },
    ],
  },
};

async function one(page, plural, key) {
  const kind = ofKind[plural], isNew = key === '+';
  const mailboxes = plural === 'keys' ? await all('/mailboxes', { signal: page.signal }) : [];
  const object = isNew ? { role: 'operator', scopes: ['send'] } : await get(path`/${plural}/${key}`, { signal: page.signal });
  page.title(isNew ? kind.add : key);
  const kept = keeper(path`/${plural}/${key}`, object);
  const f = form({
    fields: plural === 'operators' ? operatorFields(isNew) : keyFields(isNew, mailboxes), values: object, renew: !isNew && kept.renew, readonly: !can('admin'), label: isNew ? kind.add : 'Save', cancel: `/settings/${plural}`,
    submit: async (values, changed) => {
      await save({ plural, key: isNew ? values.name : key, isNew, values, changed, tag: kept.tag });
      if (isNew && plural === 'keys') await newSecret(values.name);
      if (isNew && plural === 'operators') await setPassword(values.name);
      toast(`${values.name} is saved`);
      page.go(`/settings/${plural}`);
    },
    danger: !isNew && removal(page, { plural, key, what: `the ${kind.one} ${key}`, back: `/settings/${plural}` }),
  });
  const actions = isNew ? [] : plural === 'operators' ? [(can('admin') || key === session.who.name) && button('Set a password', () => setPassword(key))]
    : [can('admin') && button('New secret', async () => { if (await confirm({ title: `Make ${key} anew?`, text: 'The secret before it stops to work at once.', action: 'Make it', danger: true })) await newSecret(key); })];
  return [heading(isNew ? kind.add : key, { up: [`/settings/${plural}`, kind.title], actions }), f.node];
}

export default async function (page, plural, key) {
  if (key) return one(page, plural, key);
  const kind = ofKind[plural];
  const list = await all(`/${plural}`, { signal: page.signal });
  return [section(kind.title, { note: kind.note, actions: can('admin') && h('a.button', { href: `/settings/${plural}/+` }, kind.add) }, table({ caption: kind.title, columns: kind.columns, rows: list, key: (o) => o.name }).node)];
}
