/* connect.js - what a program is told so that it finds Postern: from the listeners that really are open, product by product.
 *   const place = await here(signal)           { hostname, console, callback, items: [{ protocol, address, tls }] }
 *   doorOf(place, 'smtp')                      { host, port, tls, isNear }: the best listener, or null
 *   connectView(place, { app, mailbox, password, product })   a choice of product and its fields, ready to copy
 *   productTable(product, values)              the fields of one; values = valuesOf(place, { app, mailbox, password })
 *   products                                   [{ id, title, where, rows(values), notes }] */
import { h, fill, uid } from '../dom.js';
import { get } from '../api.js';
import { copyInline } from './copy.js';
import { stateIcon } from './state.js';

export const here = (signal) => get('/listeners', { signal });

function hostOf(address, place) {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const isNear = /^127\.|^::1$/.test(host);
  return { host: host === '0.0.0.0' || host === '::' ? place.hostname : host, isNear };
}

/* One that other machines reach before one that they can't, then the better protected. */
export function doorOf(place, protocol) {
  const rank = { implicit: 0, starttls: 1, none: 2 };
  const found = (place.items ?? []).filter((l) => l.protocol === protocol).map((l) => ({ ...hostOf(l.address, place), port: Number(l.address.split(':').at(-1)), tls: l.tls }));
  found.sort((a, b) => a.isNear - b.isNear || rank[a.tls] - rank[b.tls]);
  return found[0] ?? null;
}

const protections = { none: 'none', starttls: 'STARTTLS', implicit: 'SSL/TLS' };
const hidden = 'the password of the app';
const is = (door, tls) => door.tls === tls;
const tick = (on) => (on ? 'checked' : 'not checked');

export function valuesOf(place, { app, mailbox, password } = {}) {
  return { smtp: doorOf(place, 'smtp'), imap: doorOf(place, 'imap'), pop3: doorOf(place, 'pop3'), app: app ?? 'the name of the app', mailbox: mailbox ?? 'the address of the mailbox', password, api: `${place.console}/api/v1/messages` };
}

/* A row is a name and a value; a value that is null says that no listener of that protocol is open. */
const server = (door, name, port, more = () => []) => (door ? [[name, door.host], [port, String(door.port)], ...more(door)] : [[name, null]]);
const login = (v, user = v.app) => [['User name', user], ['Password', v.password ?? hidden, !v.password]];

export const products = [
  {
    id: 'any', title: 'Any program', where: 'Its mail settings', uses: ['smtp'],
    rows: (v) => [...server(v.smtp, 'SMTP server', 'Port', (d) => [['Encryption', protections[d.tls]]]), ['Authentication', 'password (also called basic, normal, LOGIN or PLAIN)'], ...login(v), ['Sender', v.mailbox],
      ...(v.imap ? server(v.imap, 'IMAP server', 'IMAP port', (d) => [['IMAP encryption', protections[d.tls]]]) : []), ...(v.pop3 ? server(v.pop3, 'POP3 server', 'POP3 port', (d) => [['POP3 encryption', protections[d.tls]]]) : [])],
    notes: ['Where only an e-mail address can be entered as user name, enter that of the mailbox.'],
  },
  {
    id: 'liferay', title: 'Liferay DXP and Portal', where: 'Control Panel → Instance Settings → Email → Mail Settings', uses: ['smtp', 'pop3'],
    rows: (v) => [...server(v.smtp, 'Outgoing SMTP Server', 'Outgoing Port', (d) => [['Use a Secure Network Connection (outgoing)', tick(is(d, 'implicit'))], ['Enable StartTLS', tick(is(d, 'starttls'))]]), ...login(v),
      ['Enable POP Server Notifications', v.pop3 ? 'checked, if Liferay shall read answers' : 'not checked'], ...server(v.pop3, 'Incoming POP Server', 'Incoming Port', (d) => [['Use a Secure Network Connection', tick(is(d, 'implicit'))]])],
    notes: ['User name and password are the same for incoming and outgoing.', 'Under Outlook Auth Connector leave POP3 Connection Enabled and SMTP Connection Enabled unchecked: signing in at Microsoft is Postern’s work now.'],
  },
  {
    id: 'dnn', title: 'DNN', where: 'Persona Bar → Settings → Servers → Server Settings → SMTP Server', uses: ['smtp'],
    rows: (v) => [...(v.smtp ? [['SMTP Server and port', `${v.smtp.host}:${v.smtp.port}`]] : [['SMTP Server and port', null]]), ['SMTP Authentication', 'Basic'], ['SMTP Username', v.app], ['SMTP Password', v.password ?? hidden, !v.password], ['SMTP Enable SSL', v.smtp && !is(v.smtp, 'none') ? 'On' : 'Off']],
    notes: ['DNN sends as the site administrator: that account’s address must be the mailbox, or one of its aliases; or the app puts the sender in by itself (Sender put into all its mail).'],
  },
  {
    id: 'aem', title: 'Adobe AEM Forms (JEE)', where: 'Admin UI → Services → Applications and Services → Service Management → Email Service', uses: ['smtp', 'imap'],
    rows: (v) => [...server(v.smtp, 'SMTP Host', 'SMTP Port', (d) => [['SMTP Transport Security', { none: 'blank', starttls: 'TLS', implicit: 'SSL' }[d.tls]]]), ['SMTP Authenticate', 'checked'], ['SMTP User', v.app], ['SMTP Password', v.password ?? hidden, !v.password], ['oAuth 2.0 Authentication Settings', 'False'],
      ...server(v.imap, 'Receive Host', 'Receive Port', (d) => [['Receive Protocol', 'IMAP'], ['Receive Transport Security', { none: 'blank', starttls: 'TLS', implicit: 'SSL' }[d.tls]]]), ['Receive User', v.app], ['Receive Password', v.password ?? hidden, !v.password]],
    notes: ['The same values go into Form Workflow → Server Settings → Email Settings (leave Enable oAuth unchecked) and into each e-mail endpoint; POP3 works there, too.', 'A process that must use another account or a server with a password: see the guide.'],
  },
  {
    id: 'endpoint-central', title: 'ManageEngine Endpoint Central', where: 'Admin → Server Settings → Mail Server', uses: ['smtp'],
    rows: (v) => [...server(v.smtp, 'Server Name', 'Port', (d) => [['Email Type', 'SMTP'], ['Enable TLS', is(d, 'none') ? 'No' : 'Yes']]), ['Authentication', 'Basic Authentication'], ['Sender Email Address', v.mailbox], ['Test Email Address', 'your own'], ['Username', v.mailbox], ['Password', v.password ?? hidden, !v.password]],
    notes: ['A sender that is not the mailbox needs the right to send as that address (Send As); name it among the mailbox’s shared addresses.'],
  },
  {
    id: 'printer', title: 'Printers and scanners', where: 'The device’s web page: Scan to e-mail, SMTP', uses: ['smtp'],
    rows: (v) => [...server(v.smtp, 'SMTP server', 'Port', (d) => [['SSL/TLS', protections[d.tls]]]), ['Authentication', 'LOGIN or PLAIN'], ['User name', v.app], ['Password', v.password ?? hidden, !v.password], ['Sender / device address', v.mailbox]],
    notes: ['A device that can’t sign in at all: put its address into the app’s address ranges; then it needs neither user name nor password.', 'A device without TLS 1.2 needs a listener without protection, in a network you trust.'],
  },
  {
    id: 'http', title: 'A program over HTTP', where: 'One request sends a message', uses: ['http'],
    rows: (v) => [['Request', `POST ${v.api}`], ['User (HTTP Basic)', v.app], ['Password', v.password ?? hidden, !v.password], ['Content-Type', 'application/json'], ['Body', `{"from":"${v.mailbox}","to":["you@example.org"],"subject":"Hello","text":"It works."}`]],
    notes: ['The answer is 202 and an id; GET /api/v1/messages/ID says what became of it.'],
  },
];

export const productOf = (id) => products.find((p) => p.id === id);

/* What is chosen in the program, not typed. */
const words = /^(checked|not checked|checked, .*|blank|none|True|False|On|Off|Yes|No|SMTP|IMAP|SSL|TLS|SSL\/TLS|STARTTLS|Basic|Basic Authentication|LOGIN or PLAIN|your own|password .*|the (name|address|password) of .*)$/;

function value(text, isPlaceholder) {
  if (text === null) return h('span.state.person', stateIcon('person'), h('span', 'no such listener is open: name one in the configuration file'));
  return isPlaceholder || words.test(text) ? h('span', text) : copyInline(text, 'value');
}

export function productTable(product, v) {
  const isNear = product.uses.some((p) => v[p]?.isNear);
  return h('div.stack', h('p.note', product.where), h('dl.facts', product.rows(v).map(([name, text, isPlaceholder]) => h('div', h('dt', name), h('dd', value(text, isPlaceholder))))),
    isNear && h('p.note', 'This listener is on the loopback address: only programs on this machine reach it. For others, open one on 0.0.0.0 with STARTTLS and a certificate (listeners in the configuration file), then reload.'),
    product.notes.length > 0 && h('ul.notes', product.notes.map((n) => h('li', n))));
}

export function connectView(place, { app, mailbox, password, product = 'any' } = {}) {
  const id = uid('product');
  const box = h('div');
  const show = (name) => fill(box, productTable(productOf(name) ?? products[0], valuesOf(place, { app, mailbox, password })));
  show(product);
  return h('div.stack', h('div.field.form', h('label', { for: id }, 'Settings for'), h('select', { id, onchange: (e) => show(e.target.value) }, products.map((p) => h('option', { value: p.id, selected: p.id === product }, p.title)))), h('div', { 'aria-live': 'polite' }, box));
}
