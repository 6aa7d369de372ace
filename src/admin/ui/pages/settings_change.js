/* settings_change.js - who changed what; and all objects as one document, to take away or to apply. */
import { h, fill } from '../dom.js';
import { get, post, can, path, query, tagOf } from '../api.js';
import { section, button, link } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { form } from '../parts/form.js';
import { confirm } from '../parts/dialog.js';
import { exact } from '../parts/time.js';
import { problem } from '../parts/finding.js';
import { toast } from '../parts/toast.js';

const text = (v) => (v === null || v === undefined || v === '' || v?.length === 0 ? '(empty)' : Array.isArray(v) ? v.map(text).join(', ') : typeof v === 'object' ? JSON.stringify(v) : String(v));

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isUsual = (v) => !v || v.length === 0 || v === 'default';

/* smtp: [{ port: 25 }, { port: 587 }] is told as "smtp.port: 25 → 587"; of what is new only what somebody chose. */
function flat(name, before, after) {
  if (isObject(before) || isObject(after)) return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].flatMap((k) => flat(`${name}.${k}`, before?.[k], after?.[k]));
  if (JSON.stringify(before) === JSON.stringify(after) || (isUsual(before) && isUsual(after))) return [];
  return [[name, before === null || before === undefined ? text(after) : `${text(before)} → ${text(after)}`]];
}

/* { field: [before, after] }; of messages { ids, count }. */
function fieldChanges(changes) {
  if (changes?.count) return h('span.sub', `${changes.count}: ${changes.ids.slice(0, 5).join(', ')}${changes.count > 5 ? ' …' : ''}`);
  return Object.entries(changes ?? {}).flatMap(([name, v]) => (Array.isArray(v) && v.length === 2 ? flat(name, v[0], v[1]) : [[name, text(v)]])).map(([name, words]) => h('span.sub', h('span.mono', name), `: ${words}`));
}

async function audit(page) {
  const value = (n) => page.query.get(n) ?? '';
  const load = (cursor) => get(`/audit${query({ who: value('who'), kind: value('kind'), key: value('key'), limit: 50, cursor })}`, { signal: page.signal });
  let answer = await load(null);
  const list = table({
    caption: 'Changes and sign-ins, newest first', key: (a) => a.id ?? `${a.time}${a.action}${a.key}`, rows: answer.items, empty: 'Nothing fits.',
    columns: [
      { name: 'What', main: true, text: (a) => a.action, cell: (a) => [a.action, ' ', [a.kind, a.key].filter(Boolean).join(' ')] }, { name: 'Who', cell: (a) => [a.who?.name ?? a.who, a.who?.host && h('span.sub', a.who.host)] },
      { name: 'Changes', wide: true, cell: (a) => { const list = fieldChanges(a.changes); return list.length === 0 ? null : list; } }, { name: 'When', cell: (a) => exact(a.time) },
    ],
    more: async () => { answer = await load(answer.next); return { rows: answer.items, done: !answer.next }; },
  });
  list.set(answer.items, { done: !answer.next });
  const kinds = ['', 'provider', 'registration', 'mailbox', 'app', 'endpoint', 'operator', 'key', 'session', 'message'];
  const again = () => page.reload();
  const field = (name, label) => h('div', h('label', { for: `f-${name}` }, label), h('input', { id: `f-${name}`, type: 'search', value: value(name), autocomplete: 'off', onchange: (e) => { page.set({ [name]: e.target.value.trim() }); again(); } }));
  return [section('Audit', { note: 'Every change and every sign-in, without secrets.' }, h('div.filter', { role: 'search', 'aria-label': 'Audit' }, field('who', 'Who'),
    h('div', h('label', { for: 'f-kind' }, 'Kind'), h('select', { id: 'f-kind', onchange: (e) => { page.set({ kind: e.target.value }); again(); } }, kinds.map((k) => h('option', { value: k, selected: k === value('kind') }, k || 'any')))), field('key', 'Name')), list.node)];
}

const words = { create: 'Add', add: 'Add', update: 'Change', change: 'Change', remove: 'Remove', delete: 'Remove' };

const pageOf = { registration: '/settings/registrations', mailbox: '/mailboxes', app: '/apps', endpoint: '/endpoints', operator: '/settings/operators', key: '/settings/keys' };

/* No document holds them; each is given on its object's page. */
function secretsView(d) {
  const list = d.secrets_needed ?? [];
  return list.length > 0 && h('div', h('p', 'These have to be given a secret afterwards:'), h('ul.notes', list.map((s) => h('li', `${s.kind} `, link(pageOf[s.kind] + path`/${s.key}`, s.key), s.what && `: ${s.what.replaceAll('_', ' ')}`))));
}

function difference(d) {
  const list = table({
    caption: 'What would change', rows: d.changes, key: (c) => `${c.kind} ${c.key}`, empty: 'Nothing would change: everything is like that already.',
    columns: [{ name: 'Object', main: true, cell: (c) => `${c.kind} ${c.key}` }, { name: 'Change', cell: (c) => words[c.action] ?? c.action }, { name: 'Fields', wide: true, cell: (c) => fieldChanges(Array.isArray(c.fields) ? Object.fromEntries(c.fields.map((f) => [f.field ?? f, [f.old ?? f.from, f.new ?? f.to]])) : c.fields) }],
  });
  return [list.node, secretsView(d)];
}

function applyForm(page) {
  const shown = h('div', { 'aria-live': 'polite' });
  const send = (document, { dry, prune, tag }) => post(`/apply${query({ dry_run: dry && 1, prune: prune && 1 })}`, new Blob([document], { type: 'application/yaml' }), { tag, headers: { 'Content-Type': 'application/yaml' } });
  const f = form({
    fields: [{ key: 'file', label: 'File', type: 'file', accept: '.yaml,.yml,.json', help: 'Or paste it below.' }, { key: 'document', label: 'Document', type: 'area', rows: 10 }, { key: 'prune', label: 'Remove what is not in it', type: 'flag', help: 'Otherwise what the document does not name stays as it is.' }],
    label: 'Show what would change', busy: 'Comparing …',
    submit: async ({ file, document, prune }) => {
      const source = file || document;
      fill(shown);
      const d = await send(source, { dry: true, prune });
      const go = d.changes.length > 0 && button(`Apply ${d.changes.length} change${d.changes.length === 1 ? '' : 's'}`, async () => {
        const removes = d.changes.filter((c) => words[c.action] === 'Remove').length;
        if (removes && !(await confirm({ title: `Remove ${removes} object${removes === 1 ? '' : 's'}?`, text: 'All changes are made together, or none.', action: 'Apply', danger: true }))) return;
        try {
          await send(source, { prune, tag: tagOf(d) }); // what was shown, and nothing else
          toast('All of it is applied');
          fill(shown, secretsView(d));
        } catch (error) {
          fill(shown, problem(error));
        }
      }, { kind: 'primary', busy: 'Applying …' });
      fill(shown, section('Difference', difference(d), h('div.actions', go)));
      shown.querySelector('h2').setAttribute('tabindex', '-1');
      shown.querySelector('h2').focus();
    },
  });
  return section('Apply', { note: 'First you see the difference; then all of it is done, or none.' }, f.node, shown);
}

export default async function (page, part) {
  if (part === 'audit') return audit(page);
  return [
    section('Export', { note: 'All objects as one document, without secrets: for version control, or another Postern.' }, h('div.actions', h('a.button', { href: '/api/v1/export', download: 'postern-objects.yaml' }, 'Download the document'))),
    can('admin') && applyForm(page),
  ];
}
