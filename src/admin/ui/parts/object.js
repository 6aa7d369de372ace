/* object.js - what is the same for every kind of object an administrator sets up.
 *   const kept = keeper('/apps/erp', app)     an object as it was last read: `kept.tag` for save(), `kept.renew` for form()
 *   await save({ plural: 'apps', key, isNew, values, changed, tag })   makes it, or changes what differs; the object
 *   removal(page, { plural, key, what: 'the app erp', back: '/apps', text })   a button that asks first
 *   pausing(page, { plural, key, isPaused })     a button that pauses or resumes
 *   options(list, 'name', 'choose …')            choices for a form out of a list of objects */
import { get, post, patch, put, del, path, tagOf } from '../api.js';
import { button } from './shell.js';
import { confirm } from './dialog.js';
import { toast } from './toast.js';

export function keeper(where, object) {
  let last = object;
  return { get tag() { return tagOf(last); }, async renew() { last = await get(where); return last; } };
}

function taken(error, plural) {
  return Object.assign(error, { pointer: plural === 'mailboxes' ? '/address' : '/name', detail: 'There is one of that name already.' });
}

export function save({ plural, key, isNew, values, changed, tag }) {
  const at = path`/${plural}/${key}`;
  if (isNew) return put(at, values, { headers: { 'If-None-Match': '*' } }).catch((error) => { throw / already\b/.test(error.detail) ? taken(error, plural) : error; });
  return patch(at, changed, { tag });
}

export function removal(page, { plural, key, what, back, text = 'This can not be undone.', name = 'Remove' }) {
  return button(name, async () => {
    if (!(await confirm({ title: `Remove ${what}?`, text, action: 'Remove', danger: true }))) return;
    await del(path`/${plural}/${key}`);
    toast(`${what.charAt(0).toUpperCase()}${what.slice(1)} is removed`);
    page.go(back);
  }, { kind: 'danger' });
}

export function pausing(page, { plural, key, isPaused }) {
  return button(isPaused ? 'Resume' : 'Pause', async () => {
    await post(`${path`/${plural}/${key}`}/${isPaused ? 'resume' : 'pause'}`);
    toast(isPaused ? `${key} goes on` : `${key} is paused`);
    page.reload();
  });
}

export const options = (list, name, first) => [...(first ? [['', first]] : []), ...list.map((o) => [o[name], o.title ? `${o.title} (${o[name]})` : o[name]])];
