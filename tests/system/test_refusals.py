"""What a server can answer, at the step where it answers it: tried again, held for a person, or given back - and never lost.

One tenant for the whole file: each row leaves it as it was."""
import http.client
import json
import urllib.parse
import urllib.request

import pytest

import harness
from harness import Tenant, letter, until

ALICE = "alice@contoso.example"


class Path(Tenant):
    """A tenant whose server answers once as a row says."""

    def inject(self, value, uses=1):
        url = urllib.parse.urlsplit(self.sandbox.info["web"])
        link = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        link.request("PUT", "/api/switches/smtp.inject", json.dumps({"value": value, "uses": uses}))
        assert link.getresponse().status == 200
        link.close()

    def fresh_connection(self):
        """Settings that changed close the connections that are kept."""
        self.gateway.cli("mailbox", "set", self.MAILBOX, "--alias", "orders@contoso.example")

    def send(self):
        with self.gateway.smtp() as client:
            client.ehlo()
            client.login("erp", self.password)
            client.mail(self.MAILBOX)
            client.rcpt(ALICE, ["NOTIFY=NEVER"])
            code, text = client.data(letter())
            assert code == 250, text
            return text.decode().rsplit(" ", 1)[-1]

    def outcome(self, message):
        """The first event that tells what became of it."""
        def told():
            return [e for e in self.gateway.events(message=message) if e["event"] in OUTCOMES]
        return until(told, f"an outcome of {message}")[0]

    def heal(self, message):
        self.inject("off")
        self.gateway.cli("queue", "retry", message)
        self.gateway.wait_event("mail.delivered", message=message)


OUTCOMES = {"mail.deferred": "retry", "mail.held": "hold", "mail.bounced": "bounce", "mail.delivered": "delivered"}


@pytest.fixture(scope="module")
def path():
    world = harness.World()
    yield Path(world, extra="queue: { retry-first: 1h, retry-max: 2h }\n")
    world.close()


SUBMIT = "STOREDRV.Submission.Exception:"
ROWS = [
    # Signing in (reference 6.1). A token is renewed once before its refusal counts: such rows are said twice.
    # 5.7.3 stands for every mistake there is: the token tells which one it can only be.
    ("token", "535 5.7.3 Authentication unsuccessful [X]", "hold", "token.service-principal"),
    ("token", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit "
     "https://aka.ms/smtp_auth_disabled for more information. [X]", "hold", "smtp.auth.disabled-tenant"),
    ("token", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit "
     "https://aka.ms/smtp_auth_disabled for more information. [X]", "hold", "smtp.auth.disabled-mailbox"),
    ("token", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. "
     "Contact your administrator.", "hold", "smtp.auth.conditional-access"),
    ("token", "501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid", "hold", "smtp.auth.user"),
    ("token", "454 4.7.0 Temporary authentication failure", "retry", "smtp.auth.temporary"),
    ("auth", "504 5.7.4 Unrecognized authentication type [X]", "hold", "smtp.auth.mechanism"),
    ("connect", "421 4.3.2 Service not available", "retry", None),
    ("connect", "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2.", "hold",
     "smtp.tls.version"),
    ("connect", "554 5.7.1 Not from there", "hold", "smtp.connect.refused"),
    # Sender and recipients (6.2).
    ("mail", "451 5.7.3 STARTTLS is required to send mail [X]", "hold", "smtp.tls.required"),
    ("mail", "530 5.7.57 Client not authenticated to send mail.", "hold", "smtp.auth.missing"),
    ("mail", "451 4.7.0 Temporary server error. Please try again later. PRX2 [X]", "retry", None),
    ("mail", "451 4.7.500 Server busy. Please try again later", "retry", None),
    ("mail", "421 4.4.2 Message submission rate for this client has exceeded the configured limit", "retry", "smtp.limit.rate"),
    ("mail", "550 5.1.8 Access denied, bad outbound sender", "hold", "smtp.sender.restricted"),
    ("mail", "550 5.7.705 Access denied, tenant has exceeded threshold", "hold", "smtp.tenant.blocked"),
    ("rcpt", "452 4.5.3 Too many recipients", "retry", "smtp.limit.recipients-message"),
    ("rcpt", "450 4.2.1 Try later", "retry", "smtp.recipient.temporary"),
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", "bounce", None),
    ("rcpt", "550 5.7.1 Unable to relay", "bounce", None),
    ("data", "503 5.5.1 Bad sequence of commands", "bounce", "smtp.message.refused"),
    # The message.
    ("end", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "bounce", "smtp.sender.not-allowed"),
    ("end", f"554 5.2.252 SendAsDenied; a@x not allowed to send as b@x; {SUBMIT}SendAsDeniedException.MapiExceptionSendAsDenied; "
     "Failed to process message due to a permanent exception", "bounce", "smtp.sender.not-allowed"),
    ("end", "550 5.2.251 Sender throttled due to continuous mailbox full errors.", "hold", "smtp.throttled.mailbox-full"),
    ("end", "550 5.2.252 Sender throttled due to continuous send as denied errors.", "hold", "smtp.throttled.send-as"),
    ("end", "550 5.2.253 Sender throttled due to continuous invalid license errors.", "hold", "smtp.throttled.license"),
    ("end", "550 5.2.254 Sender throttled due to continuous too many recipients errors.", "hold", "smtp.throttled.recipients"),
    ("end", "550 5.2.255 Sender throttled due to continuous invalid recipients errors.", "hold", "smtp.throttled.recipients-invalid"),
    ("end", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=X]", "retry", "smtp.limit.threads"),
    ("end", "432 4.3.2 concurrent connection limit exceeded", "retry", "smtp.limit.connections"),
    ("end", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "retry", "smtp.limit.recipient-busy"),
    ("end", f"430 4.2.0 STOREDRV; mailbox logon failure; {SUBMIT}ConnectionFailedTransientException.MapiExceptionLogonFailed", "retry",
     "smtp.send.mailbox-logon"),
    ("end", f"554 5.2.0 {SUBMIT}SubmissionQuotaExceededException; x", "hold", "smtp.limit.recipients-day"),
    ("end", f"554 5.2.2 mailbox full; {SUBMIT}QuotaExceededException.MapiExceptionShutoffQuotaExceeded", "hold",
     "smtp.sender.mailbox-full"),
    ("end", f"554 5.2.0 {SUBMIT}OutboundSpamException; Failed to process message due to a permanent exception with message "
     "[BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is Suspend. [EndDiagnosticData]", "hold",
     "smtp.sender.suspended"),
    ("end", "550 5.1.20 Multiple From addresses are not allowed without Sender address", "bounce", "smtp.sender.several-from"),
    ("end", "552 5.3.4 Message size exceeds fixed maximum message size", "bounce", "smtp.size"),
    ("end", "554 5.6.0 Corrupt message content", "bounce", "smtp.message.malformed"),
    ("end", "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal", "bounce", "smtp.message.bare-lf"),
    ("end", "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", "bounce", "smtp.message.headers"),
    ("end", "550 5.7.233 Tenant external recipient limit exceeded", "hold", "smtp.limit.tenant-external"),
    ("end", "550 5.7.501 Access denied, spam abuse detected", "hold", "smtp.sender.banned"),
    ("end", "550 5.7.703 Your message can't be delivered", "bounce", "smtp.message.blocked"),
    ("end", "550 5.7.708 Access denied, traffic not accepted from this IP", "hold", "smtp.tenant.address"),
    ("end", "550 5.7.750 Unregistered domain", "hold", "smtp.tenant.domain"),
    ("end", "550 5.5.105 External sending is not supported for High Volume Email accounts", "bounce", None),
]
SIGN_IN = ("connect", "auth", "token")


@pytest.mark.parametrize("step, reply, verdict, finding", ROWS, ids=[f"{r[0]}-{r[1][:9].strip()}-{n}" for n, r in enumerate(ROWS)])
def test_an_answer_is_sorted(path, step, reply, verdict, finding):
    if step in SIGN_IN:
        path.fresh_connection()
    path.inject(f"{step}={reply}", 2 if step == "token" else 1)
    message = path.send()
    told = path.outcome(message)
    path.inject("off")
    if told["event"] != "mail.bounced":
        path.heal(message)
    assert OUTCOMES[told["event"]] == verdict, told
    assert finding in (None, told["finding"]), told
    said = " ".join(str(told[key]) for key in ("code", "enhanced", "text") if key in told)
    assert said.startswith(reply[:60]), "the server's own words"


DROPS = [(step, how) for step in ("connect", "ehlo", "starttls", "auth", "token", "mail", "rcpt", "data", "end")
         for how in ("drop", "drop-after")]


@pytest.mark.parametrize("step, how", DROPS, ids=[f"{s}-{h}" for s, h in DROPS])
def test_a_connection_lost_at_any_step_loses_nothing(path, step, how):
    before = len(path.sandbox.messages())
    path.fresh_connection()
    path.inject(f"{step}={how}")
    message = path.send()
    told = path.outcome(message)
    assert told["event"] in ("mail.deferred", "mail.delivered"), told
    if told["event"] == "mail.deferred":
        path.heal(message)
    copies = len(path.sandbox.messages()) - before
    assert copies == (2 if (step, how) == ("end", "drop-after") else 1), "sent twice only where nobody can know"
