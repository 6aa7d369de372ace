/* shell.js - what surrounds every page: menu, heading, the line that says when Postern is away, signing in again.
 *
 *   heading('Messages', { up: ['/mailboxes', 'Mailboxes'], note: 'one sentence', actions: [nodes], state: node })   begins each page
 *   section('Traffic', { id, actions, note }, ...children)      an h2 and what is under it, as a landmark with its name
 *   button('Retry', onclick, { kind: 'primary|danger|quiet', busy: 'Retrying …' })   disabled while its promise runs; what that
 *                                                               throws is shown in a toast
 *   link('/apps', 'Apps')      badge of a count      facts([['Size', node], ...])   a list of names and values; null is left out
 *   empty('Nothing is queued.', actions)             what a list says when there is nothing in it */
import { h, svg, fill, uid, announce } from '../dom.js';
import { session, post, del, can, Refused } from '../api.js';
import { dialog } from './dialog.js';
import { toast, toastFault } from './toast.js';

const menu = [
  ['/', 'Overview'], ['/mailboxes', 'Mailboxes'], ['/apps', 'Apps'], ['/messages', 'Messages'],
  ['/inbound', 'Inbound'], ['/doctor', 'Doctor'], ['/guides', 'Guides'], ['/settings', 'Settings'],
];

export const gate = () => svg('svg.gate', { viewBox: '0 0 32 32', 'aria-hidden': 'true' },
  svg('path', { d: 'M5 28V15a11 11 0 0 1 22 0v13h-6V15.500a5 5 0 0 0-10 0V28z' }),
  svg('path.door', { d: 'M11 28V15.500a5 5 0 0 1 7-4.600V28z' }));

function themeChoice() {
  const now = () => document.documentElement.dataset.theme ?? 'system';
  const choose = (event) => {
    const theme = event.target.value;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try { localStorage.setItem('theme', theme); } catch { /* then it holds for this visit */ }
  };
  const id = uid('theme');
  return h('div.theme', h('label', { for: id }, 'Appearance'),
    h('select', { id, onchange: choose }, ['system', 'light', 'dark'].map((t) => h('option', { value: t, selected: t === now() }, t[0].toUpperCase() + t.slice(1)))));
}

async function signOut() {
  await del('/session').catch(() => null);
  location.assign('/sign-in');
}

let drawn = null;

function build() {
  const list = h('ul', menu.map(([to, name]) => h('li', h('a', { href: to }, name))));
  const toggle = h('button.menu', { type: 'button', 'aria-expanded': 'false', 'aria-controls': 'menu' }, svg('svg.icon', { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: 'M2 4h12M2 8h12M2 12h12' })), 'Menu');
  const open = (is) => {
    toggle.setAttribute('aria-expanded', String(is));
    nav.classList.toggle('open', is);
  };
  toggle.addEventListener('click', () => open(toggle.getAttribute('aria-expanded') !== 'true'));
  const who = session.who;
  const nav = h('nav', { id: 'menu', 'aria-label': 'Pages' }, list, h('div.foot', themeChoice(),
    h('p.who', h('a', { href: `/settings/operators/${encodeURIComponent(who.name ?? '')}`, title: who.role === 'administrator' ? 'Administrator' : 'Read-only operator' }, who.name ?? ''), h('button.text', { type: 'button', onclick: signOut }, 'Sign out')),
    h('p.version', `Postern ${who.version ?? ''}`)));
  nav.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && nav.classList.contains('open')) { open(false); toggle.focus(); }
  });
  const banner = h('p.banner', { role: 'status', hidden: true });
  const bar = h('header.bar', h('a.brand', { href: '/' }, gate(), h('span', 'Postern')), toggle);
  return { root: [h('div.side', bar, nav), banner], list, banner, open, name: who.name };
}

/* `section`: the address of its menu entry, null for none of them, "" for a page without the menu. */
export function drawShell(section) {
  const shell = document.getElementById('shell');
  document.body.classList.toggle('bare', section === '');
  if (section === '') {
    shell.replaceChildren();
    drawn = null;
    return;
  }
  if (!drawn || drawn.name !== session.who.name) {
    drawn = build();
    fill(shell, drawn.root);
  }
  for (const a of drawn.list.querySelectorAll('a')) {
    if (a.getAttribute('href') === section) a.setAttribute('aria-current', location.pathname === section ? 'page' : 'true');
    else a.removeAttribute('aria-current');
  }
  drawn.open(false);
}

/* How the line to Postern is: said once, where it does not move the page. */
export function mark(state) {
  const texts = { offline: 'Postern does not answer. What you see may be old; this page tries again by itself.', restarting: 'A part of Postern is restarting. This page tries again by itself.' };
  if (state === 'ok' && drawn && !drawn.banner.hidden) announce('Postern answers again.');
  if (!drawn) return;
  drawn.banner.textContent = texts[state] ?? '';
  drawn.banner.hidden = state === 'ok';
}

export async function signInAgain() {
  const password = h('input', { id: 'again', type: 'password', autocomplete: 'current-password', required: true });
  const wrong = h('p.error', { role: 'alert', hidden: true });
  const name = session.who.name;
  if (!name) return false;
  const answer = await dialog({
    title: 'Sign in again',
    body: [h('p', `Your session has ended. Sign in as ${name} and what you were doing goes on.`), h('div.field', h('label', { for: 'again' }, 'Password'), password), wrong],
    actions: [['Cancel', false], ['Sign in', async () => {
      try {
        session.who = await post('/session', { name, password: password.value });
        return true;
      } catch (error) {
        wrong.textContent = error.message;
        wrong.hidden = false;
        password.select();
        return undefined;
      }
    }, 'primary']],
  });
  return answer === true;
}

/* A long address ends its line at the @ rather than anywhere. */
const breakable = (text) => text.split(/(?<=@)/).flatMap((part, i) => (i ? [h('wbr'), part] : [part]));

export function heading(title, { up, note, actions = [], state } = {}) {
  return h('header.page', up && h('p.up', h('a', { href: up[0] }, up[1])),
    h('div.line', h('h1', { tabindex: '-1' }, breakable(title)), state, h('div.actions', actions)), note && h('p.note', note));
}

export function section(title, ...rest) {
  const plain = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype;
  const { id = uid('part'), actions = [], note } = plain ? rest[0] : {};
  return h('section', { 'aria-labelledby': id }, h('div.line', h('h2', { id }, title), h('div.actions', actions)), note && h('p.note', note), plain ? rest.slice(1) : rest);
}

export function button(text, onclick, { kind = '', busy, type = 'button', ...rest } = {}) {
  const node = h('button', { type, class: kind, ...rest }, text);
  node.addEventListener('click', async (event) => {
    if (node.getAttribute('aria-disabled') === 'true' || !onclick) return;
    node.setAttribute('aria-disabled', 'true'); // not `disabled`: that would throw the focus away
    if (busy) node.textContent = busy;
    try {
      await onclick(event);
    } catch (error) {
      if (error.name !== 'AbortError') toastFault(error);
    } finally {
      node.removeAttribute('aria-disabled');
      if (busy) node.textContent = text;
    }
  });
  return node;
}

export const link = (to, text, attributes = {}) => h('a', { href: to, ...attributes }, text);

export function facts(rows) {
  return h('dl.facts', rows.filter((r) => r && r[1] !== null && r[1] !== undefined && r[1] !== '').map(([name, value]) => h('div', h('dt', name), h('dd', value))));
}

export const empty = (text, ...actions) => h('div.empty', h('p', text), actions.length > 0 && h('div.actions', actions));

export { can, toast, Refused };
