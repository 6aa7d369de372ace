/* authorize.js - somebody signs in for a mailbox, in whichever way they can. What is under way outlives a reload.
 *   authorizeView(page, { mailbox, registration, place, done, chosen })     done(result) once the grant is stored
 *   isUnderWay(address)                    one that was begun in this window, before a reload
 *   waysOf(mailbox, registration)          the ways that can work: [['console', 'Here, in this browser', help], ...] */
import { h, fill, uid } from '../dom.js';
import { get, post, put, path } from '../api.js';
import { button } from './shell.js';
import { copyable, copyButton } from './copy.js';
import { problem } from './finding.js';
import { stateIcon } from './state.js';
import { form } from './form.js';
import { exact, duration } from './time.js';

const all = {
  console: ['In this browser', 'You sign in at Microsoft and come back here. The redirect URI of this console must be registered.'],
  device: ['With a code, on any device', 'You enter a short code at Microsoft, on a phone or another computer. The registration must allow public client flows.'],
  owner: ['By the mailbox’s owner', 'You send a link. It works once, and only for this mailbox.'],
  paste: ['In this browser, pasted back', 'The sign-in ends on http://localhost, on a page that does not open; you paste its address here.'],
  nativeclient: ['Over Microsoft’s own page', 'As above, with Microsoft’s nativeclient page: for registrations of a native app.'],
};

export function waysOf(mailbox, registration) {
  const isPublic = registration?.credential === 'none';
  const order = isPublic ? ['device', 'console', 'owner', 'paste', 'nativeclient'] : ['console', 'owner', 'paste', 'device', 'nativeclient'];
  if (mailbox.grant === 'device') order.sort((a, b) => (b === 'device') - (a === 'device'));
  return order.map((way) => [way, ...all[way]]);
}

const keyOf = (address) => `authorize:${address}`;
function keep(address, started) {
  try { if (started) sessionStorage.setItem(keyOf(address), JSON.stringify(started)); else sessionStorage.removeItem(keyOf(address)); } catch { /* then a reload begins anew */ }
}
function kept(address) {
  try {
    const started = JSON.parse(sessionStorage.getItem(keyOf(address)));
    return started?.ends > Date.now() ? started : null;
  } catch {
    return null;
  }
}

export const isUnderWay = (address) => kept(address) !== null;

const opener = (url, text) => h('a.button.primary', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text);

function countdown(page, ends) {
  const node = h('span');
  const tell = () => { node.textContent = ends > Date.now() ? `for ${duration((ends - Date.now()) / 1000)} more` : 'its time is over'; };
  tell();
  page.every(1, tell);
  return node;
}

function waiting(page, text, ends) {
  return h('p.now', stateIcon('busy'), h('span', text, ' ', countdown(page, ends)));
}

const shown = {
  console: (page, s) => [h('p', 'Sign in there; this page notices by itself.'), h('div.actions', opener(s.url, 'Open the sign-in page')), waiting(page, 'Waiting for the sign-in,', s.ends)],
  device: (page, s) => [h('ol.fix', h('li', 'On any device, open ', h('a', { href: s.url, target: '_blank', rel: 'noopener noreferrer' }, s.url)), h('li', 'Enter this code and sign in:')),
    h('p.code', h('span.big', { 'aria-label': `Code: ${[...s.code].join(' ')}` }, s.code), copyButton(() => s.code, 'code')), waiting(page, 'Waiting for the sign-in,', s.ends)],
  paste: (page, s, finish) => {
    const f = form({
      fields: [{ key: 'redirected', label: 'Address of that page', type: 'area', rows: 3, required: true, placeholder: `${s.redirect_uri}?code=…&state=…`, help: 'All of it, as it stands in the address bar.' }],
      label: 'Finish', busy: 'Checking …', submit: async (v) => finish(v.redirected.trim()),
    });
    return [h('ol.fix', h('li', opener(s.url, 'Open the sign-in page'), ' and sign in.'), h('li', 'The browser ends on a page that can’t be shown: that is as it should be. Copy its whole address.'), h('li', 'Paste it here.')), f.node];
  },
};

/* Also used by the owner's page: `ask` starts and waits its own way. */
export function signInView(page, { address, ask, done, started = null, again, trouble }) {
  const box = h('div.stack', { role: 'group', 'aria-label': 'Sign-in under way' });
  const over = new AbortController(); // once: what was pasted and what was waited for tell of the same end
  page.onLeave(() => over.abort());
  const end = (result) => {
    if (over.signal.aborted) return;
    over.abort();
    keep(address, null);
    fill(box, h('p.state.good', { role: 'status' }, stateIcon('good'), h('span', result.user ? `${result.address} is signed in as ${result.user}.` : `${result.address} is signed in.`)));
    done(result);
  };
  const fail = (error) => {
    if (error.name === 'AbortError' || over.signal.aborted) return;
    if (!error.kind) console.error(error);
    over.abort();
    keep(address, null);
    fill(box, h('div', { role: 'alert' }, problem(error)), h('div.actions', button('Try again', again, { kind: 'primary' })));
    trouble?.(error);
  };
  const finish = async (redirected) => end(await post(path`/authorizations/${started.id}/finish`, { redirected }));
  const run = async () => {
    if (started.url) fill(box, shown[started.method === 'nativeclient' ? 'paste' : started.method](page, started, finish), h('div.actions', button('Another way', () => { over.abort(); keep(address, null); again(); })));
    else fill(box, h('p.now', stateIcon('busy'), started.message ?? 'Asking for a token …'));
    for (;;) {
      try {
        return end(await ask.wait(started.id, over.signal));
      } catch (error) {
        if (error.kind !== 'offline' && error.kind !== 'restarting' || started.ends < Date.now()) return fail(error);
      }
    }
  };
  const begin = async () => {
    if (!started) {
      fill(box, h('p.now', stateIcon('busy'), 'Preparing …'));
      try {
        started = await ask.start();
      } catch (error) {
        fail(error);
        return;
      }
      started.ends = Date.now() + started.expires_in * 1000;
      keep(address, started);
    }
    run();
  };
  begin();
  return box;
}

async function linkView(page, mailbox, done, again) {
  const link = await post(path`/mailboxes/${mailbox.address}/owner-link`, {});
  const before = mailbox.grant_state?.since ?? '';
  const mail = `mailto:${encodeURIComponent(mailbox.user || mailbox.address)}?${new URLSearchParams({ subject: `Please sign in ${mailbox.address}`, body: `Please open this link and sign in as ${mailbox.user || mailbox.address}:\n\n${link.url}\n\nThe link works once.` }).toString().replaceAll('+', '%20')}`;
  const box = h('div.stack', h('p', 'Send this link to whoever may sign in as ', h('strong', mailbox.user || mailbox.address), '. It needs no account here, works once, and ends ', exact(link.ends), '. An earlier link of this mailbox no longer works.'),
    copyable(link.url, 'link'), /^https?:\/\/(127\.|\[::1\]|localhost)/.test(link.url) && h('p.state.person', stateIcon('person'), h('span', 'This address can be opened on this machine only. For others set console.public-url in the configuration, then reload.')), h('div.actions', h('a.button', { href: mail }, 'Write a mail with it'), button('Another way', again)), h('p.now', stateIcon('busy'), 'This page notices when the sign-in is done; you need not wait for it.'));
  page.every(4, async () => {
    const grant = await get(path`/mailboxes/${mailbox.address}/grant`, { signal: page.signal });
    if (grant.state !== 'ok' || (grant.since ?? '') === before || !box.isConnected) return;
    fill(box, h('p.state.good', { role: 'status' }, stateIcon('good'), h('span', `${mailbox.address} is signed in as ${grant.user}.`)));
    done({ address: mailbox.address, user: grant.user });
  });
  return box;
}

function passwordView(mailbox, done) {
  const f = form({
    fields: [{ key: 'password', label: `Password of ${mailbox.user || mailbox.address}`, type: 'password', required: true, autocomplete: 'off', help: 'Kept sealed; nobody can read it back.' }], label: 'Keep it',
    submit: async (v) => {
      await put(path`/mailboxes/${mailbox.address}/password`, v);
      fill(f.node, h('p.state.good', { role: 'status' }, stateIcon('good'), h('span', 'The password is kept, and used from now on.')));
      done({ address: mailbox.address, user: mailbox.user || mailbox.address });
    },
  });
  return f.node;
}

export function authorizeView(page, { mailbox, registration, place, done, chosen }) {
  if (mailbox.grant === 'basic') return passwordView(mailbox, done);
  if (mailbox.grant === 'none') return h('p', 'The server of this mailbox asks nobody to sign in: there is nothing to do here.');
  const { address } = mailbox;
  const node = h('div.stack');
  const start = (method) => ({ start: async () => ({ ...(await post(path`/mailboxes/${address}/authorize`, { method })), method }), wait: (id, signal) => get(path`/authorizations/${id}/wait`, { signal }) });
  const choose = () => fill(node, choice());
  const view = (method, started) => fill(node, signInView(page, { address, ask: start(method), done, started, again: choose }));
  const go = async (method) => {
    if (method !== 'owner') view(method);
    else fill(node, await linkView(page, mailbox, done, choose));
  };
  function choice() {
    if (mailbox.grant === 'app') return [h('p', 'The registration signs in by itself; nobody has to. Here you see at once whether Entra gives it a token.'), h('div.actions', button('Get a token now', () => go(''), { kind: 'primary' }))];
    const name = uid('way'), ways = waysOf(mailbox, registration), first = chosen && all[chosen] ? chosen : ways[0][0];
    const picked = () => node.querySelector(`input[name="${name}"]:checked`).value;
    const note = h('div');
    const tell = () => {
      const way = picked(), uri = { console: place.callback, owner: place.callback, paste: 'http://localhost', nativeclient: 'https://login.microsoftonline.com/common/oauth2/nativeclient' }[way];
      fill(note, uri && [h('p.help', `Must be a redirect URI of the registration${registration?.credential === 'none' ? ' (Mobile and desktop applications)' : ' (Web)'}:`), copyable(uri, 'redirect URI')]);
    };
    const rows = ways.map(([way, text, help]) => h('label.check', h('input', { type: 'radio', name, value: way, checked: way === first, onchange: tell }), h('span', text, h('span.help', help))));
    queueMicrotask(tell);
    return [h('p', 'Sign in as ', h('strong', mailbox.user || address), mailbox.user && [', who may use ', address], '.'), h('fieldset.field', h('legend', 'How'), h('div.checks', rows)), note, h('div.actions', button('Authorize', () => go(picked()), { kind: 'primary' }))];
  }
  const under = kept(address);
  if (under && mailbox.grant !== 'app') view(under.method, under);
  else choose();
  return node;
}
