/* copy.js - text to take elsewhere.
 *   copyable('https://…', 'redirect URI')    the text in a box with a copy button; several lines stay lines
 *   copyInline('Get-Thing', 'command')       the same in the middle of a sentence
 *   copyButton(() => text, 'redirect URI')   the button alone */
import { h, announce } from '../dom.js';

async function toClipboard(text, box) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* not allowed, or plain HTTP: mark it, so that Ctrl+C takes it */
    const range = document.createRange();
    if (!box) return false;
    range.selectNodeContents(box);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand('copy');
  }
}

export function copyButton(text, label = 'text', box = null) {
  let timer;
  const node = h('button.copy', { type: 'button', 'aria-label': `Copy the ${label}` }, 'Copy');
  node.addEventListener('click', async () => {
    const done = await toClipboard(text(), box);
    node.textContent = done ? 'Copied' : 'Press Ctrl+C';
    announce(done ? `The ${label} was copied` : `The ${label} is marked: press Ctrl+C`);
    clearTimeout(timer);
    timer = setTimeout(() => { node.textContent = 'Copy'; }, 2500);
  });
  return node;
}

export function copyable(text, label = 'text') {
  const box = h('code', text);
  return h('div.copyable', { class: text.includes('\n') ? 'many' : '' }, h('pre', { tabindex: '0', 'aria-label': label }, box), copyButton(() => text, label, box));
}

export function copyInline(text, label = 'text') {
  const box = h('code', text);
  return h('span.copy-inline', box, ' ', copyButton(() => text, label, box));
}
