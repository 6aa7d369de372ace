/* state.js - how something is, by shape and word; colour only repeats it.
 *   state('held')            shape and the word for people        state('held', 'waits for a person')   with another word
 *   mailboxState('deferred') the same for a mailbox
 *   stateIcon('good')        the shape alone: good, wait, busy, person, bad, paused, off
 *   wordOf('needs-person')   "needs a person"                     shapeOf('held')   "person" */
import { h, svg } from '../dom.js';

const shapes = {
  good: ['M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z', 'M5 8.200l2.200 2.200L11.200 6'],
  wait: ['', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.800V8l2.200 1.600'],
  busy: ['M8 2a6 6 0 0 1 0 12z', 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z'],
  person: ['M8 1.200 15.200 14H.8z', 'M8 6v3.800M8 11.600v.5'],
  bad: ['M5 1.500h6L14.500 5v6L11 14.500H5L1.500 11V5z', 'M5.500 5.500l5 5M10.500 5.500l-5 5'],
  paused: ['M3.500 2.500h3v11h-3zM9.500 2.500h3v11h-3z', ''],
  off: ['', 'M3 8h10'],
};

const known = {
  ok: ['good', 'well'], open: ['good', 'open'], delivered: ['good', 'delivered'], done: ['good', 'handed over'], handed: ['busy', 'handed over, being tidied up'], running: ['good', 'running'], idle: ['good', 'watched'], watching: ['good', 'watched'], working: ['busy', 'looking'], queuing: ['wait', 'waits for a connection'], unwatched: ['off', 'not watched'], failing: ['bad', 'can not be watched now'], good: ['good', 'well'],
  queued: ['wait', 'queued'], active: ['busy', 'on its way'], deferred: ['wait', 'waits to be tried again'], waiting: ['wait', 'waiting'], pending: ['wait', 'sign-in under way'], polling: ['good', 'looked at regularly'], connecting: ['busy', 'connecting'], starting: ['busy', 'starting'], restarting: ['busy', 'restarting'], resting: ['wait', 'resting'], wait: ['wait', 'waiting'],
  held: ['person', 'held'], 'needs-person': ['person', 'needs a person'], parked: ['person', 'parked'], partial: ['bad', 'partly delivered'],
  bounced: ['bad', 'bounced'], expired: ['bad', 'given up'], failed: ['bad', 'failed'], bad: ['bad', 'failed'], down: ['bad', 'down'], 'throttled': ['wait', 'slowed down'],
  paused: ['paused', 'paused'], removed: ['off', 'removed'], skipped: ['off', 'passed over'], none: ['off', 'not authorised yet'], disabled: ['off', 'switched off'], stopped: ['off', 'stopped'],
};

export const shapeOf = (word) => known[word]?.[0] ?? (shapes[word] ? word : 'off');
export const wordOf = (word) => known[word]?.[1] ?? String(word ?? '').replaceAll('-', ' ');

export function stateIcon(word) {
  const shape = shapeOf(word);
  const [solid, stroke] = shapes[shape];
  return svg(`svg.state-icon.${shape}`, { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, solid && svg('path.solid', { d: solid }), stroke && svg('path.stroke', { d: stroke }));
}

/* A mailbox speaks of its lane in the queue, not of a message. */
export const mailboxState = (word) => (word === 'deferred' ? state('resting', 'tries again soon') : word === 'open' ? state('ok') : state(word));

export const state = (word, text = wordOf(word)) => h(`span.state.${shapeOf(word)}`, stateIcon(word), h('span', text));
