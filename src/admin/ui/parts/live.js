/* live.js - pages that follow what happens.
 *   follow(page, { mailbox }, fn)   runs `fn` a moment after each event that fits (GET /events), or every 5 s where events can't be had;
 *                                   and when the page is seen again, or Postern is back, for what happened meanwhile */
import { debounce } from '../dom.js';
import { events, session } from '../api.js';

export function follow(page, filter, fn, matters = () => true) {
  const quiet = () => fn().catch((error) => page.lost(error));
  const soon = debounce(500, () => { if (!page.signal.aborted) quiet(); });
  events(filter, (event) => { if (matters(event)) soon(); }, page.signal).catch((error) => (error.kind === 'session' ? page.lost(error) : page.every(5, fn)));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) soon(); }, { signal: page.signal });
  const back = (line) => { if (line === 'ok') soon(); };
  session.watchers.add(back);
  page.onLeave(() => session.watchers.delete(back));
  page.every(60, fn); // what changes without an event, such as "oldest"
}
