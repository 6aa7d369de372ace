/* chart.js - small pictures of numbers. Each has its numbers on hover and focus, and as a table for screen readers.
 *
 *   bars({ label: 'Traffic of the last day', points: [{ name: '14:00', values: [3, 1, 0] }], series: ['delivered', 'waiting', 'failed'], height })
 *       stacked; the series differ by pattern as well as colour, in this order: solid, striped, outlined
 *   meter({ label, used, limit, unit, warn: 0.8 })   share of a limit, the numbers beside it; past `warn` it says "near the limit" */
import { h, svg, fill, uid } from '../dom.js';
import { number } from './time.js';

const unseenTable = (label, head, rows) => h('div.unseen', h('table', h('caption', label), h('thead', h('tr', head.map((t) => h('th', { scope: 'col' }, t)))),
  h('tbody', rows.map((r) => h('tr', r.map((t, i) => (i ? h('td', t) : h('th', { scope: 'row' }, t))))))));

export function bars({ label, points, series, height = 72 }) {
  const width = 24 * 14, step = width / points.length, most = Math.max(1, ...points.map((p) => p.values.reduce((a, b) => a + b, 0)));
  const stripe = uid('stripe');
  const said = h('p.reading', { 'aria-hidden': 'true' }, `most at one time: ${number(most)}`);
  const rest = said.textContent;
  const words = (p) => `${p.name}: ${series.map((s, i) => `${number(p.values[i])} ${s}`).join(', ')}`;
  const say = (p) => () => fill(said, p ? words(p) : rest);
  const columns = points.map((p, x) => {
    let y = height;
    const parts = p.values.map((v, i) => {
      const size = v ? Math.max(2, (v / most) * (height - 4)) : 0;
      y -= size;
      return size > 0 && svg(`rect.series-${i}`, { x: x * step + 1, y, width: step - 2, height: size, fill: i === 1 ? `url(#${stripe})` : null });
    });
    return svg('g', { onpointerenter: say(p), onpointerleave: say(null) }, svg('rect.back', { x: x * step, y: 0, width: step, height }), parts, svg('title', words(p)));
  });
  const picture = svg('svg.bars', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('defs', svg('pattern', { id: stripe, width: 4, height: 4, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('rect.stripe', { width: 2, height: 4 }))),
    svg('line.base', { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }), columns);
  /* By keyboard: one stop, the arrows walk along. */
  let at = points.length;
  const box = h('div.plot', { tabindex: '0', role: 'img', 'aria-label': `${label}. Arrow keys read the values.` }, picture);
  const walk = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    columns[at]?.classList.remove('here');
    at = Math.min(points.length - 1, Math.max(0, at + by));
    columns[at].classList.add('here');
    say(points[at])();
    box.setAttribute('aria-label', words(points[at]));
  };
  box.addEventListener('keydown', walk);
  box.addEventListener('blur', () => { columns[at]?.classList.remove('here'); say(null)(); });
  return h('figure.chart', box, h('div.under', h('span', points[0]?.name ?? ''), said, h('span', points.at(-1)?.name ?? '')), unseenTable(label, ['Time', ...series], points.map((p) => [p.name, ...p.values.map(number)])));
}

export const legend = (series) => h('ul.legend', { 'aria-hidden': 'true' }, series.map((s, i) => h('li', svg('svg', { viewBox: '0 0 12 12' }, svg(`rect.series-${i}`, { x: 1, y: 1, width: 10, height: 10 }), i === 1 && svg('path.hatch', { d: 'M1 8l7-7M4 11l7-7' })), s)));

export function meter({ label, used, limit, unit = '', warn = 0.8 }) {
  const share = limit ? Math.min(1, used / limit) : 0;
  const isNear = limit > 0 && share >= warn;
  return h('div.meter', { class: isNear ? 'near' : '' },
    h('div.words', h('span', label), h('span', limit ? `${number(used)} of ${number(limit)} ${unit}` : `${number(used)} ${unit}, no limit`, isNear && (share >= 1 ? ' · limit reached' : ' · near the limit'))),
    limit > 0 && svg('svg', { viewBox: '0 0 100 4', preserveAspectRatio: 'none', role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': limit, 'aria-valuenow': Math.min(used, limit), 'aria-valuetext': `${number(used)} of ${number(limit)} ${unit}` },
      svg('rect.back', { width: 100, height: 4 }), share > 0 && svg('rect.used', { width: Math.max(1, share * 100), height: 4 })));
}
