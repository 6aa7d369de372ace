/* settings.js - the tabs of the settings, and the configuration as it stands; the other tabs have their own modules. */
import { h } from '../dom.js';
import { get, post, can } from '../api.js';
import { heading, section, button, facts } from '../parts/shell.js';
import { table } from '../parts/table.js';
import { toast } from '../parts/toast.js';
import { state } from '../parts/state.js';

const tabs = [
  ['operators', 'Operators', 'people'], ['keys', 'API keys', 'people'], ['registrations', 'Registrations', 'objects'], ['providers', 'Providers', 'objects'],
  ['configuration', 'Configuration'], ['audit', 'Audit', 'change'], ['apply', 'Apply and export', 'change'],
];

const shown = (value, type) => (type === 'size' && value ? ['G', 'M', 'K', ''].map((unit, i) => [value / 1024 ** (3 - i), unit]).find(([n]) => Number.isInteger(n)).join('') : value === true ? 'yes' : value === false ? 'no' : value === '' || value === null ? '' : String(value));

async function configuration(page) {
  const c = await get('/config', { signal: page.signal });
  const groups = Map.groupBy ? Map.groupBy(c.settings, (s) => (s.name.includes('.') ? s.name.split('.')[0] : 'general')) : new Map([['all', c.settings]]);
  const columns = [
    { name: 'Setting', main: true, cell: (s) => [h('span.mono', s.name), h('span.sub', s.text)] },
    { name: 'Value', wide: true, cell: (s) => h('span.mono', shown(s.value, s.type) || '–') },
    { name: 'Range', cell: (s) => h('span.small.muted', s.range || s.type) },
    { name: 'Changed by', cell: (s) => h('span.small', s.is_reloadable ? 'reload' : 'restart') },
  ];
  const reload = can('admin') && button('Reload the file', async () => {
    await post('/reload');
    toast('The file was read anew');
    page.reload();
  }, { busy: 'Reading …' });
  return [
    section('The file', { actions: reload, note: 'The machine’s settings stand in a file and are changed there. A bad file changes nothing.' }, facts([['File', h('span.mono', c.file || 'none: the built-in values')]])),
    section('Listeners', table({ caption: 'Listeners', rows: c.listeners, key: (l) => l.protocol + l.address, columns: [{ name: 'Address', main: true, cell: (l) => h('span.mono', l.address) }, { name: 'Protocol', cell: (l) => l.protocol }, { name: 'Protection', cell: (l) => (l.tls === 'none' ? state('off', 'none') : l.tls) }, { name: 'Mode', cell: (l) => l.mode }] }).node),
    ...[...groups].map(([name, rows]) => section(name.charAt(0).toUpperCase() + name.slice(1).replaceAll('-', ' '), h('div.config', table({ caption: `Settings: ${name}`, columns, rows, key: (s) => s.name }).node))),
  ];
}

export default async function (page) {
  const part = page.params.part ?? 'operators';
  const tab = tabs.find(([name]) => name === part);
  page.title(tab ? tab[1] : 'Settings');
  const bar = h('nav.tabs', { 'aria-label': 'Settings' }, tabs.map(([name, text]) => h('a', { href: `/settings/${name}`, 'aria-current': name === part ? 'page' : null }, text)));
  if (!tab) return [heading('Settings'), bar, h('p', 'There is no such part of the settings.')];
  const body = tab[2] ? await (await page.load(`settings_${tab[2]}`)).default(page, part, page.params.key) : await configuration(page);
  if (page.params.key) return body;
  return [h('div', heading('Settings'), bar), body];
}
