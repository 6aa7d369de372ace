/* signin.js - a name and a password, or Microsoft. Where somebody was going, they are taken afterwards. */
import { h, uid } from '../dom.js';
import { get, post, session } from '../api.js';
import { button, gate } from '../parts/shell.js';
import { stateIcon } from '../parts/state.js';

/* Only a path of ours: "//elsewhere" and "/\elsewhere" lead away. */
export const backOf = (text) => (/^\/(?![/\\])/.test(text ?? '') && !/^\/(sign-in|setup)\b/.test(text) ? text : '/');

export default async function (page) {
  page.title('Sign in');
  session.who = await get('/session');
  const back = backOf(page.query.get('back'));
  if (session.who.signed_in) {
    page.go(back, { replace: true });
    return [];
  }
  const wrong = h('p.error', { role: 'alert', id: uid('wrong'), hidden: true });
  const name = h('input#name', { name: 'name', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true, 'data-first': true });
  const password = h('input#password', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const go = button('Sign in', null, { type: 'submit', kind: 'primary' });
  const say = (text, field) => {
    wrong.replaceChildren(stateIcon('bad'), text);
    wrong.hidden = false;
    field?.focus();
    field?.select?.();
  };
  if (page.query.get('refused')) say(page.query.get('refused') === 'unknown' ? 'Microsoft knows you, but this Postern does not: ask its administrator.' : 'The sign-in with Microsoft did not succeed.');

  async function submit(event) {
    event.preventDefault();
    wrong.hidden = true;
    if (!name.value) return say('Enter your name.', name);
    if (!password.value) return say('Enter your password.', password);
    go.textContent = 'Signing in …';
    try {
      session.who = await post('/session', { name: name.value.trim(), password: password.value });
      return page.go(back, { replace: true });
    } catch (error) {
      const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : '';
      return say(error.kind === 'throttled' ? `Too many tries.${wait}` : error.message, password);
    } finally {
      go.textContent = 'Sign in';
    }
  }

  return [
    h('div.bare-brand', gate(), 'Postern'),
    h('h1', 'Sign in'),
    h('form', { onsubmit: submit, novalidate: true },
      h('div.field', h('label', { for: 'name' }, 'Name'), name),
      h('div.field', h('label', { for: 'password' }, 'Password'), password),
      wrong, h('div.actions', go)),
    session.who.entra && h('div', h('p.or', 'or'), h('a.button', { href: `/signin/entra?back=${encodeURIComponent(back)}`, target: '_self' }, 'Sign in with Microsoft')),
    session.who.setup && h('p', h('a', { href: '/setup' }, 'Nobody can sign in yet: set Postern up')),
    h('p.help', 'Forgotten the password? On the machine, ', h('code', 'postern setup'), ' prints a link that sets a new one.'),
  ];
}
