/* entra.js - what has to be done in Entra and Exchange, with this installation's values: to click, or as lines for a shell.
 *   registerView({ place, provider, grant, credential, protocols, name, tenant, client })     an app registration
 *   exchangeView({ mailbox, registration })                         the switches of the mailbox, and an app's rights to it
 *   permissionsOf(grant, protocols)  isEntra(provider)   plain(text, placeholder): only what a shell takes as one plain word */
import { h } from '../dom.js';
import { copyable, copyInline } from './copy.js';

const graph = '00000003-0000-0000-c000-000000000000', exchange = '00000002-0000-0ff1-ce00-000000000000';
const delegated = { smtp: ['SMTP.Send', '258f6531-6087-4cc4-bb90-092c5fb3ed3f'], imap: ['IMAP.AccessAsUser.All', '652390e4-393a-48de-9484-05f9b1212954'], pop3: ['POP.AccessAsUser.All', 'd7b7f2d9-0f45-4ea1-9d42-e50810c06991'] };
const application = { smtp: 'SMTP.SendAsApp', imap: 'IMAP.AccessAsApp', pop3: 'POP.AccessAsApp' };
const offline = ['offline_access', '7427e0e9-2fba-42fe-b0c0-848c9e6a8182'];
const usual = ['smtp', 'imap', 'pop3'];

export const isEntra = (provider) => /\{tenant\}/.test(provider?.issuer ?? '');
export const plain = (text, placeholder) => (/^[A-Za-z0-9@._+:%/][A-Za-z0-9@._+:%/-]*$/.test(text ?? '') ? text : placeholder);
export const permissionsOf = (grant, protocols = usual) => (grant === 'app' ? protocols.map((p) => application[p]) : [...protocols.map((p) => delegated[p][0]), 'offline_access']);

const out = (href, text) => h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, text);
const entraHost = (provider) => (/\.us\b/.test(provider?.issuer ?? '') ? 'entra.microsoft.us' : /\.cn\b/.test(provider?.issuer ?? '') ? 'entra.microsoftonline.cn' : 'entra.microsoft.com');
const blade = (provider, part, client) => `https://${entraHost(provider)}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/${part}/appId/${encodeURIComponent(client)}`;

export function redirectsOf(o) {
  if (o.grant === 'app') return [];
  return [...new Set([o.place.callback, 'http://localhost'])];
}

function clicks(o) {
  const redirects = redirectsOf(o), isPublic = o.credential === 'none', client = plain(o.client, '');
  const part = (name, text) => (client ? out(blade(o.provider, name, client), text) : h('b', text));
  const begin = `https://${entraHost(o.provider)}/#view/Microsoft_AAD_RegisteredApps/CreateApplicationBlade/quickStartType~/null/isMSAApp~/false`;
  return h('ol.fix',
    h('li', out(begin, 'Register an application'), ' in Entra. Name: ', copyInline(o.name || 'Postern', 'name'), '. Accounts: this organizational directory only.', redirects.length > 0 && [' Under Redirect URI choose ', h('b', isPublic ? 'Public client/native' : 'Web'), ' and enter the first of these; the other under ', part('Authentication', 'Authentication'), ':', redirects.map((r) => copyable(r, 'redirect URI'))]),
    isPublic && h('li', 'Under ', part('Authentication', 'Authentication'), ', set ', h('b', 'Allow public client flows'), ' to Yes; the device code needs it.'),
    h('li', 'Under ', part('CallAnAPI', 'API permissions'), ': Add a permission, ', o.grant === 'app' ? [h('b', 'APIs my organization uses'), ', Office 365 Exchange Online, Application permissions'] : [h('b', 'Microsoft Graph'), ', Delegated permissions'], ', and choose:', h('ul.plainlist', permissionsOf(o.grant, o.protocols).map((p) => h('li', copyInline(p, 'permission')))), 'Then ', h('b', 'Grant admin consent'), '.'),
    o.credential === 'secret' && h('li', 'Under ', part('Credentials', 'Certificates & secrets'), ', make a client secret and copy its ', h('b', 'Value'), ' (not the Secret ID): Entra shows it once. Note the day it ends.'),
    o.credential === 'certificate' && h('li', 'A certificate is made here once the registration is saved; you upload its public part under ', part('Credentials', 'Certificates & secrets'), '.'),
    h('li', 'From ', part('Overview', 'Overview'), ' copy the Application (client) ID and the Directory (tenant) ID into the registration here.'));
}

function azLines(o) {
  const name = plain(o.name, 'Postern'), redirects = redirectsOf(o).join(' ');
  const where = o.grant === 'app' ? '' : o.credential === 'none' ? ` --public-client-redirect-uris ${redirects} --is-fallback-public-client true` : ` --web-redirect-uris ${redirects}`;
  const protocols = o.protocols ?? usual;
  const rights = o.grant === 'app'
    ? [`for right in ${permissionsOf('app', protocols).join(' ')}; do`, `  role=$(az ad sp show --id ${exchange} --query "appRoles[?value=='$right'].id" -o tsv)`, `  az ad app permission add --id "$app" --api ${exchange} --api-permissions "$role=Role"`, 'done']
    : [`az ad app permission add --id "$app" --api ${graph} --api-permissions ${[...protocols.map((p) => delegated[p][1]), offline[1]].map((id) => `${id}=Scope`).join(' ')}`];
  return [`app=$(az ad app create --display-name ${name} --sign-in-audience AzureADMyOrg${where} --query appId -o tsv)`, 'object=$(az ad sp create --id "$app" --query id -o tsv)', ...rights, 'az ad app permission admin-consent --id "$app"',
    ...(o.credential === 'secret' ? [`az ad app credential reset --id "$app" --append --display-name ${name} --years 1 --query password -o tsv`] : []),
    'echo "client $app, tenant $(az account show --query tenantId -o tsv), object id for Exchange $object"'].join('\n');
}

function powerShellLines(o) {
  const name = plain(o.name, 'Postern'), uris = redirectsOf(o).map((r) => `'${r}'`).join(', '), isApp = o.grant === 'app', protocols = o.protocols ?? usual;
  const where = isApp ? '' : o.credential === 'none' ? ` -PublicClient @{ RedirectUris = @(${uris}) } -IsFallbackPublicClient` : ` -Web @{ RedirectUris = @(${uris}) }`;
  const wanted = isApp
    ? [`$api = Get-MgServicePrincipal -Filter "appId eq '${exchange}'"`, `$rights = $api.AppRoles | Where-Object Value -in ${permissionsOf('app', protocols).map((p) => `'${p}'`).join(', ')}`]
    : [`$api = Get-MgServicePrincipal -Filter "appId eq '${graph}'"`, `$rights = $api.Oauth2PermissionScopes | Where-Object Value -in ${permissionsOf('code', protocols).map((p) => `'${p}'`).join(', ')}`];
  return ['Connect-MgGraph -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All, DelegatedPermissionGrant.ReadWrite.All', ...wanted,
    `$access = @{ ResourceAppId = $api.AppId; ResourceAccess = @($rights | ForEach-Object { @{ Id = $_.Id; Type = '${isApp ? 'Role' : 'Scope'}' } }) }`,
    `$app = New-MgApplication -DisplayName '${name}' -SignInAudience AzureADMyOrg${where} -RequiredResourceAccess $access`, '$sp = New-MgServicePrincipal -AppId $app.AppId',
    isApp ? '$rights | ForEach-Object { New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -PrincipalId $sp.Id -ResourceId $api.Id -AppRoleId $_.Id }'
      : `New-MgOauth2PermissionGrant -ClientId $sp.Id -ConsentType AllPrincipals -ResourceId $api.Id -Scope '${permissionsOf('code', protocols).join(' ')}'`,
    ...(o.credential === 'secret' ? [`(Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = '${name}' }).SecretText`] : []),
    '"client $($app.AppId), tenant $((Get-MgContext).TenantId), object id for Exchange $($sp.Id)"'].join('\n');
}

export function registerView(o) {
  if (!isEntra(o.provider)) {
    const scopes = ['smtp', 'imap', 'pop3'].map((p) => o.provider?.scopes?.[p]).filter(Boolean);
    return h('ol.fix', h('li', 'Make an OAuth client at the provider.'), redirectsOf(o).length > 0 && h('li', 'Its redirect URIs:', redirectsOf(o).map((r) => copyable(r, 'redirect URI'))), h('li', 'It must be allowed to ask for:', [...new Set(scopes)].map((s) => copyable(s, 'scope'))), h('li', 'Copy its client id, and its secret, into the fields here.'));
  }
  return h('div.stack', clicks(o), h('details', h('summary', 'The same with az'), h('div.stack', copyable(azLines(o), 'az lines'))), h('details', h('summary', 'The same with PowerShell'), h('div.stack', copyable(powerShellLines(o), 'PowerShell lines'))));
}

export function exchangeLines({ mailbox = {}, registration }) {
  const address = plain(mailbox.address, 'MAILBOX'), user = plain(mailbox.user, ''), tenant = plain(registration?.tenant, 'TENANT');
  const lines = [`Connect-ExchangeOnline -Organization ${tenant}`, `Set-CASMailbox -Identity ${user || address} -SmtpClientAuthenticationDisabled $false`];
  if (mailbox.grant === 'app') {
    lines.push(`New-ServicePrincipal -AppId ${plain(registration?.client_id, 'CLIENT-ID')} -ObjectId OBJECT-ID -DisplayName Postern`, `Add-MailboxPermission -Identity ${address} -User OBJECT-ID -AccessRights FullAccess`, `Add-RecipientPermission -Identity ${address} -Trustee OBJECT-ID -AccessRights SendAs -Confirm:$false`);
  } else if (user) {
    lines.push(`Add-MailboxPermission -Identity ${address} -User ${user} -AccessRights FullAccess`, `Add-RecipientPermission -Identity ${address} -Trustee ${user} -AccessRights SendAs -Confirm:$false`);
  }
  for (const shared of mailbox.shared ?? []) lines.push(`Add-RecipientPermission -Identity ${plain(shared, 'ADDRESS')} -Trustee ${mailbox.grant === 'app' ? 'OBJECT-ID' : user || address} -AccessRights SendAs -Confirm:$false`);
  return lines.join('\n');
}

export function exchangeView(o) {
  const isApp = o.mailbox?.grant === 'app', client = plain(o.registration?.client_id, '');
  const list = `https://${entraHost(o.provider)}/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview`;
  return h('div.stack',
    h('p', 'SMTP AUTH is off in most tenants, and a good token does not change that. In the ', out('https://admin.microsoft.com/#/users', 'Microsoft 365 admin center'), ': the user, Mail, Manage email apps, ', h('b', 'Authenticated SMTP'), '. Or in PowerShell, which also gives the rights:'),
    copyable(exchangeLines(o), 'PowerShell lines'),
    isApp && h('p', 'OBJECT-ID is the Object ID under ', out(list, 'Enterprise applications'), ', not the one under App registrations', client && [': ', copyInline(`az ad sp show --id ${client} --query id`, 'command')], '. If the token is fetched already, the Test shows it, too.'),
    h('p.note', 'Exchange takes some minutes, at times an hour, until such a change holds.'));
}
