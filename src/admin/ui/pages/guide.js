/* guide.js - one guide, with the values of the mailbox and app that are chosen at its top. */
import { h, fill, uid } from '../dom.js';
import { get, path, Refused } from '../api.js';
import { heading, section, button, link, empty } from '../parts/shell.js';
import { here, productOf, productTable, valuesOf } from '../parts/connect.js';
import { guides } from '../guides/products.js';
import { setups } from '../guides/setup.js';

function pick(label, list, now, change) {
  const id = uid('pick');
  return h('div', h('label', { for: id }, label), h('select', { id, onchange: (e) => change(e.target.value) }, list.map((v) => h('option', { value: v, selected: v === now }, v))));
}

const fieldTable = (rows) => h('table.fields', h('caption.unseen', 'Fields of other guides, and where they are here'), h('thead', h('tr', h('th', { scope: 'col' }, 'There'), h('th', { scope: 'col' }, 'Here'))),
  h('tbody', rows.map(([there, now, to]) => h('tr', h('th', { scope: 'row' }, there), h('td', to ? link(to, now) : now)))));

function productView(g, c) {
  const values = valuesOf(c.place, { app: c.app?.name, mailbox: c.mailbox?.address });
  return [
    h('div.stack', g.text.map((t) => h('p', t))),
    section('1. Connect the mailbox', h('p', c.mailbox ? [link(path`/mailboxes/${c.mailbox.address}`, c.mailbox.address), ' is connected', c.mailbox.grant_state?.state && c.mailbox.grant_state.state !== 'ok' ? ', but not signed in.' : '.'] : [link('/mailboxes/new', 'Six short steps'), ', from the registration to the test.'])),
    section('2. Give the program a name and a password', h('p', c.app ? [link(path`/apps/${c.app.name}?for=${g.product}`, c.app.name), ' may use it. Its password was shown once; a new one can be made there.'] : [link('/apps/+', 'Add an app'), ': the password is shown once.'])),
    section('3. Enter this', productTable(productOf(g.product), values)),
    section('4. Try it', h('ul.notes', g.after.map((t) => h('li', t)))),
    (g.more ?? []).map(([title, texts]) => section(title, texts.map((t) => h('p', t)))),
    g.fields.length > 0 && section('Where the fields of its own guide went', fieldTable(g.fields)),
  ];
}

export default async function (page) {
  const { topic } = page.params, { signal } = page;
  const guide = guides.find((g) => g.id === topic), setup = setups.find((g) => g.id === topic);
  if (!guide && !setup) throw new Refused(404, { title: 'There is no such guide', detail: `Nothing is written about ${topic}.` });
  page.title((guide ?? setup).title);
  const [place, mailboxes, apps, registrations, providers] = await Promise.all([here(signal), ...['/mailboxes', '/apps', '/registrations', '/providers'].map((p) => get(p, { signal }))]);
  const body = h('div.stack-wide.guide');
  const context = () => {
    const mailbox = mailboxes.items.find((m) => m.address === page.query.get('mailbox')) ?? mailboxes.items[0];
    const fitting = apps.items.filter((a) => !mailbox || a.mailboxes.includes(mailbox.address));
    const registration = registrations.items.find((r) => r.name === mailbox?.registration) ?? registrations.items[0];
    return { place, mailbox, fitting, app: fitting.find((a) => a.name === page.query.get('app')) ?? fitting[0], registration, provider: providers.items.find((p) => p.name === (registration?.provider ?? mailbox?.provider)) ?? providers.items.find((p) => p.name === 'microsoft365') };
  };
  const draw = () => {
    const c = context(), change = (name) => (value) => { page.set({ [name]: value }); draw(); };
    const picks = [mailboxes.items.length > 1 && pick('Mailbox', mailboxes.items.map((m) => m.address), c.mailbox.address, change('mailbox')), guide && c.fitting.length > 1 && pick('App', c.fitting.map((a) => a.name), c.app.name, change('app'))].filter(Boolean);
    fill(body, picks.length > 0 && h('div.picks', picks), guide ? productView(guide, c) : setup.view(c));
  };
  const print = () => {
    for (const folded of body.querySelectorAll('details')) folded.open = true;
    window.print();
  };
  draw();
  return [heading((guide ?? setup).title, { up: ['/guides', 'Guides'], note: setup?.about, actions: button('Print', print) }), body, mailboxes.items.length === 0 && empty('No mailbox is connected yet: names in capitals stand for what you will have.')];
}
