/* form.js - forms made from fields; labels above, help below, and a refusal at the field that the server named.
 *
 *   const f = form({
 *     fields: [ ... ], values: { smtp: { port: 587 } },
 *     label: 'Save', busy: 'Saving …',
 *     submit: async (values, changed) => {},    `changed`: only what differs, nested, for PATCH; what it throws is shown at its field
 *     renew: async () => values,              when another was quicker (412): the object as it is now. Their changes are shown, what was typed stays
 *     cancel: fn or path, danger: node, readonly: true (only to look at) })       f.node, f.values(), f.refused(error), f.redraw()
 *
 * A field is { key: 'smtp.port', label, help, type, required, readonly, placeholder, choices: [[value, text, help]], when: (values) => bool,
 * autocomplete, pattern, short, rows }. Types: text (the usual one), email, number, password, date, choice (a list to unfold), radio, flag, set (several
 * boxes, an array), lines (one a line, an array), area, file (gives its text), node (`node`: anything), group (`fields`, folded if `folded`).
 *
 *   await fieldsOf('mailbox', ['address', { key: 'smtp.host', label: 'Server' }])
 *       fills type, help, choices and required of each from the server's own table of fields (GET /fields); labels come from the
 *       key unless given. So a form says what parser and manual say. */
import { h, uid, fill } from '../dom.js';
import { get } from '../api.js';
import { problem } from './finding.js';
import { button } from './shell.js';
import { stateIcon } from './state.js';

const at = (values, key) => key.split('.').reduce((v, part) => v?.[part], values);

export function place(values, key, value) {
  const parts = key.split('.'), last = parts.pop();
  const group = parts.reduce((v, part) => (v[part] ??= {}), values);
  group[last] = value;
  return values;
}

const same = (a, b) => JSON.stringify(a ?? '') === JSON.stringify(b ?? '');
const labelOf = (key = '') => {
  const text = key.split('.').at(-1).replace(/^(is|has)_/, '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};

let facts = null;
export async function fieldsOf(kind, wanted) {
  facts ??= await get('/fields').catch((error) => {
    if (error.kind === 'missing') return {};
    throw error;
  });
  const known = new Map((facts[kind] ?? []).map((f) => [f.key, f]));
  const complete = (given) => {
    const field = typeof given === 'string' ? { key: given } : given;
    if (field.fields) return { ...field, fields: field.fields.map(complete) };
    const fact = known.get(field.key);
    if (!fact) return field;
    const isSet = fact.type === 'list' && /^[a-z0-9]+(, [a-z0-9]+)+$/.test(fact.range);
    const type = isSet ? 'set' : { list: 'lines', number: 'number', 'true or false': 'flag', choice: 'choice' }[fact.type] ?? 'text';
    const choices = (isSet || type === 'choice') && fact.range.split(', ').map((c) => [c, c]);
    const max = type === 'number' ? Number(fact.range.split(' to ')[1]) : null;
    return { type, help: fact.help, required: fact.is_required, readonly: fact.is_read_only, max, choices, ...field };
  };
  return wanted.map(complete);
}

/* One field: { node, value(), error(text) } */
function draw(field, value, changed) {
  const id = uid('field'), help = `${id}-help`, wrong = `${id}-wrong`;
  const type = field.type ?? 'text';
  const described = [field.help && help, wrong].filter(Boolean).join(' ');
  const common = { id, name: field.key, 'aria-describedby': described, required: field.required && type !== 'flag', readonly: field.readonly, placeholder: field.placeholder, autocomplete: field.autocomplete ?? 'off', 'data-first': field.autofocus, oninput: changed, onchange: changed };
  const error = h('p.error', { id: wrong, hidden: true });
  const label = h('label', { for: id }, field.label ?? labelOf(field.key), field.required && !field.readonly && h('span.muted', { 'aria-hidden': 'true' }, ' (needed)'));
  const note = field.help && h('p.help', { id: help }, field.help);
  const boxes = (kind, isOn, list) => list.map(([v, text, more], i) => h('label.check', h('input', { type: kind, name: id, id: i ? null : id, value: v, checked: isOn(v), disabled: field.readonly, onchange: changed }), h('span', text, more && h('span.help', more))));
  const several = (kind, isOn) => h('fieldset.field', { 'aria-describedby': described }, h('legend', field.label ?? labelOf(field.key)), note, h('div.checks', boxes(kind, isOn, field.choices)), error);
  let node, read, control;
  const one = (what) => { control = what; node = h('div.field', { class: field.short ? 'short' : '' }, label, what, error, note); };
  if (type === 'choice') {
    one(h('select', { ...common, readonly: null, disabled: field.readonly }, field.choices.map(([v, text]) => h('option', { value: v, selected: v === (value ?? field.choices[0]?.[0]) }, text))));
    read = () => control.value;
  } else if (type === 'radio') {
    node = several('radio', (v) => v === value);
    read = () => node.querySelector('input:checked')?.value ?? '';
  } else if (type === 'set') {
    node = several('checkbox', (v) => (value ?? []).includes(v));
    read = () => [...node.querySelectorAll('input:checked')].map((box) => box.value);
  } else if (type === 'flag') {
    control = h('input', { ...common, type: 'checkbox', checked: Boolean(value), disabled: field.readonly, placeholder: null });
    node = h('div.field', h('label.check', control, h('span', field.label ?? labelOf(field.key))), error, note);
    read = () => control.checked;
  } else if (type === 'lines' || type === 'area') {
    one(h('textarea', { ...common, rows: field.rows ?? (type === 'lines' ? 3 : 6), value: Array.isArray(value) ? value.join('\n') : value ?? '', spellcheck: 'false' }));
    read = () => (type === 'area' ? control.value : control.value.split(/[\n,]/).map((t) => t.trim()).filter(Boolean));
  } else if (type === 'file') {
    one(h('input', { ...common, type: 'file', accept: field.accept, placeholder: null }));
    read = () => control.files[0]?.text() ?? '';
  } else if (type === 'node') {
    node = field.node;
    read = () => undefined;
  } else {
    const input = { number: { type: 'number', min: field.min ?? 0, max: field.max, inputmode: 'numeric' }, email: { type: 'email' }, password: { type: 'password' }, date: { type: 'date' } }[type] ?? { type: 'text', spellcheck: 'false', autocapitalize: 'none' };
    one(h('input', { ...common, ...input, value: value ?? '' }));
    read = () => (type === 'number' ? Number(control.value || 0) : control.value.trim());
    if (type === 'password') read = () => control.value;
  }
  return {
    field, node, value: read,
    error(text) {
      error.hidden = !text;
      fill(error, text && [stateIcon('bad'), text]);
      (control ?? node).setAttribute('aria-invalid', String(Boolean(text)));
      if (text) (control ?? node.querySelector('input'))?.focus();
    },
  };
}

export function form({ fields, values = {}, label = 'Save', busy = 'Saving …', submit, renew, cancel, danger, kind = 'primary', readonly = false }) {
  const drawn = [];
  const trouble = h('div', { role: 'alert' });
  const now = () => drawn.reduce((all, d) => (d.field.type === 'node' ? all : place(all, d.field.key, d.value())), {});
  const redraw = () => {
    const all = now();
    for (const d of drawn) if (d.field.when) d.node.hidden = !d.field.when(all);
    for (const g of groups) if (g.when) g.node.hidden = !g.when(all);
  };
  const groups = [];
  const one = (field) => {
    if (field.type === 'group' || field.fields) {
      const inside = field.fields.map(one);
      const node = field.folded ? h('details.group', h('summary', field.label), field.help && h('p.help', field.help), inside) : h('fieldset.group', h('legend', field.label), field.help && h('p.help', field.help), inside);
      groups.push({ node, when: field.when });
      return node;
    }
    const d = drawOne(readonly ? { ...field, readonly } : field, at(values, field.key ?? ''));
    drawn.push(d);
    return d.node;
  };
  const drawOne = (field, value) => {
    const d = draw(field, value, () => { d.error?.(''); redraw(); });
    return d;
  };
  const isShown = (d) => !d.node.closest('[hidden]');

  async function read() {
    const all = {}, changed = {};
    for (const d of drawn) {
      if (d.field.type === 'node' || !isShown(d)) continue;
      const value = await d.value();
      place(all, d.field.key, value);
      if (!same(value, at(values, d.field.key))) place(changed, d.field.key, value);
    }
    return [all, changed];
  }

  function missing() {
    const lacks = (d) => d.field.required && isShown(d) && d.field.type !== 'flag' && d.field.type !== 'file' && (d.value() === '' || (Array.isArray(d.value()) && !d.value().length));
    const first = drawn.find(lacks);
    if (first) reveal(first, 'This is needed.');
    return first;
  }

  function reveal(d, text) {
    const folded = d.node.closest('details');
    if (folded) folded.open = true;
    d.error(text);
  }

  function refused(error, more = null) {
    const d = error.field && drawn.find((one) => one.field.key === error.field && isShown(one));
    const known = error.findings?.[0];
    if (d) reveal(d, error.pointer ? error.detail : (known?.fix?.length ? `${known.cause} ${known.fix[0]}.` : error.detail));
    else {
      trouble.replaceChildren(problem(more ? { kind: error.kind, detail: 'They changed:' } : error, { retry: error.kind === 'stale' && !more && (() => location.reload()), more }));
      trouble.scrollIntoView({ block: 'nearest' });
    }
  }

  /* The fields that another changed: taken over where nothing was typed here, else told. Saving again then means it. */
  async function takeOver() {
    const theirs = await renew(), told = [];
    for (const [i, d] of drawn.entries()) {
      const before = at(values, d.field.key ?? ''), after = at(theirs, d.field.key ?? '');
      if (d.field.type === 'node' || same(before, after)) continue;
      const isMine = !same(d.value(), before) && !same(d.value(), after);
      told.push(h('li', h('strong', d.field.label ?? labelOf(d.field.key)), ': ', after === '' || after?.length === 0 ? 'emptied' : `now ${after}`, isMine && '. Yours still stands in the field, and would take its place'));
      if (isMine) continue;
      drawn[i] = drawOne(d.field, after);
      d.node.replaceWith(drawn[i].node);
    }
    values = theirs;
    redraw();
    return told.length ? h('ul', told) : h('p', 'something that is not in this form.');
  }

  async function meet(error) {
    if (error.kind !== 'stale' || !renew) return refused(error);
    try {
      return refused(error, await takeOver());
    } catch (other) {
      return refused(other);
    }
  }

  const go = button(label, null, { kind, type: 'submit' });
  const back = cancel && (typeof cancel === 'string' ? h('a.button', { href: cancel }, 'Cancel') : button('Cancel', cancel));
  const node = h('form', { novalidate: true }, fields.map(one), trouble, !readonly && h('div.actions', go, back, danger));
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.getAttribute('aria-disabled') === 'true') return;
    trouble.replaceChildren();
    drawn.forEach((d) => d.error && d.field.type !== 'node' && d.error(''));
    if (missing()) return;
    go.setAttribute('aria-disabled', 'true');
    go.textContent = busy;
    try {
      await submit(...await read());
    } catch (error) {
      if (error.name !== 'AbortError') await meet(error);
      if (!error.kind && error.name !== 'AbortError') console.error(error);
    } finally {
      go.removeAttribute('aria-disabled');
      go.textContent = label;
    }
  });
  redraw();
  return { node, values: now, refused, redraw };
}
