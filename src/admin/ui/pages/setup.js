/* setup.js - the first minute: the link's token, taken from the fragment and out of the address bar, makes an administrator. */
import { h } from '../dom.js';
import { post, session } from '../api.js';
import { gate } from '../parts/shell.js';
import { form } from '../parts/form.js';
import { stateIcon } from '../parts/state.js';
import { copyable } from '../parts/copy.js';

/* What the server will refuse; the commonest passwords are known to it alone. */
export const passwordRules = [
  ['At least 12 characters', (p) => [...p].length >= 12],
  ['Not your name', (p, name) => p !== '' && (name === '' || !p.toLowerCase().includes(name.toLowerCase()))],
];

export function rulesView() {
  const rows = passwordRules.map(([text]) => h('li', text));
  const list = h('ul.rules', { 'aria-label': 'Rules for the password' }, rows, h('li', stateIcon('off'), 'Not one of the common ones; this is checked when you go on'));
  return {
    node: list,
    show(password, name) {
      passwordRules.forEach(([text, holds], i) => {
        const is = holds(password, name);
        rows[i].replaceChildren(stateIcon(is ? 'good' : 'off'), text, h('span.unseen', is ? ' (kept)' : ' (not yet)'));
      });
    },
  };
}

export default async function (page) {
  page.title('Set up');
  const token = location.hash.slice(1);
  if (token) history.replaceState({ token }, '', '/setup');
  const kept = token || history.state?.token;
  const brand = h('div.bare-brand', gate(), 'Postern');
  if (!kept) {
    return [brand, h('h1', 'Set up Postern'), h('p', 'This page is opened by a link that Postern prints on its machine when it starts. To have a fresh one, run there:'),
      copyable('postern setup', 'command'), h('p.muted', 'The link works once, for 24 hours.'), h('p', h('a', { href: '/sign-in' }, 'Sign in instead'))];
  }
  const rules = rulesView();
  const f = form({
    fields: [
      { key: 'name', label: 'Your name', required: true, autocomplete: 'username', help: 'With it you sign in: a short name or your mail address.', autofocus: true },
      { key: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'new-password' },
      { type: 'node', node: rules.node },
      { key: 'again', label: 'The same password again', type: 'password', required: true, autocomplete: 'new-password' },
    ],
    label: 'Go on', busy: 'Setting up …',
    submit: async ({ name, password, again }) => {
      if (password !== again) throw Object.assign(new Error('The two passwords differ.'), { kind: 'refused', field: 'again', detail: 'The two passwords differ.' });
      session.who = await post('/setup', { token: kept, name, password });
      page.go('/mailboxes/new', { replace: true });
    },
  });
  const refresh = () => { const v = f.values(); rules.show(v.password, v.name); };
  f.node.addEventListener('input', refresh);
  refresh();
  return [brand, h('h1', 'Welcome'), h('p.muted', 'You make yourself the administrator of this Postern. Then a few steps connect the first mailbox.'), f.node];
}
