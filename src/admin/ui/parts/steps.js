/* steps.js - work that is told as it happens, such as a test: each step with its time and the server's own words.
 *
 *   const s = steps({ label: 'Test of a@b', names: { 'sign-in': 'Signed in' }, failed: { 'sign-in': 'Not signed in' } });    s.node
 *   s.add({ step, ok, ms, seen })      a step that ended        s.doing('Waiting for the server')    what goes on now
 *   s.end({ ok, findings, steps })     the verdict              s.fail(error)
 *   runSteps(s, path, body, signal)    all of it for a stream of POST path (mailbox or endpoint test); returns the last object
 *   progress({ label, total })         { node, set(done, text) } for bulk work */
import { h, fill } from '../dom.js';
import { lines } from '../api.js';
import { stateIcon } from './state.js';
import { findings, problem } from './finding.js';
import { exactText } from './time.js';

const usual = {
  dns: 'Name found', name: 'Name found', resolve: 'Name found', connect: 'Connected', tls: 'Secure connection', starttls: 'Secure connection', certificate: 'Certificate', greeting: 'Greeting',
  token: 'Token from Microsoft', claims: 'What the token says', 'sign-in': 'Signed in', auth: 'Signed in', login: 'Signed in', sender: 'Sender accepted', mail: 'Sender accepted', rcpt: 'Recipient accepted', recipient: 'Recipient accepted',
  data: 'Message accepted', message: 'Message accepted', send: 'Message accepted', folder: 'Folder opened', select: 'Folder opened', list: 'Messages listed', fetch: 'Message read', post: 'Posted', run: 'Program run', write: 'Written',
};
const sentence = (text) => usual[text] ?? text.charAt(0).toUpperCase() + text.slice(1).replaceAll(/[-_]/g, ' ');
/* Of ourselves, in the reader's zone; what a server said stays as it is. */
const seenOf = (s) => (/^token/.test(s.step) ? s.seen.replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, exactText) : s.seen);
const ms = (n) => (n >= 10000 ? `${(n / 1000).toFixed(0)} s` : n >= 1000 ? `${(n / 1000).toFixed(1)} s` : `${Math.round(n)} ms`);

export function steps({ label, names = {}, failed = {} }) {
  const list = h('ol.steps', { 'aria-label': label });
  const now = h('p.now', { hidden: true });
  const verdict = h('div.verdict');
  const node = h('div.live', { role: 'group', 'aria-label': label }, h('div', { 'aria-live': 'polite', 'aria-relevant': 'additions' }, list), now, h('div', { 'aria-live': 'polite' }, verdict));
  const add = (s) => {
    list.append(h('li', stateIcon(s.ok ? 'good' : 'bad'), h('div', h('p.name', (s.ok ? null : failed[s.step]) ?? names[s.step] ?? sentence(s.step), h('span.unseen', s.ok ? ': good' : ': failed')), s.seen && h('p.seen', seenOf(s))), Number.isFinite(s.ms) && h('span.ms', ms(s.ms))));
  };
  const doing = (text) => {
    now.hidden = !text;
    fill(now, stateIcon('busy'), text);
  };
  return {
    node, add, doing,
    end(result) {
      doing('');
      for (const s of (result.steps ?? []).slice(list.children.length)) add(s);
      fill(verdict, result.ok ? h('p.state.good', stateIcon('good'), h('span', 'All of it works.')) : result.findings?.length ? findings(result.findings) : problem({ kind: 'refused', ...result }));
    },
    fail(error) {
      doing('');
      fill(verdict, problem(error));
    },
  };
}

export async function runSteps(view, path, body, signal) {
  view.doing('Working …');
  try {
    const last = await lines(path, { body, signal }, (line) => { if (line.step) view.add(line); });
    view.end(last ?? { ok: false });
    return last;
  } catch (error) {
    if (error.name !== 'AbortError') view.fail(error);
    return null;
  }
}

export function progress({ label, total }) {
  const bar = h('progress', total ? { max: total, value: 0, 'aria-label': label } : { 'aria-label': label });
  const words = h('p', { role: 'status' }, label);
  return { node: h('div.progress', words, bar), set(done, text) { if (total) bar.value = done; words.textContent = text ?? `${label}: ${done} of ${total}`; } };
}
