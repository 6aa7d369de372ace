/* app.js - one app: its settings to paste, its password (shown once), what it may use. */
import { h } from '../dom.js';
import { get, post, can, path } from '../api.js';
import { heading, section, button, link, facts } from '../parts/shell.js';
import { form, fieldsOf } from '../parts/form.js';
import { keeper, save, removal } from '../parts/object.js';
import { showOnce, confirm } from '../parts/dialog.js';
import { toast } from '../parts/toast.js';
import { here, connectView } from '../parts/connect.js';

const protocols = [['smtp', 'SMTP', 'send'], ['imap', 'IMAP', 'read'], ['pop3', 'POP3', 'read'], ['http', 'HTTP', 'send and read by the API']];
const every = protocols.map(([p]) => p);

export function appFields(mailboxes, isNew, usual) {
  const few = mailboxes.length && mailboxes.length <= 12;
  return fieldsOf('app', [
    { key: 'name', readonly: !isNew, autofocus: isNew, help: isNew ? 'Also its user name: letters, digits, dots and dashes.' : 'Also its user name.' },
    { key: 'mailboxes', type: few ? 'set' : 'lines', choices: mailboxes.map((m) => [m.address, m.address]), help: !few ? 'One a line; the first is the one it uses if it names none.' : usual ? `If it names none, it uses ${usual}.` : null },
    { key: 'allow', label: 'It may use', type: 'set', choices: protocols, help: null },
    { label: 'How it is known', folded: !isNew, fields: [{ key: 'has_password', label: 'It has a password' }, { key: 'from', label: 'Address ranges, one a line', help: 'From there it needs no password: for devices that can’t sign in. As in 10.1.2.0/24.' }, { key: 'only_from', label: 'Password and address, both' }] },
    { label: 'Which sender', folded: true, fields: [{ key: 'force_sender', label: 'Sender put into all its mail' }, { key: 'any_sender', label: 'Any sender', help: 'The provider decides. Otherwise: the mailbox, its aliases and its shared addresses.' }] },
  ]);
}

/* In the form "all" is every box; the object says it with none. */
export const opened = (app) => ({ ...app, allow: app.allow?.length ? app.allow : every });
export function closed(values) {
  if (values.allow && !values.allow.length) throw Object.assign(new Error('Choose at least one.'), { kind: 'refused', field: 'allow', detail: 'Choose at least one.' });
  return values.allow?.length === every.length ? { ...values, allow: [] } : values;
}

/* The first mailbox is the usual one: boxes must not bring another to the front. */
const placeOf = (app, address) => (app.mailboxes.includes(address) ? app.mailboxes.indexOf(address) : app.mailboxes.length);

async function add(page) {
  page.title('Add an app');
  const [{ items }, place] = await Promise.all([get('/mailboxes', { signal: page.signal }), here(page.signal)]);
  if (!items.length) return [heading('Add an app', { up: ['/apps', 'Apps'] }), h('p', 'An app uses a mailbox. ', link('/mailboxes/new', 'Add a mailbox first'), '.')];
  const wanted = page.query.get('mailbox') ?? (items.length === 1 ? items[0].address : null);
  const f = form({
    fields: await appFields(items, true), values: opened({ mailboxes: wanted ? [wanted] : [], has_password: true }), label: 'Add', busy: 'Adding …', cancel: '/apps',
    submit: async (values) => {
      await save({ plural: 'apps', key: values.name, isNew: true, values: closed(values) });
      if (values.has_password) await passwordOnce(values.name, place, values.mailboxes[0]);
      page.go(path`/apps/${values.name}`, { replace: true });
    },
  });
  return [heading('Add an app', { up: ['/apps', 'Apps'] }), f.node];
}

export async function passwordOnce(name, place, mailbox) {
  const { password } = await post(path`/apps/${name}/password`, {});
  await showOnce({
    title: `The password of ${name}`, label: 'password', secret: password, text: 'It is shown this once; whoever has it may send as this app. The settings below hold it already.',
    more: connectView(place, { app: name, mailbox, password }),
  });
}

export default async function (page) {
  const { name } = page.params;
  if (name === '+') return add(page);
  page.title(name);
  const [app, { items }, place] = await Promise.all([get(path`/apps/${name}`, { signal: page.signal }), get('/mailboxes', { signal: page.signal }), here(page.signal)]);
  const rotate = button('New password', async () => {
    if (!(await confirm({ title: `Make a new password for ${name}?`, text: 'The one it uses now stops to work at once: the program is refused until it has the new one.', action: 'Make it', danger: true }))) return;
    await passwordOnce(name, place, app.mailboxes[0]);
  });
  const kept = keeper(path`/apps/${name}`, app);
  const f = can('admin') && form({
    fields: await appFields(items, false, app.mailboxes[0]), values: opened(app), renew: async () => opened(await kept.renew()),
    submit: async (values, changed) => {
      if (changed.mailboxes && items.length <= 12) changed.mailboxes.sort((a, b) => placeOf(app, a) - placeOf(app, b));
      await save({ plural: 'apps', key: name, changed: closed(changed), tag: kept.tag });
      toast(`${name} is saved`);
      page.reload();
    },
    danger: removal(page, { plural: 'apps', key: name, what: `the app ${name}`, back: '/apps', text: 'It can no longer sign in. Mail it handed in already goes on its way.' }),
  });
  return [
    heading(name, { up: ['/apps', 'Apps'], actions: can('admin') && app.has_password !== false ? rotate : [] }),
    section('Settings to enter in the program', connectView(place, { app: name, mailbox: app.mailboxes[0], product: page.query.get('for') ?? 'any' })),
    f ? section('What it may do', f.node) : section('What it may do', facts([['Mailboxes', app.mailboxes.join(', ')], ['May use', opened(app).allow.join(', ')], ['Address ranges', app.from.join(', ')], ['Sender put in', app.force_sender]])),
  ];
}
