/* time.js - when. The server speaks UTC, the reader sees the own zone; relative first, exact on hover.
 *   time('2026-11-29T10:00:00Z')    "5 minutes ago", kept fresh      exact(iso)   "29 Nov 2026, 11:00:00" as a <time>
 *   ago(iso)  exactText(iso)  day('2027-01-31')  duration(90) "1 min 30 s"  daysUntil('2027-01-31')  leftWord(12) "12 days"   texts and numbers
 *   number(1234) "1,234"            size(1234567) "1.2 MB" */
import { h } from '../dom.js';

const locale = navigator.language?.startsWith('en') ? navigator.language : 'en-GB';
/* Made when first needed: the first of them takes a browser longer than all the rest of a page. */
const later = (make) => {
  let made;
  return () => (made ??= make());
};
const relative = later(() => new Intl.RelativeTimeFormat('en', { numeric: 'auto' }));
const full = later(() => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }));
const dayOnly = later(() => new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }));
const zone = later(() => new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' }));
const units = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

export function ago(iso, now = Date.now()) {
  const s = Math.round((new Date(iso) - now) / 1000);
  if (Math.abs(s) < 5) return 'just now';
  const [unit, size] = units.find(([, n]) => Math.abs(s) >= n) ?? units.at(-1);
  return relative().format(Math.trunc(s / size), unit);
}

export const exactText = (iso) => full().format(new Date(iso));
export const day = (date) => dayOnly().format(new Date(`${date.slice(0, 10)}T12:00:00`));
export const daysUntil = (date) => Math.floor(Date.parse(date) / 86400000) - Math.floor(Date.now() / 86400000); // by the calendar, as the server counts
export const leftWord = (days) => (days < 0 ? 'has ended' : days === 0 ? 'ends today' : `${number(days)} day${days === 1 ? '' : 's'}`);

const fresh = new Set();
setInterval(() => {
  for (const ref of fresh) {
    const node = ref.deref();
    if (!node) fresh.delete(ref);
    else if (node.isConnected) node.textContent = ago(node.dateTime);
  }
}, 10000);

export function time(iso) {
  if (!iso) return null;
  const node = h('time', { datetime: iso, title: zone().format(new Date(iso)) }, ago(iso));
  fresh.add(new WeakRef(node));
  return node;
}

export const exact = (iso) => (iso ? h('time', { datetime: iso, title: `${zone().format(new Date(iso))} (${ago(iso)})` }, exactText(iso)) : null);

export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 && s < 600 ? ` ${s % 60} s` : ''}`;
  if (s < 172800) return `${Math.floor(s / 3600)} h${Math.floor((s % 3600) / 60) ? ` ${Math.floor((s % 3600) / 60)} min` : ''}`;
  return `${Math.floor(s / 86400)} days`;
}

export const number = (n) => String(n ?? 0).replace(/\B(?=(\d{3})+$)/g, ','); // whole ones

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const step = bytes < 999500 ? ['kB', 1e3] : bytes < 999.5e6 ? ['MB', 1e6] : ['GB', 1e9];
  const n = bytes / step[1];
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${step[0]}`;
}
