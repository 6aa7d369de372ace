/* main.js - where an address leads. It gets the session, draws the shell, and shows one page at a time.
 *
 * A page is a module in pages/ with a default export:
 *
 *   export default async function (page) { const data = await get(..., { signal: page.signal }); return [heading('Mailboxes'), ...]; }
 *
 * It returns a node, or a list of them, that begins with heading() of parts/shell.js (the h1 takes the focus). What it throws is
 * shown in its place, with a way to try again; while it loads, the page before stays. `page` has:
 *   params            the parts of the address, unescaped: { address }        query   URLSearchParams
 *   signal            ends when the page is left                              title(text)   of the window
 *   go(path, { replace })   to another page                                   reload()      this page anew, focus and scroll kept
 *   set({ state: 'held' })  writes the query without loading anything         onLeave(fn)
 *   every(seconds, fn)      runs while the page is there and can be seen      lost(error)   what its faults are given to
 *   load('settings_keys')   another module of pages/, for a part of this page */
import { h, fill, announce } from './dom.js';
import { session, loadSession, get, Refused } from './api.js';
import { drawShell, mark, signInAgain } from './parts/shell.js';
import { problem } from './parts/finding.js';

/* address, module, section of the menu ("" : without the menu) */
const routes = [
  ['/', 'overview', '/'],
  ['/mailboxes', 'mailboxes', '/mailboxes'],
  ['/mailboxes/new', 'wizard', '/mailboxes'],
  ['/mailboxes/:address', 'mailbox', '/mailboxes'],
  ['/apps', 'apps', '/apps'],
  ['/apps/:name', 'app', '/apps'],
  ['/messages', 'messages', '/messages'],
  ['/messages/:id', 'message', '/messages'],
  ['/inbound', 'inbound', '/inbound'],
  ['/inbound/new', 'endpoint', '/inbound'],
  ['/inbound/:id', 'inbound_item', '/inbound'],
  ['/endpoints/:name', 'endpoint', '/inbound'],
  ['/doctor', 'doctor', '/doctor'],
  ['/guides', 'guides', '/guides'],
  ['/guides/:topic', 'guide', '/guides'],
  ['/settings', 'settings', '/settings'],
  ['/settings/:part', 'settings', '/settings'],
  ['/settings/:part/:key', 'settings', '/settings'],
  ['/sign-in', 'signin', ''],
  ['/setup', 'setup', ''],
  ['/authorize/callback', 'landing', ''],
  ['/owner/:token', 'owner', ''],
];

const main = document.getElementById('main');
let current = null;
let hasMoved = false;

function find(address) {
  const parts = address.split('/');
  for (const [pattern, module, section] of routes) {
    const wanted = pattern.split('/');
    const params = {};
    if (wanted.length === parts.length && wanted.every((w, i) => (w.startsWith(':') ? parts[i] && (params[w.slice(1)] = decodeURIComponent(parts[i])) : w === parts[i]))) {
      return { module, section, params };
    }
  }
  return null;
}

class Page {
  constructor(found) {
    this.params = found.params;
    this.query = new URLSearchParams(location.search);
    this.at = location.pathname + location.search;
    this.left = new AbortController();
    this.signal = this.left.signal;
  }

  title(text) { document.title = text ? `${text} · Postern` : 'Postern'; }

  go(to, options) { go(to, options); }

  reload() { return show({ keep: true }); }

  load(module) { return moduleOf(module); }

  onLeave(fn) { this.signal.addEventListener('abort', fn); }

  set(values) {
    if (current !== this) return; // typed just before the page was left: the address is another's now
    for (const [name, value] of Object.entries(values)) {
      if (value === '' || value === null || value === undefined || value === false) this.query.delete(name);
      else this.query.set(name, value);
    }
    const text = this.query.toString();
    this.at = location.pathname + (text ? `?${text}` : '');
    history.replaceState(history.state, '', this.at);
  }

  /* What a fault of work in the background means: the end of the session leads to the sign-in, the banner tells of others. */
  lost(error) {
    if (this.signal.aborted || error.name === 'AbortError') return;
    if (error.kind === 'session' && this.hasTyped) this.signInHere();
    else if (error.kind === 'session') go(signInPath(), { replace: true });
    else if (!(error instanceof Refused)) console.error(error);
  }

  /* A half-filled form stays where it is. Asked once: who says no is asked again by what they do next. */
  signInHere() {
    if (!this.wasAsked) signInAgain();
    this.wasAsked = true;
  }

  every(seconds, fn) {
    let busy = false;
    const timer = setInterval(async () => {
      if (busy || document.hidden) return;
      busy = true;
      try { await fn(); } catch (error) { this.lost(error); }
      busy = false;
    }, seconds * 1000);
    this.onLeave(() => clearInterval(timer));
  }
}

/* A page whose part of Postern restarts is shown by itself once it is back. */
function showFault(page, error) {
  const view = problem(error, { retry: () => (error.isStuck ? location.reload() : page.reload()), level: 1 });
  fill(main, h('div.narrow', view));
  page.title(error.kind === 'missing' ? 'Not found' : 'Trouble');
  if (error.kind === 'offline' || error.kind === 'restarting') page.every(3, () => (error.isStuck ? loadSession().then(() => location.reload()) : page.reload()));
}

/* What had the focus, found again in a page that was drawn anew. */
function sameAs(node) {
  if (!main.contains(node)) return () => null;
  const [tag, name, text] = [node.tagName, node.name, node.textContent];
  return () => [...main.querySelectorAll(tag)].find((n) => n.name === name && (n.textContent === text || name)) ?? main.querySelector('h1');
}

function settle(keep, focused) {
  main.removeAttribute('aria-busy');
  if (keep) {
    focused()?.focus({ preventScroll: true });
    return;
  }
  const heading = main.querySelector('h1');
  const first = main.querySelector('[data-first]');
  heading?.setAttribute('tabindex', '-1');
  if (first || hasMoved) (first ?? heading ?? main).focus({ preventScroll: true }); // the first page begins at its top
  hasMoved = true;
  window.scrollTo(0, history.state?.scroll ?? 0);
  if (history.state?.scroll === undefined) showPart();
  announce(document.title);
}

/* "#test" leads to that part of a page. */
function showPart() {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  if (!part || !main.contains(part)) return;
  part.setAttribute('tabindex', '-1');
  part.focus({ preventScroll: true });
  part.scrollIntoView();
}

/* Postern was replaced by another version, which has another console: the address comes from that one. */
function startAnew() {
  location.reload();
  return new Promise(() => null);
}

async function moduleOf(name) {
  try {
    return await import(`./pages/${name}.js`);
  } catch (error) {
    console.warn(error); // a file that did not come is not asked for again before the whole page is
    const away = await get('/session', { impatient: true }).then(() => null, (e) => e);
    if (!away && hasMoved) return startAnew();
    throw Object.assign(away ?? new Refused(500, { title: 'This page did not come', detail: 'Its file could not be loaded from Postern.' }), { isStuck: true });
  }
}

async function show({ keep = false } = {}) {
  const found = find(location.pathname);
  const page = new Page(found ?? { params: {} });
  const before = current, focused = sameAs(document.activeElement);
  current = page;
  main.setAttribute('aria-busy', 'true');
  const needsSession = found?.section !== '';
  try {
    if (needsSession && !session.who.signed_in) return go(signInPath(), { replace: true });
    if (!found) throw new Refused(404, { title: 'There is no such page', detail: `Nothing is at ${location.pathname}.` });
    const { default: render } = await moduleOf(found.module);
    const nodes = await render(page);
    if (current !== page) return page.left.abort();
    before?.left.abort();
    drawShell(found.section);
    fill(main, nodes);
  } catch (error) {
    if (current !== page || error.name === 'AbortError') return page.left.abort();
    before?.left.abort();
    if (error.kind === 'session') return go(signInPath(), { replace: true });
    if (!(error instanceof Refused)) console.error(error);
    if (needsSession) drawShell(found?.section ?? null);
    showFault(page, error);
  }
  settle(keep, focused);
}

const signInPath = () => (session.who.setup && !session.who.signed_in ? '/setup' : `/sign-in?back=${encodeURIComponent(location.pathname + location.search)}`);

export function go(to, { replace = false } = {}) {
  if (!replace) history.replaceState({ ...history.state, scroll: window.scrollY }, '');
  history[replace ? 'replaceState' : 'pushState']({}, '', to);
  return show();
}

function isOurs(link) {
  const url = new URL(link.href);
  return url.origin === location.origin && !link.target && !link.hasAttribute('download') && !/^\/(api|ui|raw|signin|metrics|health)\b/.test(url.pathname);
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || !isOurs(link)) return;
  const url = new URL(link.href);
  if (url.hash && url.pathname === location.pathname && url.search === location.search) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
});
window.addEventListener('popstate', () => {
  if (current?.at === location.pathname + location.search) showPart(); // another part of the same page: what is typed there stays
  else show();
});
if ('scrollRestoration' in history) history.scrollRestoration = 'manual';

/* A change that meets the end of the session asks for the password on the spot: what was typed stays. A read goes to the page. */
session.renew = async (method) => {
  if (method === 'GET') {
    session.who = { signed_in: false, rights: [], name: session.who.name };
    return false;
  }
  const { who } = session;
  const now = await loadSession();
  if (now.signed_in) return false; // 401 spoke of another password, such as the present one where a new one is set
  session.who = { ...now, name: who.name };
  return signInAgain();
};
main.addEventListener('input', (event) => { if (current && event.target.closest('form')) current.hasTyped = true; });
session.watchers.add(mark);

async function begin() {
  const found = find(location.pathname);
  if (found) moduleOf(found.module).catch(() => null); // comes while the session is asked for
  try {
    await loadSession();
  } catch (error) {
    fill(main, h('div.narrow', problem(error, { retry: begin, level: 1 })));
    main.removeAttribute('aria-busy');
    if (error.kind === 'offline' || error.kind === 'restarting') setTimeout(begin, 3000);
    return;
  }
  await show();
}
begin();
