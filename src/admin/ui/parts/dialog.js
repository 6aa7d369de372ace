/* dialog.js - a question that has to be answered first. The browser's own <dialog>: focus stays inside, Escape is Cancel, and
 * the focus goes back to where it was.
 *
 *   await dialog({ title, body: nodes, actions: [['Cancel', null], ['Save', fn or value, 'primary|danger']], wide })
 *       the value of the action chosen; a function is called first and its value taken: undefined keeps the dialog open.
 *   await dialog({ title, form: f.node })      around a form() with `cancel: closeDialog`, that closes it by f.node.closest('dialog').close()
 *       Escape gives null. Enter in a field chooses the last action. What a function throws is shown in the dialog.
 *   await confirm({ title, text, action: 'Remove', danger: true })      true or false
 *   await showOnce({ title, text, label, secret, more })                a secret that can't be shown again, with a copy button */
import { h, uid } from '../dom.js';
import { copyable } from './copy.js';
import { problem } from './finding.js';

export const closeDialog = (event) => event.target.closest('dialog').close();

export function dialog({ title, body, form: own, actions = [], wide = false, sticky = false }) {
  const id = uid('dialog');
  const trouble = h('div', { role: 'alert' });
  return new Promise((done) => {
    const end = (value) => {
      done(value);
      box.close();
    };
    const buttons = actions.map(([text, what, kind], i) => {
      const isLast = i === actions.length - 1;
      const node = h('button', { type: isLast ? 'submit' : 'button', class: kind ?? '' }, text);
      node.run = async () => {
        if (typeof what !== 'function') return end(what);
        if (node.getAttribute('aria-disabled')) return undefined;
        node.setAttribute('aria-disabled', 'true');
        trouble.replaceChildren();
        try {
          const value = await what();
          if (value !== undefined) end(value);
        } catch (error) {
          trouble.replaceChildren(problem(error));
        }
        node.removeAttribute('aria-disabled');
        return undefined;
      };
      if (!isLast) node.addEventListener('click', node.run);
      return node;
    });
    const parts = [h('h2', { id }, title), h('div.body', body)];
    const form = own ? h('div.form', parts, own) : h('form', { method: 'dialog' }, parts, trouble, h('div.actions', buttons));
    if (!own) form.addEventListener('submit', (event) => {
      event.preventDefault();
      buttons.at(-1).run();
    });
    const box = h('dialog', { class: wide ? 'wide' : '', 'aria-labelledby': id }, form);
    box.addEventListener('cancel', (event) => {
      if (sticky) event.preventDefault();
      else done(null);
    });
    box.addEventListener('close', () => { done(null); box.remove(); });
    document.body.append(box);
    box.showModal();
  });
}

export async function confirm({ title, text, action, danger = false, body }) {
  return (await dialog({ title, body: body ?? h('p', text), actions: [['Cancel', false], [action, true, danger ? 'danger' : 'primary']] })) === true;
}

export function showOnce({ title, text, label, secret, more }) {
  return dialog({
    title, sticky: true,
    body: [h('p', text ?? 'Copy it now: it is shown this once, and nobody can read it back.'), copyable(secret, label), more],
    actions: [['I have copied it', true, 'primary']],
  });
}
