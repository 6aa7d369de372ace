/* owner.js - the page behind a link that an administrator sent: the owner of a mailbox, who is nobody here, signs it in. */
import { h, fill } from '../dom.js';
import { post } from '../api.js';
import { gate, button } from '../parts/shell.js';
import { problem } from '../parts/finding.js';
import { exact } from '../parts/time.js';
import { signInView } from '../parts/authorize.js';

export default async function (page) {
  page.title('Sign in a mailbox');
  const { token } = page.params, brand = h('div.bare-brand', gate(), 'Postern');
  let mailbox;
  try {
    mailbox = await post('/owner/look', { token });
  } catch (error) {
    if (error.kind === 'offline' || error.kind === 'restarting' || error.name === 'AbortError') throw error;
    return [brand, h('h1', 'This link is not in force'), problem(error, { level: 2 })];
  }
  const { address, user } = mailbox, box = h('div.stack');
  const done = () => fill(box, h('h2', 'Thank you'), h('p', `${address} is signed in. You may close this page.`));
  const begin = (method) => fill(box, signInView(page, {
    address, done, again: choose,
    ask: { start: async () => ({ ...(await post('/owner/start', { token, method })), method }), wait: (id, signal) => post('/owner/wait', { token, id }, { signal }) },
  }));
  function choose() {
    const ways = [['console', 'Sign in in this browser'], ['device', 'Use a code on another device']];
    if (mailbox.grant === 'device') ways.reverse();
    fill(box, h('div.actions', ways.map(([method, text], i) => button(text, () => begin(method), { kind: i ? '' : 'primary' }))));
  }
  choose();
  return [brand, h('h1', `Sign in ${address}`), h('p', 'A program sends or reads mail through this mailbox. For that Microsoft needs to hear once from ', h('strong', user), ' that it may. Postern never sees your password; it keeps the permission, sealed, and you can withdraw it at Microsoft at any time.'),
    user !== address && h('p', `You sign in as ${user}, who may use ${address}.`), box, h('p.help', 'This link works until ', exact(mailbox.ends), ', or until the sign-in is done.')];
}
