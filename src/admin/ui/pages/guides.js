/* guides.js - what there is to read. */
import { h } from '../dom.js';
import { heading, section, link } from '../parts/shell.js';
import { guides } from '../guides/products.js';
import { setups } from '../guides/setup.js';

const entry = (g) => h('li', h('h3', link(`/guides/${g.id}`, g.title)), h('p.muted', g.about ?? g.text[0]));

export default async function (page) {
  page.title('Guides');
  return [heading('Guides', { note: 'With the values of this installation, to follow or to print. What the guides of the products ask for at Microsoft is done here once, for all of them.' }),
    section('At Microsoft', h('ul.topics', setups.map(entry))), section('In the program', h('ul.topics', guides.map(entry)))];
}
