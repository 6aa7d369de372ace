/* table.js - a list of things. On a narrow screen each row becomes a card; it stays a table for screen readers.
 *
 *   const t = table({
 *     caption: 'Messages',                  read by screen readers (seen with `showCaption`)
 *     columns: [{ name: 'State', cell: (row) => node, sort: (row) => value, end: true (to the right), main: true (row's header) }],
 *     rows, key: (row) => row.id,           the key keeps focus and selection when rows are set anew
 *     select: [[ 'Retry', async (rows) => {} , 'danger'? ], ...]    a box per row and a bar with these actions
 *     more: async () => ({ rows, done })    asked for by "Show more"; `done` hides it
 *     empty: node or text })
 *   page: t.node, t.set(rows, { done }), t.chosen(), t.clear() */
import { h, fill, announce } from '../dom.js';
import { button, empty as emptyView } from './shell.js';

function compare(a, b) {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true });
}

export function table({ caption, showCaption = false, columns, rows = [], key = (row) => row, select = null, more = null, empty = 'There is nothing here yet.' }) {
  let shown = rows, sorted = null, down = false;
  const chosen = new Set(), lines = new Map();
  const body = h('tbody', { role: 'rowgroup' });
  const nothing = h('div', { hidden: true }, typeof empty === 'string' ? emptyView(empty) : empty);
  const all = select && h('input', { type: 'checkbox', 'aria-label': 'Choose all that are shown', onchange: () => choose(all.checked ? shown.map(key) : []) });
  const count = h('span', { role: 'status' });
  const bar = select && h('div.bulk', { role: 'group', 'aria-label': 'With the chosen ones', hidden: true }, count,
    h('div.actions', select.map(([text, run, kind]) => button(text, async () => { await run(chosenRows()); }, { kind })), button('Choose none', () => choose([]), { kind: 'text' })));

  const chosenRows = () => shown.filter((row) => chosen.has(key(row)));

  function choose(keys) {
    chosen.clear();
    keys.forEach((k) => chosen.add(k));
    for (const [k, line] of lines) {
      const box = line.node.querySelector('input.choose');
      if (box) box.checked = chosen.has(k);
      line.node.setAttribute('aria-selected', String(chosen.has(k)));
    }
    mark();
  }

  function mark() {
    if (!select) return;
    const n = chosenRows().length;
    bar.hidden = n === 0;
    count.textContent = n ? `${n} chosen` : '';
    all.checked = n > 0 && n === shown.length;
    all.indeterminate = n > 0 && n < shown.length;
  }

  function cells(row, k) {
    const first = columns.find((c) => c.main) ?? columns[0];
    const box = select && h('td.box', { role: 'cell' }, h('input.choose', {
      type: 'checkbox', checked: chosen.has(k), 'aria-label': `Choose ${first.text ? first.text(row) : k}`,
      onchange: (event) => {
        if (event.target.checked) chosen.add(k);
        else chosen.delete(k);
        lines.get(k)?.node.setAttribute('aria-selected', String(event.target.checked));
        mark();
      },
    }));
    return [box, columns.map((c) => {
      const value = c.cell(row);
      const isBlank = value === null || value === undefined || value === '';
      const attributes = { class: [c.end && 'end', c.main && 'main', c.wide && 'wide', isBlank && 'blank'].filter(Boolean).join(' '), 'data-label': c.name };
      return c.main ? h('th', { scope: 'row', role: 'rowheader', ...attributes }, value) : h('td', { role: 'cell', ...attributes }, value);
    })];
  }

  function draw() {
    const list = sorted ? [...shown].sort((a, b) => compare(sorted.sort(a), sorted.sort(b)) * (down ? -1 : 1)) : shown;
    const seen = new Set();
    const nodes = list.map((row) => {
      const k = key(row), text = JSON.stringify(row);
      seen.add(k);
      let line = lines.get(k);
      if (!line) lines.set(k, line = { node: h('tr', { role: 'row', 'aria-selected': select ? String(chosen.has(k)) : null }) });
      if (line.text !== text) fill(line.node, cells(row, k));
      line.text = text;
      return line.node;
    });
    for (const k of [...lines.keys()]) if (!seen.has(k)) lines.delete(k);
    for (const k of [...chosen]) if (!seen.has(k)) chosen.delete(k);
    if (nodes.length !== body.children.length || nodes.some((n, i) => n !== body.children[i])) {
      const focused = document.activeElement; // moving nodes would lose it
      body.replaceChildren(...nodes);
      if (body.contains(focused)) focused.focus({ preventScroll: true });
    }
    nothing.hidden = list.length > 0;
    grid.hidden = list.length === 0;
    mark();
  }

  function sortBy(column, th) {
    down = sorted === column ? !down : false;
    sorted = column;
    for (const other of head.querySelectorAll('th')) other.removeAttribute('aria-sort');
    th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    draw();
    announce(`Sorted by ${column.name}, ${down ? 'descending' : 'ascending'}`);
  }

  const head = h('tr', { role: 'row' }, select && h('th.box', { scope: 'col', role: 'columnheader' }, all), columns.map((c) => {
    const th = h('th', { scope: 'col', role: 'columnheader', class: c.end ? 'end' : '' }, !c.sort && c.name);
    if (c.sort) th.append(h('button.sort', { type: 'button', onclick: () => sortBy(c, th) }, c.name));
    return th;
  }));
  const grid = h('table', { role: 'table' }, h('caption', { class: showCaption ? '' : 'unseen' }, caption), h('thead', { role: 'rowgroup' }, head), body);
  const next = more && h('div.more', button('Show more', async () => {
    const got = await more();
    const old = shown.length;
    shown = [...shown, ...got.rows];
    next.hidden = got.done;
    draw();
    announce(`${got.rows.length} more`);
    body.children[old]?.querySelector('a, button, input')?.focus();
  }, { busy: 'Loading …' }));
  draw();
  return {
    node: h('div.table', bar, grid, nothing, next),
    set(list, { done = true } = {}) {
      shown = list;
      if (next) next.hidden = done;
      draw();
    },
    chosen: chosenRows,
    clear: () => choose([]),
    get rows() { return shown; },
  };
}
