/* dom.js - how nodes are made. Text is always text: nothing here takes HTML.
 *
 *   h('p.muted#id', { title: 'x', onclick: fn, hidden: false }, 'text', node, [more], null)
 *       attributes are optional; true sets an empty attribute, false and null leave it out; on* are listeners; `value`, `checked`,
 *       `disabled` ... that only exist as properties are set as such. Null, false and undefined children are left out.
 *   svg(tag, attributes, ...children)  the same in SVG's namespace
 *   fill(node, ...children)            replaces what is in it
 *   uid('name')                        an id that is used once, for labels
 *   announce('text', urgent?)          to a screen reader, unseen
 *   debounce(ms, fn)                   runs once, that long after the last call */

const PROPERTIES = new Set(['value', 'checked', 'selected', 'indeterminate', 'scrollTop', 'open']);

function put(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

function dress(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else if (name === 'class') node.setAttribute('class', [node.getAttribute('class'), value].filter(Boolean).join(' '));
    else if (name === 'data') Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
}

function make(create, tag, rest) {
  const [, name, hash, classes] = /^([\w-]*)(#[\w-]+)?((?:\.[\w-]+)*)/.exec(tag);
  const node = create(name || 'div');
  if (hash) node.id = hash.slice(1);
  if (classes) node.setAttribute('class', classes.slice(1).replaceAll('.', ' '));
  const plain = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype;
  put(node, plain ? rest.slice(1) : rest);
  if (plain) dress(node, rest[0]);
  return node;
}

export const h = (tag, ...rest) => make((name) => document.createElement(name), tag, rest);
export const svg = (tag, ...rest) => make((name) => document.createElementNS('http://www.w3.org/2000/svg', name), tag, rest);

export function fill(node, ...children) {
  node.replaceChildren();
  return put(node, children);
}

let last = 0;
export const uid = (name = 'x') => `${name}-${++last}`;

export function announce(text, urgent = false) {
  const place = document.getElementById(urgent ? 'assertive' : 'polite');
  place.textContent = '';
  setTimeout(() => { place.textContent = text; }, 60); // the same text twice is read twice
}

export function debounce(ms, fn) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}
