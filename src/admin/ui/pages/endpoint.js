/* endpoint.js - one endpoint: how it does, a test, its key, its settings; and the form that adds one. */
import { h, fill } from '../dom.js';
import { get, all, post, can, path } from '../api.js';
import { heading, section, button, facts, link } from '../parts/shell.js';
import { form, fieldsOf } from '../parts/form.js';
import { keeper, save, removal, pausing, options } from '../parts/object.js';
import { showOnce, confirm } from '../parts/dialog.js';
import { steps, runSteps } from '../parts/steps.js';
import { explain, finding } from '../parts/finding.js';
import { time, number } from '../parts/time.js';
import { toast } from '../parts/toast.js';
import { kinds, endpointState, deliveries, itemColumns } from './inbound.js';

const of = (kind) => (v) => v.kind === kind;
const kindHelp = { webhook: 'Each message is posted as JSON, signed with a key of its own.', command: 'A program on this machine is run for each message.', maildir: 'Each message becomes a file in a directory.', lmtp: 'Each message goes on to another mail server.', keep: 'Programs fetch it from Postern’s API.' };

async function fields(mailboxes, isNew) {
  const choices = options(mailboxes, 'address');
  return fieldsOf('endpoint', [
    { key: 'name', help: null, readonly: !isNew, autofocus: isNew },
    { key: 'mailbox', type: 'choice', choices, help: null, readonly: !isNew },
    { key: 'kind', type: 'radio', label: 'Hand it to', help: null, choices: Object.entries(kinds).map(([k, text]) => [k, text, kindHelp[k]]) },
    { key: 'webhook.url', label: 'Address (URL)', required: true, when: of('webhook'), placeholder: 'https://' },
    { key: 'command.path', label: 'Program', required: true, when: of('command') },
    { key: 'command.arguments', label: 'Arguments, one a line', when: of('command') },
    { key: 'maildir', label: 'Directory', required: true, when: of('maildir') },
    { key: 'lmtp.host', label: 'Server', required: true, when: of('lmtp') },
    { key: 'lmtp.is_smtp', label: 'It speaks SMTP, not LMTP', help: null, when: of('lmtp') },
    { key: 'after', label: 'Then, in the mailbox', choices: [['seen', 'mark it as read'], ['move', 'move it to a folder'], ['delete', 'delete it'], ['leave', 'leave it as it is']], help: null },
    { key: 'move_to', label: 'Folder to move to', required: true, when: (v) => v.after === 'move' },
    { label: 'Which mail', folded: true, fields: ['filter.sender', 'filter.recipient', 'filter.subject', 'filter.header', { key: 'filter.larger_kb', label: 'Larger than (kB)', short: true }, { key: 'filter.smaller_kb', label: 'Smaller than (kB)', short: true }] },
    { label: 'How the folder is watched', folded: true, fields: ['folder', { key: 'watch', choices: [['default', 'as the mailbox allows'], ['idle', 'IMAP IDLE: at once'], ['poll', 'IMAP, now and then'], ['pop3', 'POP3, now and then']] }, { key: 'poll_s', label: 'Seconds between looks', short: true }, { key: 'include_old', label: 'Hand over what is there already, too', help: null }, { key: 'drop_duplicates', label: 'Hand each Message-ID over only once', help: null }] },
    { label: 'Patience and details', folded: true, fields: [{ key: 'patience_h', label: 'Hours of retries', short: true }, { key: 'keep_days', label: 'Days kept', short: true }, { key: 'webhook.inline_kb', label: 'Attachments in the JSON up to (kB)', when: of('webhook') }, { key: 'webhook.ca_file', label: 'File of authorities', when: of('webhook') }, { key: 'command.timeout_s', label: 'Seconds it may take', when: of('command') }, { key: 'command.memory_mb', label: 'Memory (MB)', when: of('command') }, { key: 'lmtp.tls', label: 'Protection', when: of('lmtp') }, { key: 'lmtp.recipient', label: 'Recipient', when: of('lmtp') }, { key: 'lmtp.ca_file', label: 'File of authorities', when: of('lmtp') }] },
  ]);
}

async function newKey(name, isFirst) {
  const answer = await post(path`/endpoints/${name}/key`, {});
  await showOnce({ title: `The key of ${name}`, label: 'key', secret: answer.key, text: `With it the receiver checks that a post is Postern’s.${isFirst ? '' : ' The key before it holds no more.'} It is shown this once.` });
}

async function add(page) {
  page.title('Add an endpoint');
  const mailboxes = await all('/mailboxes', { signal: page.signal });
  const f = form({
    fields: await fields(mailboxes, true), values: { kind: 'webhook', after: 'seen', mailbox: page.query.get('mailbox') ?? mailboxes[0]?.address }, label: 'Add', busy: 'Adding …', cancel: '/inbound',
    submit: async (values) => {
      await save({ plural: 'endpoints', key: values.name, isNew: true, values });
      if (values.kind === 'webhook') await newKey(values.name, true);
      toast(`${values.name} is added`);
      page.go(path`/endpoints/${values.name}`, { replace: true });
    },
  });
  return [heading('Add an endpoint', { up: ['/inbound', 'Inbound'] }), mailboxes.length ? f.node : h('p', 'An endpoint hands over the mail of a mailbox. ', link('/mailboxes/new', 'Add a mailbox first'), '.')];
}

export default async function (page) {
  const { name } = page.params;
  if (!name) return add(page);
  page.title(name);
  const e = await get(path`/endpoints/${name}`, { signal: page.signal });
  const w = e.watch_state ?? {};
  const why = w.finding?.cause ? w.finding : w.finding ? await explain(w.finding, { mailbox: e.mailbox, endpoint: name, seen: w.text }) : e.has_key === false ? await explain('endpoint.no-key', { endpoint: name }) : null;
  const test = h('div');
  const run = button('Test', async () => {
    const view = steps({ label: `Test of ${name}`, names: { folder: 'Folder', sample: 'Sample made', 'hand-over': 'Handed over' }, failed: { folder: 'Folder not watched', 'hand-over': 'Not handed over' } });
    fill(test, section('Test', view.node));
    await runSteps(view, path`/endpoints/${name}/test`, {}, page.signal);
  }, { kind: 'primary', busy: 'Testing …' });
  const key = e.kind === 'webhook' && button('New key', async () => {
    if (!(await confirm({ title: `Make a new key for ${name}?`, text: 'The receiver has to be given the new key: until then it refuses what is posted.', action: 'Make it', danger: true }))) return;
    await newKey(name);
    page.reload();
  });
  const kept = keeper(path`/endpoints/${name}`, e);
  const edit = can('admin') && form({
    fields: await fields([{ address: e.mailbox }], false), values: e, renew: kept.renew,
    submit: async (values, changed) => {
      await save({ plural: 'endpoints', key: name, changed, tag: kept.tag });
      toast(`${name} is saved`);
      page.reload();
    },
    danger: removal(page, { plural: 'endpoints', key: name, what: `the endpoint ${name}`, back: '/inbound', text: 'Mail is no longer handed over there. What waits is dropped from the list; the mail itself stays in the mailbox.' }),
  });
  const mail = await deliveries(page, () => ({ endpoint: name }), itemColumns.filter((c) => c.name !== 'Endpoint'));
  const stuck = !why && mail.rows.find((i) => i.finding && ['waiting', 'parked'].includes(i.state));
  const whyStuck = stuck && await explain(stuck.finding, { mailbox: e.mailbox, endpoint: name, seen: stuck.last });
  return [
    heading(name, { up: ['/inbound', 'Inbound'], state: endpointState(e), actions: [can('operate') && [run, pausing(page, { plural: 'endpoints', key: name, isPaused: e.is_paused })], can('admin') && key] }),
    why ? finding(why, { level: 2 }) : whyStuck && finding(whyStuck, { level: 2 }), test,
    section('How it does', facts([
      ['Mailbox', link(path`/mailboxes/${e.mailbox}`, e.mailbox)], ['Handed to', kinds[e.kind]], ['Waiting', number(e.waiting)], ['Parked', e.parked ? link(`/inbound?endpoint=${encodeURIComponent(name)}&state=parked`, number(e.parked)) : '0'],
      ['Last handed over', time(w.last_handed)], ['Watched since', time(w.since)], ['Last look', time(w.last_look)], ['Next look', time(w.next_look)], ['The server said', w.text]])),
    section('Last deliveries', mail.node),
    edit && section('Settings', edit.node),
  ];
}
