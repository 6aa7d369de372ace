/* landing.js - where the browser comes back after a sign-in at the provider: says in plain words what came of it. Nobody has to be
 * signed in here; the address itself is the proof, and leaves the address bar at once. */
import { h, fill } from '../dom.js';
import { post, session } from '../api.js';
import { gate, button, link } from '../parts/shell.js';
import { problem } from '../parts/finding.js';
import { stateIcon } from '../parts/state.js';

const at = (address) => `/mailboxes/${encodeURIComponent(address)}`;

function good(result) {
  return [h('h1', 'Signed in'), h('p.state.good', stateIcon('good'), h('span', result.user ? `${result.address} is signed in as ${result.user}.` : `${result.address} is signed in.`)),
    h('p', 'It is in use from now on. You may close this page; where you began, it goes on by itself.'), session.who.signed_in && h('p', link(at(result.address), `To ${result.address}`))];
}

export default async function (page) {
  page.title('Sign-in');
  const redirected = location.href, box = h('div.stack', { 'aria-live': 'polite' });
  const brand = h('div.bare-brand', gate(), 'Postern');
  history.replaceState(history.state, '', location.pathname);
  if (!/[?&#](state|code|error)=/.test(redirected)) {
    return [brand, h('h1', 'Sign-in'), h('p', 'Sign-ins for mailboxes come back to this page. This one has been dealt with, or there was none; you may close the page.'), session.who.signed_in && h('p', link('/mailboxes', 'To the mailboxes'))];
  }
  const finish = async () => {
    try {
      fill(box, good(await post('/authorizations/land', { redirected })));
    } catch (error) {
      if (!error.kind) console.error(error);
      const mayPass = error.kind === 'offline' || error.kind === 'restarting';
      fill(box, h('h1', mayPass ? 'Not finished yet' : 'Not signed in'), problem(error, { level: 2 }), h('p', mayPass ? 'The sign-in itself is still good.' : 'Begin anew where you began: on the page of the mailbox, or with the link that was sent to you.'), mayPass && h('div.actions', button('Try again', finish, { kind: 'primary' })));
    }
  };
  await finish();
  return [brand, box];
}
