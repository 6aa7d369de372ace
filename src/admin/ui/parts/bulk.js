/* bulk.js - one thing done with many.
 *   bulk({ what: 'message', verb: 'retry', path: '/messages/retry', ids, said: 'are tried again now' })
 *       `ids`: a list, or an async generator of lists; in hundreds, with progress, and why an id was refused. Returns { done, refused } */
import { h } from '../dom.js';
import { post } from '../api.js';
import { dialog } from './dialog.js';
import { toast } from './toast.js';
import { progress } from './steps.js';
import { link } from './shell.js';

function* hundreds(ids) {
  for (let i = 0; i < ids.length; i += 100) yield ids.slice(i, i + 100);
}

export async function bulk({ what, verb, path, ids, said, at = (id) => `/messages/${id}` }) {
  const isList = Array.isArray(ids);
  const result = { done: 0, refused: [] };
  const work = async (say, stopped) => {
    for await (const part of isList ? hundreds(ids) : ids) {
      if (stopped()) break;
      const answer = await post(path, { ids: part });
      result.done += answer.done.length;
      result.refused.push(...answer.refused);
      say(result.done + result.refused.length);
    }
  };
  const things = (n) => `${n} ${what}${n === 1 ? '' : 's'}`;
  if (isList && ids.length <= 100) await work(() => null, () => false);
  else {
    const bar = progress({ label: `${verb}: ${what}s`, total: isList ? ids.length : null });
    let stop = false;
    const box = dialog({ title: 'Under way', body: bar.node, actions: [['Stop here', () => { stop = true; return true; }]] }).then(() => { stop = true; });
    try {
      await work((n) => bar.set(n, `${things(n)} so far`), () => stop);
    } finally {
      document.querySelector('dialog[open] button')?.click();
      await box;
    }
  }
  if (!result.refused.length) toast(result.done ? `${things(result.done)} ${said}` : 'Nothing fitted');
  else {
    await dialog({
      title: `${things(result.done)} ${said}; ${result.refused.length} refused`, wide: true,
      body: h('ul', result.refused.slice(0, 50).map((r) => h('li', link(at(r.id), r.id), ': ', r.why)), result.refused.length > 50 && h('li', `and ${result.refused.length - 50} more`)),
      actions: [['Close', true, 'primary']],
    });
  }
  return result;
}
