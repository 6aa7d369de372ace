/* products.js - one guide for each product: what is left to do there, and where the fields of its own guide for Microsoft 365 went.
 * A field is [its name there, what becomes of it, page here]. */
const registration = '/settings/registrations', wizard = '/mailboxes/new', mailboxes = '/mailboxes';
const client = ['Client ID, Application ID', 'Registration: Application (client) ID', registration], tenant = ['Tenant ID, Directory ID', 'Registration: Directory (tenant) ID', registration];
const secret = ['Client secret', 'Registration: Client secret, or better a certificate', registration], redirect = ['Redirect URI, Redirect URL', 'Postern has its own; the wizard shows it, ready to copy', wizard];
const permissions = ['API permissions', 'The wizard lists those that are needed, and no others', wizard], authorize = ['Authorize', 'Mailbox: Authorize; also by a code or by a link for the owner', mailboxes];

export const guides = [
  {
    id: 'liferay', title: 'Liferay DXP and Portal', product: 'liferay',
    text: ['Liferay sends through Postern and, if answers to message boards shall be read, fetches them by POP3. The Outlook Auth Connector is not used: Liferay signs in at Postern with a password that never ends, and Postern signs in at Microsoft.'],
    after: ['Save, then let Liferay send something: an invitation, or a password reminder to yourself. Under Messages it appears within a second.', 'Answers: the POP mailbox must not be read by anything else, or mail is missing here or there.'],
    fields: [client, secret, tenant, ['POP and IMAP API permissions', 'The wizard lists those for SMTP and POP3; Liferay needs both', wizard], ['User Name (incoming, outgoing)', 'The name of the app', '/apps'], ['Incoming and Outgoing Server and Port', 'As in the table above', null], ['POP3 Connection Enabled, SMTP Connection Enabled', 'Mailbox: Switched on, each by itself', mailboxes]],
  },
  {
    id: 'aem', title: 'Adobe AEM Forms (JEE)', product: 'aem',
    text: ['E-mail service, task notifications and e-mail endpoints all sign in at Postern with the app’s password. No authorization code is cut out of an address, no refresh token is made with curl and pasted in three places, and a new sign-in holds at once, without waiting for a deployment.'],
    after: ['Test with Send with Document. Send with Map of Attachments and Receive work the same way; Receive may also use POP3.',
      'A program outside Workbench can send a document, or several, in one HTTP request: multipart/form-data to the API, any number of files.'],
    more: [['One process with basic authentication', ['AEM has one global setting, and a process may differ from it (Use Global settings off, in Connection Settings). Here the server that wants a password is a mailbox of its own: add a mailbox whose sign-in is Password, with that server under “SMTP server, if not the provider’s”, and the password. Give it an app of its own.', 'In the process, switch Use Global settings off and enter the name and password of that app; host and port stay the same. The others go on with OAuth. To Postern both are apps; only their mailboxes differ.', 'If that process shall send as an address that has a mailbox here already, name the address under “Addresses of others” of the mailbox with the password.']]],
    fields: [client, secret, ['common, or tenant ID', 'Registration: Directory (tenant) ID', registration], redirect, ['Authorization code', 'Not needed: Postern takes it by itself', mailboxes], ['Refresh token', 'Not needed: Authorize stores it, sealed, and keeps it fresh', mailboxes], permissions, ['oAuth 2.0 Authentication Settings, Enable oAuth', 'False', null], ['SMTP and Receive Transport Security', 'As in the table above', null], ['Use Global settings', 'A mailbox with a password and an app of its own, as said above', wizard], ['TO and From', 'The sender is the mailbox, one of its aliases or shared addresses', mailboxes]],
  },
  {
    id: 'dnn', title: 'DNN', product: 'dnn',
    text: ['DNN’s OAuth provider is not used: with Basic authentication towards Postern, no redirect page of the site, no SSL setting of DNN and no service principal is needed.'],
    after: ['Press Test SMTP Settings in DNN. If it fails, the Test on the mailbox’s page here says at which step.', 'The address of the site administrator is the sender of DNN’s mail.'],
    fields: [tenant, client, secret, ['Authorize.aspx and site URL as redirect URIs', 'Not needed; Postern has its own', wizard], authorize, ['Test SMTP Settings', 'Mailbox: Test, step by step', mailboxes], ['Authenticated SMTP, Set-CASMailbox', 'Still needed, once per mailbox', '/guides/exchange'], ['New-ServicePrincipal, Add-MailboxPermission', 'Only where the registration signs in by itself', '/guides/exchange'], ['Application permissions', 'Only then, too; at Office 365 Exchange Online', '/guides/entra']],
  },
  {
    id: 'endpoint-central', title: 'ManageEngine Endpoint Central', product: 'endpoint-central',
    text: ['Endpoint Central uses its basic authentication towards Postern. The account needs no administrator’s role, and a shared mailbox may be the sender.'],
    after: ['Save with Test Email Address set to your own: the test mail goes through Postern at once.', 'Basic Authentication here is between the two machines only; use a listener with STARTTLS if they are not the same.'],
    fields: [['Server Name, Port', 'As in the table above', null], ['Sender Email Address', 'The mailbox; a shared one, too', mailboxes], ['Test Email Address', 'Mailbox: Test, Test address', mailboxes], ['Enable TLS', 'As in the table above', null], ['Username', 'The address of the mailbox; it signs in as the app', '/apps'], client, secret, redirect, permissions, ['Application Administrator role', 'Not needed, and better not given', null], ['Send on Behalf', 'Send As: name the address among the mailbox’s “Addresses of others”', '/guides/exchange'], ['TLS 1.2 on the server', 'Postern speaks TLS 1.2 and 1.3 to Microsoft', null]],
  },
  {
    id: 'any', title: 'Any program with SMTP, IMAP or POP3', product: 'any',
    text: ['Whatever can enter a server, a port, a user name and a password can use Postern.'],
    after: ['Send something to yourself and look under Messages.'],
    fields: [['Application Name, Supported Account Types', 'The wizard says what to enter', wizard], client, tenant, secret, ['Allow public client flows', 'Only for sign-in with a code; the wizard says when', wizard], ['SMTP.Send, openid, offline_access, User.Read', 'SMTP.Send and offline_access are enough for sending', wizard], ['Authenticated SMTP', 'Still needed, once per mailbox', '/guides/exchange']],
  },
  {
    id: 'printer', title: 'Printers and scanners', product: 'printer',
    text: ['A device signs in with a name and a password, or not at all: then it is known by its address.'],
    after: ['Scan a page to yourself.', 'Devices that always use a sender of their own: the app can put the mailbox’s address in (Sender put into all its mail).'],
    fields: [['SMTP server, port, encryption', 'As in the table above', null], ['No sign-in', 'App: Address ranges, one a line', '/apps']],
  },
  {
    id: 'http', title: 'Programs over HTTP', product: 'http',
    text: ['A program sends with one HTTP request, and gets an id to ask with. The app must be allowed HTTP; or make a key under Settings.'],
    after: ['Files: multipart/form-data with from, to, subject, text and any number of files. A whole message: message/rfc822.', 'Idempotency-Key makes a request that is repeated count once.'], fields: [],
  },
];
