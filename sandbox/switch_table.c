/* The rows, in the order of the enum: what a switch is called, what it may be, what it does. */
#include "sandbox/switches.h"

#define ON_OFF "on|off"

const struct switch_row switch_rows[SWITCH_COUNT] = {
    /* Signing in. */
    [SWITCH_AUTO_CONSENT] = { "auto-consent", SWITCH_CHOICE, 0, ON_OFF, "off",
                              "The sign-in page answers at once: login_hint says who signs in, and consent is given." },
    [SWITCH_AUTO_DEVICE] = { "auto-device", SWITCH_CHOICE, 0, "off|approve|decline", "off",
                             "Device codes are decided at once, without the page." },
    [SWITCH_AUTO_USER] = { "auto-user", SWITCH_TEXT, 0, "an address", "shop@contoso.example",
                           "Who signs in automatically when there is no login_hint." },
    [SWITCH_CONSENT_POLICY] = { "consent.policy", SWITCH_CHOICE, SWITCH_PROPAGATES, "user|admin", "user",
                                "Who may consent; admin refuses users with AADSTS90094." },
    [SWITCH_CONSENT_REMOVE] = { "consent.remove", SWITCH_ACTION, 0, "an address or all", "",
                                "Takes back every consent of that user: refresh then fails with AADSTS65001." },
    [SWITCH_CODE_LIFETIME] = { "code.lifetime", SWITCH_DURATION, 0, "a duration", "10m",
                               "How long an authorization code can be redeemed." },
    [SWITCH_TOKEN_LIFETIME] = { "token.lifetime", SWITCH_DURATION, 0, "a duration; 0: 60 to 90 minutes by chance", "0",
                                "How long an access token lives." },
    [SWITCH_TOKEN_SIZE] = { "token.size", SWITCH_NUMBER, 0, "0..12", "0",
                            "Pads access tokens to about so many KiB, as many groups do; 0 leaves their natural "
                            "size." },
    [SWITCH_REFRESH_LIFETIME] = { "refresh.lifetime", SWITCH_DURATION, 0, "a duration", "90d",
                                  "A refresh token unused for so long is refused with AADSTS700082." },
    [SWITCH_REFRESH_ROTATE] = { "refresh.rotate", SWITCH_CHOICE, 0, ON_OFF, "on",
                                "Each refresh answers with a new refresh token; the old one stays good." },
    [SWITCH_SCOPE_ECHO] = { "scope.echo", SWITCH_CHOICE, 0, "all|asked|office365", "all",
                            "The `scope` of an answer: with scopes granted earlier, as asked, or in the other host's "
                            "spelling." },
    [SWITCH_DEVICE_LIFETIME] = { "device.lifetime", SWITCH_DURATION, 0, "a duration", "15m",
                                 "How long a device code can be signed in with." },
    [SWITCH_DEVICE_INTERVAL] = { "device.interval", SWITCH_NUMBER, 0, "1..60", "5", "Seconds between polls." },
    [SWITCH_DEVICE_SLOW_DOWN] = { "device.slow-down", SWITCH_CHOICE, 0, ON_OFF, "on",
                                  "Polls that come too early are answered with slow_down (RFC 8628; not seen at "
                                  "Entra)." },
    [SWITCH_REVOKE] = { "revoke", SWITCH_ACTION, 0, "an address or all", "",
                        "Revokes the sessions of that user: older refresh tokens are refused with AADSTS50173." },
    [SWITCH_USER_STATE] = { "user.state", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES,
                            "ok|disabled|deleted|locked|mfa|mfa-registration|password-expired|sign-in-frequency|"
                            "blocked-by-policy|device-required|risk|unassigned",
                            "ok", "ADDRESS=STATE: what the token endpoint and the sign-in page say of that user." },
    [SWITCH_CLIENT_STATE] = { "client.state", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, "ok|disabled|missing",
                              "ok",
                              "CLIENT-ID=STATE: the registration is disabled (AADSTS7000112) or gone (AADSTS700016)." },
    [SWITCH_CLIENT_SECRET] = { "client.secret", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, "good|expired|changed",
                               "good",
                               "CLIENT-ID=STATE: the secret expired (AADSTS7000222) or was replaced (AADSTS7000215)." },
    [SWITCH_CLIENT_ROLES] = { "client.roles", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, "granted|missing",
                              "granted",
                              "CLIENT-ID=STATE: whether an administrator granted its application permissions." },
    [SWITCH_CERTIFICATE] = { "certificate", SWITCH_ACTION, 0, "CLIENT-ID=@FILE.pem, or CLIENT-ID=none", "",
                             "Uploads a certificate to a registration, or takes all of them away." },
    [SWITCH_CERTIFICATE_AUTO] = { "certificate.auto", SWITCH_CHOICE, 0, ON_OFF, "off",
                                  "Accepts a client assertion of a certificate that nobody uploaded, unverified." },
    [SWITCH_JWKS_ROLLOVER] = { "jwks.rollover", SWITCH_ACTION, 0, "keep or drop", "",
                               "Signs with a new key from now on and keeps or drops the older ones from the key set." },
    [SWITCH_ID_TOKEN_LIE] = { "id-token.lie", SWITCH_CHOICE, SWITCH_COUNTED,
                              "none|signature|issuer|audience|nonce|expired|tenant|user|alg-none", "none",
                              "What is wrong with the next id_tokens." },
    [SWITCH_ID_TOKEN_GROUPS] = { "id-token.groups", SWITCH_TEXT, 0, "none, ids with commas between, or overage", "none",
                                 "Groups that id_tokens name; overage: so many that they say only where to ask." },
    [SWITCH_IDP_FAULT] = { "idp.fault", SWITCH_CHOICE, SWITCH_COUNTED,
                           "none|no-answer|close|empty|html|429|500|503|no-access-token|not-json|wrong-type|huge",
                           "none", "How the endpoints of idp.fault-at fail." },
    [SWITCH_IDP_FAULT_AT] = { "idp.fault-at", SWITCH_CHOICES, 0, "token,devicecode,discovery,keys,authorize", "token",
                              "Where idp.fault and idp.delay apply." },
    [SWITCH_IDP_RETRY_AFTER] = { "idp.retry-after", SWITCH_NUMBER, 0, "0..86400", "7",
                                 "Retry-After of 429 and 503, in seconds; 0 sends none." },
    [SWITCH_IDP_DELAY] = { "idp.delay", SWITCH_NUMBER, 0, "0..600000", "0",
                           "Milliseconds before such an answer is sent." },
    [SWITCH_TOKEN_ERROR] = { "token.error", SWITCH_TEXT, SWITCH_COUNTED, "none, or an AADSTS number", "none",
                             "The token endpoint refuses everything with this error." },
    [SWITCH_TOKEN_CLAIMS] = { "token.claims", SWITCH_TEXT, 0, "none, or JSON", "none",
                              "A claims challenge that goes with interaction_required errors." },
    [SWITCH_ERROR_TAIL] = { "error.tail", SWITCH_CHOICE, 0, "lines|spaces", "lines",
                            "What separates Trace ID, Correlation ID and Timestamp in an error_description." },
    [SWITCH_NUMBERS] = { "token.numbers", SWITCH_CHOICE, 0, "numbers|strings", "numbers",
                         "The type of expires_in, as some older endpoints send text." },

    /* Sending. */
    [SWITCH_SMTP_AUTH_TENANT] = { "smtp.auth-tenant", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, ON_OFF, "on",
                                  "[DOMAIN=]VALUE: SmtpClientAuthenticationDisabled of the tenant, the other way "
                                  "round." },
    [SWITCH_SMTP_AUTH_MAILBOX] = { "smtp.auth-mailbox", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES,
                                   "inherit|on|off", "inherit",
                                   "ADDRESS=VALUE: the mailbox's own setting, which overrides the tenant's." },
    [SWITCH_SMTP_AUTH_ORDER] = { "smtp.auth-order", SWITCH_CHOICE, 0, "identity-first|switch-first", "identity-first",
                                 "What is looked at first when token and SMTP AUTH are both wrong (measurements "
                                 "disagree)." },
    [SWITCH_SMTP_LOGIN] = { "smtp.login", SWITCH_CHOICE, 0,
                            "retired|basic-disabled|security-defaults|criteria|incorrect|refused|allowed", "retired",
                            "What AUTH LOGIN is answered." },
    [SWITCH_SMTP_CHALLENGE] = { "smtp.challenge", SWITCH_CHOICE, 0, ON_OFF, "off",
                                "A refused token is answered with a base64 challenge first (the Google port always "
                                "does)." },
    [SWITCH_SMTP_INITIAL_RESPONSE] = { "smtp.initial-response", SWITCH_CHOICE, 0, "accept|refuse", "accept",
                                       "Whether a token on the AUTH line itself is taken, or refused as too long a "
                                       "line." },
    [SWITCH_SMTP_AUTH_FAILURES] = { "smtp.auth-failures", SWITCH_NUMBER, 0, "1..100", "3",
                                    "The connection ends after so many failed AUTH commands." },
    [SWITCH_SMTP_LINE] = { "smtp.line", SWITCH_NUMBER, 0, "512..32768", "32768",
                           "The longest line that is taken, in octets (RFC 4954 speaks of 12288 for tokens)." },
    [SWITCH_SMTP_STARTTLS] = { "smtp.starttls", SWITCH_CHOICE, 0, "on|off|refuse", "on",
                               "Whether STARTTLS is offered, hidden, or offered and then refused." },
    [SWITCH_SMTP_CERTIFICATE] = { "smtp.certificate", SWITCH_CHOICE, 0, "good|wrong-name|unknown-ca|expired", "good",
                                  "The certificate shown after STARTTLS." },
    [SWITCH_SMTP_WITHOUT] = { "smtp.without", SWITCH_CHOICES, 0,
                              "SIZE,PIPELINING,DSN,ENHANCEDSTATUSCODES,8BITMIME,BINARYMIME,CHUNKING,SMTPUTF8", "none",
                              "Capabilities that are not offered." },
    [SWITCH_SMTP_TARPIT] = { "smtp.tarpit", SWITCH_NUMBER, 0, "0..60000", "0",
                             "Milliseconds before an unknown command is answered (Exchange Online: about 5000)." },
    [SWITCH_SMTP_IDLE] = { "smtp.idle", SWITCH_DURATION, 0, "a duration; 0: never", "5m",
                           "A silent client is sent away with 421 4.4.1 after so long." },
    [SWITCH_SMTP_LIMITS] = { "smtp.limits", SWITCH_CHOICE, 0, ON_OFF, "on",
                             "Off: none of the limits on connections, messages and recipients counts." },
    [SWITCH_SMTP_CONNECTIONS] = { "smtp.connections", SWITCH_NUMBER, 0, "0..10000", "3",
                                  "Connections of one mailbox at a time; 0: no limit, here and below." },
    [SWITCH_SMTP_CONNECTIONS_AT] = { "smtp.connections-at", SWITCH_CHOICE, 0, "data|login", "data",
                                     "When one connection too many is refused with 432." },
    [SWITCH_SMTP_RATE] = { "smtp.messages-per-minute", SWITCH_NUMBER, 0, "0..1000000", "30",
                           "Messages per minute of one mailbox." },
    [SWITCH_SMTP_RECIPIENTS] = { "smtp.recipients-per-message", SWITCH_NUMBER, 0, "0..100000", "500",
                                 "Recipients of one message." },
    [SWITCH_SMTP_RECIPIENTS_PER_DAY] = { "smtp.recipients-per-day", SWITCH_NUMBER, 0, "0..1000000000", "10000",
                                         "Recipients of one mailbox within 24 hours." },
    [SWITCH_SMTP_SIZE] = { "smtp.size", SWITCH_SIZE, 0, "a size", "157286400",
                           "The SIZE that is announced and kept to." },
    [SWITCH_MAILBOX_SIZE] = { "mailbox.size", SWITCH_SIZE, SWITCH_KEYED | SWITCH_PROPAGATES, "a size", "36700160",
                              "[ADDRESS=]SIZE: MaxSendSize of the mailbox, looked at after DATA." },
    [SWITCH_MAILBOX_STATE] = { "mailbox.state", SWITCH_CHOICE, SWITCH_KEYED,
                               "ok|full|spam|quota|restricted|daily-limit|busy|logon-failure|tenant-limit|tenant-"
                               "blocked|"
                               "bad-address|server-busy|unavailable",
                               "ok", "[ADDRESS=]STATE: what a finished message of that mailbox is answered." },
    [SWITCH_SMTP_SHARED_USER] = { "smtp.shared-user", SWITCH_CHOICE, 0, "accept|refuse", "accept",
                                  "Whether a delegate may name the shared mailbox in user= (sources differ)." },
    [SWITCH_SEND_AS] = { "send-as", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, "seeded|on|off", "seeded",
                         "TRUSTEE:ADDRESS=VALUE: SendAs, beside what the seed grants. A trustee is an address or "
                         "client id." },
    [SWITCH_SEND_AS_REPLY] = { "send-as.reply", SWITCH_CHOICE, 0, "5.2.252|5.2.0|5.7.60", "5.2.252",
                               "Which of the texts a refused sender gets." },
    [SWITCH_SEND_FROM_ALIAS] = { "send-from-alias", SWITCH_CHOICE, SWITCH_PROPAGATES, ON_OFF, "off",
                                 "Off: a From that is the mailbox's own alias is replaced by its primary address." },
    [SWITCH_THROTTLE_AFTER] = { "throttle.after", SWITCH_NUMBER, 0, "0..1000", "10",
                                "Repeated errors of one kind before a mailbox is throttled with 550 5.2.25x; 0: "
                                "never." },
    [SWITCH_THROTTLE_TIME] = { "throttle.time", SWITCH_DURATION, 0, "a duration", "1h", "How long that lasts." },
    [SWITCH_THROTTLE] = { "throttle", SWITCH_CHOICE, SWITCH_KEYED,
                          "none|mailbox-full|send-as|license|recipients|invalid-recipients", "none",
                          "[ADDRESS=]KIND: throttled right now." },
    [SWITCH_SERVICE_PRINCIPAL] = { "service-principal", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES,
                                   "registered|wrong-object-id|missing", "registered",
                                   "CLIENT-ID=STATE: New-ServicePrincipal in Exchange; wrong: App registration's "
                                   "object id." },
    [SWITCH_MAILBOX_PERMISSION] = { "mailbox-permission", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES,
                                    "seeded|granted|missing|refused-at-login", "seeded",
                                    "CLIENT-ID:ADDRESS=STATE: FullAccess of an app-only client, shown after DATA or at "
                                    "AUTH." },
    [SWITCH_RBAC] = { "rbac", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, "seeded|in-scope|out-of-scope", "seeded",
                      "CLIENT-ID:ADDRESS=STATE: role \"Application SMTP.SendAsApp\" of a client without the Entra "
                      "role." },
    [SWITCH_SMTP_BARE_LF] = { "smtp.bare-lf", SWITCH_CHOICE, 0, "accept|refuse", "accept",
                              "Refuse answers a message with bare CR or LF with 550 5.6.11." },
    [SWITCH_SMTP_INJECT] = { "smtp.inject", SWITCH_ACTION, SWITCH_COUNTED,
                             "STEP[:WORD]=REPLY with STEP one of connect, ehlo, starttls, auth, token, mail, rcpt, "
                             "data, end, "
                             "rset, quit and REPLY a line (\"421 4.3.2 Service not available\"), drop, drop-after, "
                             "stall, or "
                             "slow:MILLISECONDS; or off",
                             "",
                             "What is answered at a step (whose line has WORD in it) instead; with a number of uses." },
    [SWITCH_SENT_ITEMS] = { "sent-items", SWITCH_CHOICE, SWITCH_KEYED, ON_OFF, "on",
                            "[ADDRESS=]VALUE: MessageCopyForSMTPClientSubmissionEnabled." },
    /* Reading. */
    [SWITCH_IMAP_GENERATION] = { "imap.generation", SWITCH_CHOICE, 0, "classic|2026", "2026",
                                 "Greeting and capabilities of the older or the newer front end." },
    [SWITCH_IMAP_ENABLED] = { "imap.enabled", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, ON_OFF, "on",
                              "[ADDRESS=]VALUE: ImapEnabled of whoever signs in; off shows at the first SELECT." },
    [SWITCH_IMAP_STATE] = { "imap.state", SWITCH_CHOICE, SWITCH_KEYED, "ok|unavailable|unlicensed|not-connected", "ok",
                            "[ADDRESS=]STATE: the mailbox answers NO Server Unavailable. 15, or is never connected." },
    [SWITCH_IMAP_NOT_CONNECTED] = { "imap.not-connected", SWITCH_CHOICE, 0, "BAD|NO", "BAD",
                                    "How \"User is authenticated but not connected.\" is answered." },
    [SWITCH_IMAP_LOGIN] = { "imap.login", SWITCH_CHOICE, 0, "basic-disabled|failed|personal", "basic-disabled",
                            "What LOGIN and AUTHENTICATE PLAIN are answered where they are offered." },
    [SWITCH_IMAP_CHALLENGE] = { "imap.challenge", SWITCH_CHOICE, 0, ON_OFF, "off",
                                "A refused token is answered with a base64 challenge first (the Google port always "
                                "does)." },
    [SWITCH_IMAP_PLUS] = { "imap.plus", SWITCH_CHOICE, 0, "blank|bare", "blank",
                           "Whether a blank follows the + that asks for a token." },
    [SWITCH_IMAP_EXPIRY] = { "imap.expiry", SWITCH_CHOICE, 0, "stay|close|ignore", "stay",
                             "After BYE Session invalidated - AccessTokenExpired the connection stays (and answers "
                             "BAD), "
                             "or closes; ignore: a session outlives its token." },
    [SWITCH_IMAP_THROTTLE] = { "imap.throttle", SWITCH_NUMBER, SWITCH_KEYED, "0..86400000", "0",
                               "[ADDRESS=]MILLISECONDS: commands are answered NO Request is throttled with that "
                               "suggested "
                               "backoff time; 0: not." },
    [SWITCH_IMAP_CONNECTIONS] = { "imap.connections", SWITCH_NUMBER, 0, "0..100000", "20",
                                  "Sessions of one mailbox at a time; one too many is not connected; 0: no limit." },
    [SWITCH_IMAP_AUTH_FAILURES] = { "imap.auth-failures", SWITCH_NUMBER, 0, "1..100", "3",
                                    "The connection ends after so many refused sign-ins." },
    [SWITCH_IMAP_BAD_COMMANDS] = { "imap.bad-commands", SWITCH_NUMBER, 0, "0..100", "3",
                                   "The connection ends after so many bad commands in a row; 0: never." },
    [SWITCH_IMAP_IDLE] = { "imap.idle", SWITCH_DURATION, 0, "a duration; 0: never", "30m",
                           "A silent client, also one in IDLE, is sent away with BYE after so long." },
    [SWITCH_IMAP_SLOW] = { "imap.slow", SWITCH_NUMBER, 0, "0..600000", "0", "Milliseconds before each answer." },
    [SWITCH_IMAP_CERTIFICATE] = { "imap.certificate", SWITCH_CHOICE, 0, "good|wrong-name|unknown-ca|expired", "good",
                                  "The certificate of the IMAP servers." },
    [SWITCH_IMAP_STARTTLS] = { "imap.starttls", SWITCH_CHOICE, 0, "on|off|refuse", "on",
                               "Whether STARTTLS is offered on the plain port, hidden, or offered and then refused." },
    [SWITCH_IMAP_WITHOUT] = { "imap.without", SWITCH_CHOICES, 0,
                              "SASL-IR,UIDPLUS,MOVE,ID,UNSELECT,CHILDREN,IDLE,NAMESPACE,LITERAL+,ENABLE,IMAP4rev2,"
                              "COMPRESS=DEFLATE,SPECIAL-USE,AUTH=XOAUTH2,AUTH=OAUTHBEARER,AUTH=PLAIN,LOGINDISABLED",
                              "none", "Capabilities that are not offered." },
    [SWITCH_IMAP_SIZE] = { "imap.size", SWITCH_CHOICE, 0, "exact|estimate", "exact",
                           "Whether RFC822.SIZE is the number of octets, or a little more." },
    [SWITCH_IMAP_APPEND_SIZE] = { "imap.append-size", SWITCH_SIZE, 0, "a size", "157286400",
                                  "The largest message that APPEND takes." },
    [SWITCH_IMAP_INJECT] = { "imap.inject", SWITCH_ACTION, SWITCH_COUNTED,
                             "STEP[:WORD]=REPLY with STEP one of connect, starttls, capability, authenticate, token, "
                             "login, "
                             "select, examine, list, status, fetch, search, store, copy, move, append, message, "
                             "expunge, "
                             "idle, done, close, noop, logout, create, delete, rename, enable, id and REPLY a line "
                             "(\"NO "
                             "Server Unavailable. 15\", \"* BYE …\", or raw:TEXT), drop, drop-after, stall, "
                             "slow:MILLISECONDS, or cut:OCTETS; or off",
                             "",
                             "What is answered at a step (whose line has WORD in it) instead; with a number of uses." },
    [SWITCH_POP3_GENERATION] = { "pop3.generation", SWITCH_CHOICE, 0, "classic|2026|bare", "2026",
                                 "Greeting and CAPA of the older or the newer front end; bare: a greeting without a "
                                 "name." },
    [SWITCH_POP3_ENABLED] = { "pop3.enabled", SWITCH_CHOICE, SWITCH_KEYED | SWITCH_PROPAGATES, ON_OFF, "on",
                              "[ADDRESS=]VALUE: PopEnabled of whoever signs in." },
    [SWITCH_POP3_STATE] = { "pop3.state", SWITCH_CHOICE, SWITCH_KEYED, "ok|unavailable|lost", "ok",
                            "[ADDRESS=]STATE: signing in is answered -ERR Server Unavailable. 21; lost: what comes "
                            "after "
                            "it is." },
    [SWITCH_POP3_LOGIN] = { "pop3.login", SWITCH_CHOICE, 0, "failed|basic-disabled", "failed",
                            "What USER and PASS are answered." },
    [SWITCH_POP3_CHALLENGE] = { "pop3.challenge", SWITCH_CHOICE, 0, ON_OFF, "off",
                                "A refused token is answered with a base64 challenge first (the Google port always "
                                "does)." },
    [SWITCH_POP3_BLOB] = { "pop3.blob", SWITCH_CHOICE, 0, "two-lines|any", "two-lines",
                           "Two-lines: a token on the AUTH line itself ends the connection with -ERR Protocol error." },
    [SWITCH_POP3_BLOB_SIZE] = { "pop3.blob-size", SWITCH_NUMBER, 0, "0..65536", "0",
                                "A longer token line ends the connection with -ERR Protocol error (reported: 4096); 0: "
                                "no "
                                "limit." },
    [SWITCH_POP3_EXPIRY] = { "pop3.expiry", SWITCH_CHOICE, 0, "close|ignore", "close",
                             "Once its token has ended, a session's next command is answered -ERR Session invalidated "
                             "- "
                             "AccessTokenExpired, and the connection closes; ignore: a session outlives its token. "
                             "(What "
                             "Exchange Online does with POP3 is not known: so it does with IMAP.)" },
    [SWITCH_POP3_CONNECTIONS] = { "pop3.connections", SWITCH_NUMBER, 0, "0..100000", "20",
                                  "Sessions of one mailbox at a time; 0: no limit." },
    [SWITCH_POP3_AUTH_FAILURES] = { "pop3.auth-failures", SWITCH_NUMBER, 0, "1..100", "3",
                                    "The connection ends after so many refused sign-ins." },
    [SWITCH_POP3_BAD_COMMANDS] = { "pop3.bad-commands", SWITCH_NUMBER, 0, "0..100", "3",
                                   "The connection ends after so many bad commands in a row; 0: never." },
    [SWITCH_POP3_IDLE] = { "pop3.idle", SWITCH_DURATION, 0, "a duration; 0: never", "30m",
                           "A silent client is sent away after so long." },
    [SWITCH_POP3_SLOW] = { "pop3.slow", SWITCH_NUMBER, 0, "0..600000", "0", "Milliseconds before each answer." },
    [SWITCH_POP3_CERTIFICATE] = { "pop3.certificate", SWITCH_CHOICE, 0, "good|wrong-name|unknown-ca|expired", "good",
                                  "The certificate of the POP3 servers." },
    [SWITCH_POP3_STLS] = { "pop3.stls", SWITCH_CHOICE, 0, "on|off|refuse", "on",
                           "Whether STLS is offered on the plain port, hidden, or offered and then refused." },
    [SWITCH_POP3_WITHOUT] = { "pop3.without", SWITCH_CHOICES, 0, "TOP,UIDL,SASL,USER", "none",
                              "What is not offered, and not there." },
    [SWITCH_POP3_INJECT] = { "pop3.inject", SWITCH_ACTION, SWITCH_COUNTED,
                             "STEP[:WORD]=REPLY with STEP one of connect, stls, capa, auth, token, user, pass, stat, "
                             "list, "
                             "uidl, retr, top, dele, rset, noop, quit and REPLY a line (\"-ERR Server Unavailable. "
                             "21\"), "
                             "drop, drop-after, stall, slow:MILLISECONDS, or cut:OCTETS; or off",
                             "",
                             "What is answered at a step (whose line has WORD in it) instead; with a number of uses." },
    [SWITCH_MAILBOX_RENUMBER] = { "mailbox.renumber", SWITCH_ACTION, 0, "ADDRESS[/FOLDER]", "",
                                  "Gives the folder (INBOX) another UIDVALIDITY and new UIDs, as after a move of the "
                                  "mailbox." },
    [SWITCH_PROPAGATION] = { "propagation", SWITCH_DURATION, 0, "a duration", "0",
                             "An administrator's change takes effect only after so long." },
    [SWITCH_RESET] = { "reset", SWITCH_ACTION, 0, "all", "",
                       "Puts every switch back as it was at the start, and forgets limits that were reached." },
};
