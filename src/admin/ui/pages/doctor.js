/* doctor.js - tests every mailbox and says what is wrong, root cause first; below, everything Postern can explain. */
import { h, fill, uid, debounce } from '../dom.js';
import { get, can, lines, path } from '../api.js';
import { heading, section, button, link, empty } from '../parts/shell.js';
import { finding, findings } from '../parts/finding.js';
import { stateIcon } from '../parts/state.js';
import { table } from '../parts/table.js';
import { progress } from '../parts/steps.js';
import { state } from '../parts/state.js';
import { mailboxList } from './mailboxes.js';
import { protocolNames, stepNames } from '../parts/trial.js';

const every = ['smtp', 'imap', 'pop3'];

async function tryOne(address, protocol, signal) {
  try {
    return await lines(path`/mailboxes/${address}/test`, { body: { protocol, send: false }, signal }) ?? { ok: false };
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    return { ok: false, findings: error.findings?.length ? error.findings : [{ id: '', seen: error.message, cause: error.title || 'The test could not be run', fix: [], who: '' }] };
  }
}

/* The first finding of a test is its root; the same root of several mailboxes is told once. What touches most comes first. */
function rootsOf(results) {
  const roots = new Map();
  for (const r of results.filter((one) => !one.ok)) {
    const f = r.findings?.[0] ?? { id: '', cause: 'The test ended without a finding.', fix: [] };
    const key = f.id || f.seen;
    if (!roots.has(key)) roots.set(key, { finding: f, follow: r.findings?.slice(1) ?? [], touched: [] });
    roots.get(key).touched.push(r);
  }
  return [...roots.values()].sort((a, b) => b.touched.length - a.touched.length);
}

const whom = (touched) => h('p.touched', 'Seen with ', touched.map((r, i) => [i > 0 && ', ', link(path`/mailboxes/${r.address}`, r.address), ` (${r.protocol.toUpperCase()})`]), '.');

function verdict(results) {
  const roots = rootsOf(results);
  const columns = [
    { name: 'Mailbox', main: true, cell: (r) => link(path`/mailboxes/${r.address}`, r.address), sort: (r) => r.address }, { name: 'Protocol', cell: (r) => protocolNames[r.protocol] },
    { name: 'Result', cell: (r) => state(r.ok ? 'good' : 'bad', r.ok ? 'works' : `stops at: ${stepNames[r.steps?.find((s) => !s.ok)?.step] ?? r.steps?.find((s) => !s.ok)?.step ?? 'the beginning'}`), sort: (r) => r.ok },
    { name: 'Time', end: true, cell: (r) => `${r.ms} ms`, sort: (r) => r.ms },
  ];
  return [roots.length === 0 ? h('p.state.good', stateIcon('good'), h('span', 'All that was tested works.')) : roots.map((root) => h('div.stack', findings([root.finding, ...root.follow]), whom(root.touched))),
    table({ caption: 'Tests', columns, rows: results, key: (r) => `${r.address} ${r.protocol}` }).node];
}

function tester(page, mailboxes) {
  const box = h('div.stack-wide', { 'aria-live': 'polite' }), name = uid('what');
  const checks = every.map((p) => h('label.check', h('input', { type: 'checkbox', name, value: p, checked: p === 'smtp' }), h('span', protocolNames[p])));
  const run = async () => {
    const chosen = checks.map((c) => c.firstChild).filter((b) => b.checked).map((b) => b.value);
    const work = mailboxes.filter((m) => !m.is_paused).flatMap((m) => (m.protocols.length ? m.protocols : every).filter((p) => chosen.includes(p)).map((protocol) => ({ address: m.address, protocol })));
    if (!work.length) return fill(box, h('p', 'There is nothing to test: choose a protocol that a mailbox has switched on.'));
    const bar = progress({ label: 'Tests', total: work.length }), results = [];
    fill(box, bar.node);
    const take = async () => {
      for (let next = work.shift(); next; next = work.shift()) {
        const began = performance.now();
        results.push({ ...next, ...(await tryOne(next.address, next.protocol, page.signal)), ms: Math.round(performance.now() - began) });
        bar.set(results.length, `${results.length} of ${results.length + work.length} tests, last ${next.address}`);
      }
    };
    await Promise.all([take(), take(), take()]);
    results.sort((a, b) => a.ok - b.ok || a.address.localeCompare(b.address));
    return fill(box, verdict(results));
  };
  return [h('fieldset.field', h('legend', 'What to test'), h('div.checks', checks)), h('div.actions', button('Test all mailboxes', run, { kind: 'primary', busy: 'Testing …' })), box];
}

function known(mailboxes) {
  const ill = mailboxes.filter((m) => m.grant_state?.findings?.length || ['held', 'needs-person'].includes(m.now));
  if (!ill.length) return h('p.state.good', stateIcon('good'), h('span', mailboxes.length ? 'No mailbox is in trouble.' : 'There is no mailbox yet.'));
  return ill.map((m) => h('div.stack', m.grant_state?.findings?.length ? findings(m.grant_state.findings) : finding({ cause: m.reason?.text ?? 'It needs a person.', seen: '', id: m.reason?.finding }), h('p.touched', 'Of ', link(path`/mailboxes/${m.address}`, m.address), '.')));
}

/* The texts are only drawn when they are opened: there are a few hundred. */
function book(items, page) {
  const id = uid('search'), count = h('p.help', { role: 'status' });
  const rows = items.map((f) => {
    const node = h('details.known', h('summary', h('code', f.id), ' ', h('span', f.cause)));
    node.addEventListener('toggle', () => { if (node.open && node.children.length === 1) node.append(finding(f)); });
    return { node, text: [f.id, f.cause, ...(f.fix ?? [])].join(' ').toLowerCase() };
  });
  let isAll = false;
  const every = button('Show all', () => { isAll = true; search(); });
  const search = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      row.node.hidden = words.length ? !words.every((w) => row.text.includes(w)) : !isAll;
      n += !row.node.hidden;
    }
    every.hidden = n === rows.length;
    count.textContent = words.length ? `${n} of ${rows.length} findings` : `${rows.length} findings: codes and words of servers, and of Postern itself`;
    page.set({ q: box.value });
  };
  const box = h('input', { id, type: 'search', value: page.query.get('q') ?? '', placeholder: '535 5.7.139, secret, redirect …', oninput: debounce(150, search) });
  search();
  return [h('div.field.form', h('label', { for: id }, 'Search'), box, count), h('div.book', rows.map((r) => r.node)), every, items.length === 0 && empty('No findings could be read.')];
}

export default async function (page) {
  page.title('Doctor');
  const [mailboxes, all] = await Promise.all([mailboxList(page.signal), get('/findings', { signal: page.signal })]);
  return [
    heading('Doctor', { note: 'What is wrong, why, and who can mend it. The tests sign in and end there; no mail is sent.' }),
    section('Known now', known(mailboxes)),
    can('operate') && mailboxes.length > 0 && section('Find out', tester(page, mailboxes)),
    section('Everything Postern can explain', book(all.items.sort((a, b) => a.id.localeCompare(b.id)), page)),
  ];
}
