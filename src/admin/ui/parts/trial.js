/* trial.js - the test of a mailbox: which protocols, whom to write to, and each step as it happens.
 *   trialView(page, address, { protocols, done })    done(isGood) after each run
 *   stepNames                                        what the steps are called */
import { h, fill, uid } from '../dom.js';
import { path } from '../api.js';
import { button } from './shell.js';
import { steps, runSteps } from './steps.js';

export const stepNames = {
  name: 'Name found', connection: 'Connected', greeting: 'Greeting', tls: 'Secure connection and certificate', token: 'Token', 'token-says': 'What the token says', 'sign-in': 'Signed in', sender: 'Sender accepted',
  recipient: 'Recipient accepted', message: 'Message accepted', folder: 'Folder opened', list: 'Messages counted',
};
const failedNames = {
  name: 'Name not found', connection: 'Not connected', greeting: 'No good greeting', tls: 'No secure connection', token: 'No token', 'sign-in': 'Not signed in', sender: 'Sender refused', recipient: 'Recipient refused',
  message: 'Message refused', folder: 'Folder not opened', list: 'Messages not counted',
};
export const protocolNames = { smtp: 'SMTP (sending)', imap: 'IMAP (reading)', pop3: 'POP3 (reading)' };

const remember = (address, to) => { try { localStorage.setItem(`test:${address}`, to); } catch { /* then it is typed again */ } };
const remembered = (address) => { try { return localStorage.getItem(`test:${address}`) ?? ''; } catch { return ''; } };

export function trialView(page, address, { protocols = ['smtp', 'imap', 'pop3'], chosen = protocols.slice(0, 1), done = () => {} } = {}) {
  const to = uid('to'), results = h('div.stack-wide.trial');
  const recipient = h('input', { id: to, type: 'email', value: remembered(address), placeholder: 'you@example.org', autocomplete: 'email', 'aria-describedby': `${to}-help` });
  const boxes = protocols.map((p) => h('input', { type: 'checkbox', value: p, checked: chosen.includes(p) }));
  const run = async () => {
    const wanted = boxes.filter((b) => b.checked).map((b) => b.value);
    let isGood = wanted.length > 0;
    results.replaceChildren();
    remember(address, recipient.value);
    for (const protocol of wanted) {
      const view = steps({ label: `${protocolNames[protocol]} of ${address}`, names: stepNames, failed: failedNames });
      results.append(h('div', h('h3', protocolNames[protocol]), view.node));
      const sends = protocol === 'smtp' && recipient.value.trim() !== '';
      const last = await runSteps(view, path`/mailboxes/${address}/test`, { protocol, send: sends, ...(sends && { to: recipient.value.trim() }) }, page.signal);
      isGood = isGood && last?.ok === true;
    }
    if (!wanted.length) fill(results, h('p', 'Choose at least one.'));
    done(isGood, wanted);
  };
  return h('div.stack', h('div.stack.form', h('fieldset.field', h('legend', 'What to test'), h('div.checks', boxes.map((b) => h('label.check', b, h('span', protocolNames[b.value]))))),
    h('div.field', h('label', { for: to }, 'Test address'), recipient, h('p.help', { id: `${to}-help` }, 'A short message is sent there. Empty: only the sign-in is tried.')),
    h('div.actions', button('Test', run, { kind: 'primary', busy: 'Testing …' }))), results);
}
