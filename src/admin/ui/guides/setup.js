/* setup.js - the guides for Entra and Exchange: the same words as in the wizard, whole and in one place. */
import { h } from '../dom.js';
import { section, link, facts } from '../parts/shell.js';
import { copyable } from '../parts/copy.js';
import { registerView, exchangeView, permissionsOf, isEntra } from '../parts/entra.js';

const wanted = (c, grant, credential) => ({ place: c.place, provider: c.provider, grant, credential, name: 'Postern', tenant: c.registration?.tenant, client: c.registration?.client_id });

function entra(c) {
  if (!isEntra(c.provider)) return [h('p', `The provider ${c.provider?.title || c.provider?.name || ''} is not Microsoft’s.`), registerView(wanted(c, 'code', 'secret'))];
  return [
    section('Which way?', facts([['A person signs in', 'The usual way. The mailbox’s owner signs in once, and again if the permission is withdrawn or the password changed.'], ['With a code', 'The same, for a registration without a secret.'], ['The registration signs in', 'No person; the registration needs rights to each mailbox, given in Exchange.']])),
    section('A person signs in', { note: `Permissions: ${permissionsOf('code').join(', ')}, of Microsoft Graph. Leave out what you do not use.` }, registerView(wanted(c, 'code', c.registration?.credential ?? 'secret'))),
    section('With a code', { note: 'A public client: nothing to renew.' }, registerView(wanted(c, 'device', 'none'))),
    section('The registration signs in', { note: `Permissions: ${permissionsOf('app').join(', ')}, of Office 365 Exchange Online.` }, registerView(wanted(c, 'app', 'certificate'))),
    section('What ends', h('p', 'A client secret ends after 24 months at most, a certificate when it says. Postern warns from 30 days before. A sign-in that nobody uses ends after 90 days: Postern uses it now and then, so it does not.')),
  ];
}

function exchange(c) {
  const byApp = { mailbox: { ...(c.mailbox ?? {}), grant: 'app' }, registration: c.registration, provider: c.provider };
  return [
    section('SMTP AUTH, and rights to others’ addresses', exchangeView({ mailbox: c.mailbox ?? {}, registration: c.registration, provider: c.provider })),
    section('Where the registration signs in by itself', { note: 'In addition: Exchange has to know it, and to let it at each mailbox.' }, exchangeView(byApp)),
    section('IMAP and POP3', copyable(`Set-CASMailbox -Identity ${c.mailbox?.address ?? 'MAILBOX'} -ImapEnabled $true -PopEnabled $true`, 'PowerShell line'), h('p.note', 'They are on unless somebody switched them off. The switch of the account that signs in counts, not that of the shared mailbox.')),
    section('How it stands', copyable(`Get-TransportConfig | Format-List SmtpClientAuthenticationDisabled\nGet-CASMailbox -Identity ${c.mailbox?.address ?? 'MAILBOX'} | Format-List SmtpClientAuthenticationDisabled, ImapEnabled, PopEnabled`, 'PowerShell lines'), h('p.note', 'Empty for the mailbox: as the tenant says. True: switched off.')),
    section('Sending from an alias', copyable('Set-OrganizationConfig -SendFromAliasEnabled $true', 'PowerShell line'), h('p.note', 'Otherwise Exchange puts the main address in place of the alias.')),
    h('p', 'Then ', link('/mailboxes', 'test the mailbox'), ': the test stops where something is still missing, and says what.'),
  ];
}

export const setups = [
  { id: 'entra', title: 'Entra: the registration', about: 'Registering Postern in the tenant, by clicks, with az or with PowerShell.', view: entra },
  { id: 'exchange', title: 'Exchange: switches and rights', about: 'SMTP AUTH, shared mailboxes, and rights for a registration that signs in by itself.', view: exchange },
];
