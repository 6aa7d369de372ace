/* apps.js - the programs that send and read through Postern. */
import { h } from '../dom.js';
import { get, can, path } from '../api.js';
import { heading, link, empty } from '../parts/shell.js';
import { table } from '../parts/table.js';

const allowed = (a) => (a.allow?.length ? a.allow : ['smtp', 'imap', 'pop3', 'http']).join(', ').toUpperCase();
const known = (a) => [a.has_password && 'password', a.from?.length && `address (${a.from.join(', ')})`].filter(Boolean).join(a.only_from ? ', only from ' : ' or ') || 'nothing yet';

const columns = [
  { name: 'App', main: true, cell: (a) => link(path`/apps/${a.name}`, a.name), sort: (a) => a.name },
  { name: 'Mailboxes', cell: (a) => h('span', a.mailboxes.map((m, i) => [i > 0 && ', ', link(path`/mailboxes/${m}`, m)])) },
  { name: 'May use', cell: allowed },
  { name: 'Known by', cell: known },
];

export default async function (page) {
  page.title('Apps');
  const { items } = await get('/apps', { signal: page.signal });
  const add = can('admin') && h('a.button.primary', { href: '/apps/+' }, 'Add an app');
  return [heading('Apps', { actions: add, note: 'Each program gets a name and a password of its own. What it may use can be narrowed, and ended, without touching the mailbox.' }),
    table({ caption: 'Apps', columns, rows: items, key: (a) => a.name, empty: empty('No program uses Postern yet.', ...(can('admin') ? [h('a.button', { href: '/apps/+' }, 'Add the first')] : [])) }).node];
}
