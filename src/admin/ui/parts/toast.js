/* toast.js - a short notice at the edge, read out to screen readers. Good news goes by itself, bad news waits to be closed.
 *   toast('3 messages are retried now')        toast('…', { kind: 'bad' })        toastFault(error) */
import { h, announce } from '../dom.js';
import { stateIcon } from './state.js';

export function toast(text, { kind = 'good' } = {}) {
  const place = document.getElementById('toasts');
  const close = () => node.remove();
  const node = h(`div.toast.${kind}`, stateIcon(kind), h('p', text), h('button.text', { type: 'button', onclick: close, 'aria-label': `Close: ${text}` }, 'Close'));
  place.append(node);
  while (place.children.length > 3) place.firstChild.remove();
  announce(text, kind === 'bad');
  if (kind !== 'bad') setTimeout(close, 6000);
}

export function toastFault(error) {
  if (!error.kind) console.error(error);
  toast(error.findings?.[0]?.cause || error.message, { kind: 'bad' });
}
