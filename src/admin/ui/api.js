/* api.js - the one way to the server.
 *
 *   await get('/mailboxes')                      JSON of /api/v1/mailboxes; `signal` ends it: get(path, { signal })
 *   await all('/mailboxes')                      every item of a list, page by page
 *   await post|put|patch(path, body), del(path)  change something; the CSRF value is added. `{ tag }` of tagOf(object) is sent as
 *                                                If-Match, so that nobody's change is lost: 412 is Refused with kind 'stale'.
 *   await lines(path, { body, signal }, each)    a POST (GET without body) that answers line by line; returns the last object
 *   events({ mailbox, message, level }, each, signal)   what the log says, as it happens, while the page can be seen; ends with `signal`
 *   path`/mailboxes/${address}`                  a path with its parts escaped
 *   session.who                                  the answer of GET /session; can('operate') asks for a right
 *
 * Every refusal is a `Refused`: { kind, status, title, detail, findings, field, retryAfter }. Kinds: offline (no answer came),
 * restarting (503), session (401), forbidden (403), missing (404), conflict (409), stale (412), throttled (429), refused.
 * A read that meets `offline` or `restarting` is tried again twice by itself. A 401 is offered to `session.renew`, which main.js
 * sets: true means "signed in again", and the request is repeated once. */

export const session = { who: { signed_in: false, rights: [] }, renew: null, watchers: new Set() };
export const can = (right) => (session.who.rights ?? []).includes(right);

export class Refused extends Error {
  constructor(status, problem, retryAfter = 0) {
    super(problem.detail || problem.title || 'The request was refused.');
    const kinds = { 0: 'offline', 401: 'session', 403: 'forbidden', 404: 'missing', 409: 'conflict', 412: 'stale', 429: 'throttled', 503: 'restarting' };
    this.kind = kinds[status] ?? 'refused';
    this.status = status;
    this.title = problem.title ?? '';
    this.detail = problem.detail ?? '';
    this.findings = problem.findings ?? [];
    this.pointer = problem.pointer ?? '';
    this.retryAfter = retryAfter;
  }

  /* The field it speaks of, as "smtp.port": a JSON pointer, or the first word of "smtp.port must be ...". */
  get field() {
    const pointer = this.pointer;
    if (pointer) return pointer.replace(/^#?\//, '').replaceAll('/', '.');
    if (this.findings[0]?.id === 'operator.password') return 'password';
    return /^([a-z_0-9]+(?:\.[a-z_0-9]+)*) (?:must|is|are|needs|has|names|can)\b/.exec(this.detail)?.[1] ?? null;
  }
}

export function path(texts, ...values) {
  return texts.reduce((all, text, i) => all + text + (i < values.length ? encodeURIComponent(values[i]) : ''), '');
}

/* { state: 'held', mailbox: '' } -> "?state=held" */
export function query(values) {
  const kept = Object.entries(values).filter(([, v]) => v !== '' && v !== null && v !== undefined && v !== false);
  return kept.length ? `?${new URLSearchParams(kept)}` : '';
}

/* Tells who watches (the banner) how the line is: 'ok', 'offline', 'restarting'. */
let line = 'ok';
function tell(state) {
  if (state === line) return;
  line = state;
  for (const watcher of session.watchers) watcher(state);
}

/* When somebody last did something here: an open page that only looks for news must not keep the session alive. */
let touched = Date.now();
for (const what of ['pointerdown', 'keydown', 'wheel']) addEventListener(what, () => { touched = Date.now(); }, { capture: true, passive: true });

const tags = new WeakMap();
export const tagOf = (object) => tags.get(object) ?? object?.etag;

async function problemOf(response) {
  const text = await response.text().catch(() => '');
  const retryAfter = Number(response.headers.get('Retry-After')) || 0;
  try {
    return new Refused(response.status, JSON.parse(text), retryAfter);
  } catch {
    return new Refused(response.status, { title: response.statusText, detail: text.startsWith('<') ? `The answer was ${response.status} ${response.statusText}.` : text.slice(0, 300) }, retryAfter);
  }
}

async function once(method, where, { body, tag, headers, signal } = {}) {
  const sent = { Accept: 'application/json', ...headers };
  const isPlain = body !== undefined && !(body instanceof Blob) && !(body instanceof FormData) && typeof body !== 'string';
  if (isPlain) sent['Content-Type'] = 'application/json';
  if (method !== 'GET' && session.who.csrf) sent['X-Postern-CSRF'] = session.who.csrf;
  if (tag) sent['If-Match'] = tag;
  if (Date.now() - touched > 60000) sent['X-Postern-Watching'] = '1';
  let response;
  try {
    response = await fetch(`/api/v1${where}`, { method, headers: sent, body: isPlain ? JSON.stringify(body) : body, signal, credentials: 'same-origin', cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    tell('offline');
    throw new Refused(0, { title: 'No answer', detail: 'Postern did not answer. It may be stopped, or the network between may be down.' });
  }
  if (response.ok) {
    tell('ok');
    return response;
  }
  const refused = await problemOf(response);
  tell(refused.kind === 'restarting' ? 'restarting' : 'ok');
  throw refused;
}

const pause = (ms, signal) => new Promise((done, failed) => {
  const timer = setTimeout(done, ms);
  signal?.addEventListener('abort', () => { clearTimeout(timer); failed(new DOMException('left', 'AbortError')); });
});

/* A role that restarts is back within a second or two: wait for it, rather than show a fault that is over when it is read. */
async function patient(method, where, options = {}) {
  for (let tries = 0; ; tries++) {
    try {
      return await once(method, where, options);
    } catch (error) {
      const passes = error.kind === 'offline' || error.kind === 'restarting';
      if (method !== 'GET' || !passes || tries === 2 || options.impatient) throw error;
      await pause(400 * 3 ** tries, options.signal);
    }
  }
}

async function request(method, where, options = {}) {
  try {
    return await patient(method, where, options);
  } catch (error) {
    const mayRenew = error.kind === 'session' && where !== '/session' && session.renew && !options.quiet;
    if (mayRenew && await session.renew(method)) return once(method, where, options);
    if (mayRenew && session.who.signed_in) error.kind = 'refused'; // of a password that was sent along
    throw error;
  }
}

async function json(method, where, options) {
  const response = await request(method, where, options);
  if (response.status === 204) return null;
  const text = await response.text();
  const value = text ? JSON.parse(text) : null;
  const tag = response.headers.get('ETag');
  if (tag && value && typeof value === 'object') tags.set(value, tag);
  return value;
}

export const get = (where, options) => json('GET', where, options);
export async function all(where, options) {
  const items = [];
  for (let cursor = null; ;) {
    const answer = await get(where + query({ cursor }), options);
    items.push(...answer.items);
    if (!answer.next) return items;
    cursor = answer.next;
  }
}
export const post = (where, body = {}, options) => json('POST', where, { ...options, body });
export const put = (where, body, options) => json('PUT', where, { ...options, body });
export const patch = (where, body, options) => json('PATCH', where, { ...options, body });
export const del = (where, options) => json('DELETE', where, options);

export async function text(where, options) {
  const response = await request('GET', where, { ...options, headers: { Accept: '*/*' } });
  return response.text();
}

/* Hands every line of a body to `each`, without its line end. */
async function eachLine(response, each) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? '')).split(/\r?\n/);
    rest = done ? '' : parts.pop();
    for (const part of parts) each(part);
    if (done) return;
  }
}

export async function lines(where, { body, signal } = {}, each = () => {}) {
  const response = await request(body === undefined ? 'GET' : 'POST', where, { body, signal });
  let last = null;
  await eachLine(response, (text) => {
    if (!text.trim()) return;
    last = JSON.parse(text);
    each(last);
  });
  return last;
}

const isSeen = (signal) => new Promise((done, failed) => {
  const look = () => { if (!document.hidden) done(); };
  document.addEventListener('visibilitychange', look, { signal });
  signal.addEventListener('abort', () => failed(new DOMException('left', 'AbortError')));
  look();
});

/* A browser has six lines to one host, for all its windows together: a window that nobody sees must not hold one of them. */
function whileSeen(signal) {
  const unseen = new AbortController();
  const look = () => { if (document.hidden) unseen.abort(); };
  document.addEventListener('visibilitychange', look, { signal: AbortSignal.any([signal, unseen.signal]) });
  look();
  return AbortSignal.any([signal, unseen.signal]);
}

/* Server-sent events over fetch, not EventSource: that one can't tell a refusal from a broken line. */
export async function events(filter, each, signal) {
  let place = null;
  const follow = async (line) => {
    const headers = { Accept: 'text/event-stream', ...(place && { 'Last-Event-ID': place }) };
    const response = await request('GET', `/events${query(filter)}`, { signal: line, headers, quiet: true });
    let data = [];
    await eachLine(response, (text) => {
      if (text.startsWith('id:')) place = text.slice(3).trim();
      else if (text.startsWith('data:')) data.push(text.slice(5).trimStart());
      else if (text === '' && data.length) {
        const event = JSON.parse(data.join('\n'));
        data = [];
        each(event);
      }
    });
  };
  while (!signal.aborted) {
    const line = whileSeen(signal);
    try {
      await follow(line);
    } catch (error) {
      if (error instanceof Refused && error.kind !== 'offline' && error.kind !== 'restarting') throw error;
    }
    try {
      await (line.aborted ? isSeen(signal) : pause(2000, signal));
    } catch {
      return;
    }
  }
}

/* The first time, the browser has the answer already: index.html asks for it together with the scripts. */
export async function loadSession() {
  session.who = await get('/session');
  return session.who;
}
