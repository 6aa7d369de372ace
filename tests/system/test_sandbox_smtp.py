"""The sandbox's SMTP against the reference: the transcript, who may sign in as whom, limits, refusals after DATA, failures."""
import base64
import re
import smtplib
import socket
import ssl
import time

import pytest

from sandbox_fixture import APP_SCOPE, LETTER, auth, box, running_box, send, xoauth2  # noqa: F401

SUFFIX = rb" \[SBX01CA0001\.sbxprd01\.prod\.outlook\.com \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [0-9A-F]{16}\]$"
SHOP, BOB, INVOICES = "shop@contoso.example", "bob@contoso.example", "invoices@contoso.example"


@pytest.fixture
def token(box):
    return box.sign_in()["access_token"]


def refused(answer, code, text):
    """The reply, with one of Exchange's two suffixes."""
    assert answer[0] == code and answer[1].startswith(text.encode()), answer
    assert re.search(SUFFIX, answer[1]) or answer[1].endswith(b" [Hostname=SBX01MB0001.SBXPRD01.PROD.OUTLOOK.COM]"), answer


class Raw:
    """A socket without any help."""

    def __init__(self, port):
        self.socket = socket.create_connection(("localhost", port), 30)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def line(self):
        return self.file.readline()

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return lines

    def say(self, data):
        self.socket.sendall(data)
        return self.reply()

    def start_tls(self, context):
        assert self.say(b"STARTTLS\r\n")[0].startswith(b"220")
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")


def test_transcript(box, token):
    with Raw(box.info["smtp"]["port"]) as raw:
        assert re.fullmatch(rb"220 SBX01CA0001\.outlook\.office365\.com Microsoft ESMTP MAIL Service ready at \w{3}, \d\d? \w{3} "
                            rb"\d{4} \d\d:\d\d:\d\d \+0000 \[[0-9A-F]{16}\]\r\n", raw.line())
        before = raw.say(b"EHLO client.example\r\n")
        assert [x[4:].strip() for x in before[1:]] == [b"SIZE 157286400", b"PIPELINING", b"DSN", b"ENHANCEDSTATUSCODES", b"STARTTLS",
                                                       b"8BITMIME", b"BINARYMIME", b"CHUNKING", b"SMTPUTF8"]
        assert before[0] == b"250-SBX01CA0001.outlook.office365.com Hello [127.0.0.1]\r\n"
        raw.start_tls(box.tls)
        after = raw.say(b"EHLO client.example\r\n")
        assert after[5] == b"250-AUTH LOGIN XOAUTH2\r\n" and len(after) == len(before)
        assert raw.say(b"AUTH XOAUTH2\r\n") == [b"334 \r\n"]
        assert raw.say(xoauth2(SHOP, token).encode() + b"\r\n") == [b"235 2.7.0 Authentication successful\r\n"]
        assert raw.say(b"MAIL FROM:<shop@contoso.example> SIZE=1234\r\n") == [b"250 2.1.0 Sender OK\r\n"]
        assert raw.say(b"RCPT TO:<a@b.example>\r\n") == [b"250 2.1.5 Recipient OK\r\n"]
        assert raw.say(b"DATA\r\n") == [b"354 Start mail input; end with <CRLF>.<CRLF>\r\n"]
        assert raw.say(LETTER + b".\r\n") == \
            [b"250 2.0.0 OK <1@client.test> [Hostname=SBX01MB0001.SBXPRD01.PROD.OUTLOOK.COM]\r\n"]
        assert raw.say(b"QUIT\r\n") == [b"221 2.0.0 Service closing transmission channel\r\n"]
        assert raw.line() == b""


def test_what_is_kept_of_a_message(box, token):
    with box.signed_in(token) as client:
        client.docmd("MAIL FROM:<shop@contoso.example> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e1")
        client.docmd("RCPT TO:<bob@contoso.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@contoso.example")
        client.docmd("RCPT TO:<someone@elsewhere.example>")
        client.docmd("DATA")
        client.send(LETTER + "Grüße\r\n".encode() + b"..\r\n.\r\n")
        assert client.getreply()[0] == 250
    [m] = box.messages()
    assert box.raw(m) == LETTER + "Grüße\r\n".encode() + b".\r\n"
    assert m["subject"] == "Hello" and m["user"] == SHOP and m["mechanism"] == "XOAUTH2" and m["tls"].startswith("TLSv1.")
    assert m["envelope"]["from"] == SHOP and m["envelope"]["to"] == [BOB, "someone@elsewhere.example"]
    assert m["envelope"]["recipients"][0] == {"notify": "SUCCESS,FAILURE", "orcpt": "rfc822;bob@contoso.example"}
    assert (m["envelope"]["body"], m["envelope"]["smtputf8"], m["envelope"]["ret"]) == ("8BITMIME", True, "HDRS")
    assert m["token"]["scp"] == "SMTP.Send" and "Bearer" not in str(m)
    assert [(f["mailbox"], f["folder"]) for f in m["folders"]] == [(BOB, "INBOX"), (SHOP, "Sent Items")]
    assert box.api(f"/api/messages/{m['id']}") == m
    file = box.dir / "box" / "mail" / f"{m['id']:06d}.eml"
    assert file.read_bytes() == box.raw(m)


def test_log_has_no_secret(box, token):
    with box.smtp() as client:
        client.docmd("AUTH", "XOAUTH2 " + xoauth2(SHOP, token))
        send(client)
    box.app_token()
    log = box.request(box.info["web"] + "/api/log").text
    assert token not in log and xoauth2(SHOP, token)[:40] not in log and box.client("app")["secret"] not in log
    assert "C: AUTH XOAUTH2 [masked]" in log and "S: 235 2.7.0" in log and "client_credentials" in log


# Order, and before signing in

def test_before_tls_and_before_auth(box):
    with box.smtp(tls=False) as client:
        refused(client.docmd("MAIL FROM:<shop@contoso.example>"), 451, "5.7.3 STARTTLS is required to send mail")
        refused(client.docmd("AUTH XOAUTH2"), 504, "5.7.4 Unrecognized authentication type")
        client.starttls(context=box.tls)
        assert client.docmd("MAIL FROM:<shop@contoso.example>")[0] == 503
        client.ehlo()
        refused(client.docmd("MAIL FROM:<shop@contoso.example>"), 530, "5.7.57 Client not authenticated to send mail.")
        refused(client.docmd("AUTH PLAIN"), 504, "5.7.4 Unrecognized authentication type")
        refused(client.docmd("RCPT TO:<a@b.example>"), 503, "5.5.1 Bad sequence of commands")
        refused(client.docmd("DATA"), 503, "5.5.1 Bad sequence of commands")
        refused(client.docmd("BANANA"), 500, "5.3.3 Unrecognized command 'BANANA'")
        refused(client.docmd("EHLO bad_name!"), 501, "5.5.4 Invalid domain name")
        assert client.docmd("NOOP")[0] == 250 and client.docmd("RSET")[0] == 250 and client.docmd("VRFY x")[0] == 252


def test_mail_after_a_failed_auth_tells_why(box, token):
    box.set("smtp.auth-tenant", "off")
    with box.smtp() as client:
        assert auth(client, token)[0] == 535
        answer = client.docmd("MAIL FROM:<shop@contoso.example>")
        refused(answer, 530, "5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, "
                             "SmtpClientAuthentication is disabled for the Tenant.")


def test_tarpit(box):
    box.set("smtp.tarpit", 150)
    with box.smtp(tls=False) as client:
        before = time.monotonic()
        assert client.docmd("BANANA")[0] == 500
        assert time.monotonic() - before >= 0.14


def test_plaintext_behind_starttls_ends_the_connection(box):
    with Raw(box.info["smtp"]["port"]) as raw:
        raw.line()
        raw.say(b"EHLO x\r\n")
        raw.socket.sendall(b"STARTTLS\r\nMAIL FROM:<a@b>\r\n")
        assert b"250" not in b"".join(raw.file.readlines())


def test_strict_line_ends(box):
    with Raw(box.info["smtp"]["port"]) as raw:
        raw.line()
        assert raw.say(b"EHLO x\n")[0].startswith(b"500 5.5.2")
        assert raw.say(b"EHLO \rx\r\n")[0].startswith(b"500 5.5.2")
        assert raw.say(b"NOOP " + b"x" * 40000 + b"\r\n")[0].startswith(b"500 5.5.2 Line too long")
        assert raw.say(b"NOOP\r\n")[0].startswith(b"250")


@pytest.mark.parametrize("command, code", [
    ("MAIL FROM:shop@contoso.example", 501), ("MAIL FROM:<shop>", 501), ("MAIL TO:<a@b.example>", 501),
    ("MAIL FROM:<shop@contoso.example> SIZE=x", 501), ("MAIL FROM:<shop@contoso.example> FOO=1", 501),
    ("MAIL FROM:<shop@contoso.example> SIZE=157286401", 552), ("MAIL FROM:<>", 250),
    ("MAIL FROM:<shop@contoso.example> BODY=BANANA", 501), ("MAIL FROM:<shöp@contoso.example>", 501)])
def test_mail_syntax(box, token, command, code):
    with box.signed_in(token) as client:
        client.send(command.encode() + b"\r\n")
        assert client.getreply()[0] == code


@pytest.mark.parametrize("command", [b"MAIL FROM:<shop@contoso.example> ENVID=\xff\xfe", b"MAIL FROM:<\xff@contoso.example> SMTPUTF8",
                                     b"MAIL FROM:<shop@contoso.example> \xc3", b"MAIL FROM:<shop@contoso.example\x00>"])
def test_bytes_that_are_no_text(box, token, command):
    with box.signed_in(token) as client:
        client.send(command + b"\r\n")
        assert client.getreply()[0] in (500, 501)
        assert send(client, LETTER.replace(b"Hello", b"\xff\xfe"))[0] == 250
    assert box.messages()[0]["subject"]


def test_noise(box, token):
    """Pieces of SMTP in any order, cut anywhere: the sandbox answers or hangs up, and lives on."""
    import random
    pieces = [b"EHLO x\r\n", b"AUTH XOAUTH2\r\n", xoauth2(SHOP, token).encode() + b"\r\n", b"AUTH LOGIN\r\n", b"*\r\n", b"RSET\r\n",
              b"MAIL FROM:<shop@contoso.example> BODY=BINARYMIME\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<a@b.example>\r\n", b"DATA\r\n",
              b"BDAT 5\r\n", b"BDAT 3 LAST\r\nabc", b"BDAT 0 LAST\r\n", b"BDAT -1\r\n", b"\r\n.\r\n", b".\r\n", b"\n", b"\r",
              b"\x00\xff", b"STARTTLS\r\n", b"x" * 3000, b"NOOP\r\n"]
    box.set("smtp.auth-failures", 100)
    for seed in range(60):
        chance = random.Random(seed)
        with box.smtp() as client:
            client.sock.settimeout(10)
            try:
                if seed % 2:
                    auth(client, token)
                for _ in range(40):
                    client.sock.sendall(chance.choice(pieces))
                client.sock.sendall(b"\r\n.\r\nQUIT\r\n")
                client.sock.shutdown(socket.SHUT_WR)
                while client.sock.recv(65536):
                    pass
            except OSError:
                pass
    with box.signed_in(token) as client:
        assert send(client)[0] == 250


# Signing in

def test_initial_response_both_ways(box, token):
    with box.smtp() as client:
        assert client.docmd("AUTH", "XOAUTH2 " + xoauth2(SHOP, token))[0] == 235
    box.set("smtp.initial-response", "refuse")
    with box.smtp() as client:
        assert client.docmd("AUTH", "XOAUTH2 " + xoauth2(SHOP, token))[0] == 555
        assert auth(client, token)[0] == 235


@pytest.mark.parametrize("spoil", [
    lambda t: t[:-3] + ("AAA" if t[-3:] != "AAA" else "BBB"), lambda t: "EwBnonsense", lambda t: "", lambda t: t + "x"])
def test_spoiled_tokens(box, token, spoil):
    with box.smtp() as client:
        refused(auth(client, spoil(token)), 535, "5.7.3 Authentication unsuccessful")


def test_wrong_audience_scope_user_tenant(box, token):
    box.set("auto-consent", "on")
    graph = box.sign_in(scope="SMTP.Send openid offline_access")["access_token"]
    imap = box.sign_in(user="alice@contoso.example", scope="https://outlook.office.com/IMAP.AccessAsUser.All")["access_token"]
    for bad, user in ((graph, SHOP), (imap, "alice@contoso.example"), (token, BOB), (token, "orders@contoso.example"),
                      (token, "info@fabrikam.example"), (token, "nobody@contoso.example")):
        with box.smtp() as client:
            refused(auth(client, bad, user), 535, "5.7.3 Authentication unsuccessful")


def test_expired_token(box):
    box.set("token.lifetime", "60s")
    token = box.sign_in()["access_token"]
    with box.signed_in(token):
        pass
    box.advance(61)
    with box.smtp() as client:
        refused(auth(client, token), 535, "5.7.3 Authentication unsuccessful")


def test_retired_key(box, token):
    box.set("jwks.rollover", "keep")
    with box.signed_in(token):
        pass
    box.set("jwks.rollover", "drop")
    with box.smtp() as client:
        assert auth(client, token)[0] == 535


@pytest.mark.parametrize("switch, value, which", [
    ("smtp.auth-tenant", "off", "Tenant"), ("smtp.auth-tenant", "contoso.example=off", "Tenant"),
    ("smtp.auth-mailbox", f"{SHOP}=off", "Mailbox")])
def test_smtp_auth_is_off(box, token, switch, value, which):
    box.set(switch, value)
    with box.smtp() as client:
        refused(auth(client, token), 535, f"5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the {which}. "
                                          "Visit https://aka.ms/smtp_auth_disabled for more information.")


def test_mailbox_setting_overrides_the_tenants(box, token):
    box.set("smtp.auth-tenant", "off")
    box.set("smtp.auth-mailbox", f"{SHOP}=on")
    with box.signed_in(token):
        pass


def test_identity_or_switch_first(box):
    box.set("smtp.auth-tenant", "off")
    with box.smtp() as client:
        assert b"5.7.3" in auth(client, "EwBad")[1]
        box.set("smtp.auth-order", "switch-first")
        assert b"5.7.139" in auth(client, "EwBad")[1]


def test_several_failures_end_the_connection(box):
    with box.smtp() as client:
        for _ in range(3):
            assert auth(client, "EwBad")[0] == 535
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.docmd("NOOP")


@pytest.mark.parametrize("how, code, text", [
    ("retired", 550, "5.7.30 Basic authentication is not supported for Client Submission."),
    ("basic-disabled", 535, "5.7.139 Authentication unsuccessful, basic authentication is disabled."),
    ("security-defaults", 535, "5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy."),
    ("criteria", 535, "5.7.139 Authentication unsuccessful, the request did not meet the criteria"),
    ("incorrect", 535, "5.7.139 Authentication unsuccessful, the user credentials were incorrect."),
    ("refused", 535, "5.7.3 Authentication unsuccessful")])
def test_auth_login_is_refused(box, how, code, text):
    box.set("smtp.login", how)
    with box.smtp() as client:
        assert client.docmd("AUTH", "LOGIN") == (334, b"VXNlcm5hbWU6")
        assert client.docmd(base64.b64encode(SHOP.encode()).decode()) == (334, b"UGFzc3dvcmQ6")
        refused(client.docmd(base64.b64encode(b"shop-password").decode()), code, text)


def test_auth_login_where_allowed(box):
    box.set("smtp.login", "allowed")
    with box.smtp() as client:
        client.user, client.password = SHOP, "shop-password"
        assert client.auth("LOGIN", client.auth_login)[0] == 235
        assert send(client)[0] == 250
    with box.smtp() as client:
        client.user, client.password = SHOP, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth("LOGIN", client.auth_login)


def test_cancelled_and_garbled_auth(box):
    with box.smtp() as client:
        client.docmd("AUTH XOAUTH2")
        assert client.docmd("*")[0] == 501
        client.docmd("AUTH XOAUTH2")
        refused(client.docmd("***not base64***"), 535, "5.7.3 Authentication unsuccessful")


# App-only

@pytest.fixture
def app_token(box):
    return box.app_token().json["access_token"]


def test_app_with_mailbox_permission(box, app_token):
    with box.signed_in(app_token, "printer@contoso.example") as client:
        assert send(client, LETTER.replace(b"shop@", b"printer@"), "printer@contoso.example")[0] == 250
    assert box.messages()[0]["signed_in"] is None


def test_app_without_mailbox_permission(box, app_token):
    with box.signed_in(app_token, BOB) as client:
        refused(send(client, LETTER.replace(b"shop@", b"bob@"), BOB), 430, "4.2.0 STOREDRV; mailbox logon failure;")
    box.set("mailbox-permission", f"{box.client('app')['client_id']}:{BOB}=refused-at-login")
    with box.smtp() as client:
        refused(auth(client, app_token, BOB), 535, "5.7.3 Authentication unsuccessful")


@pytest.mark.parametrize("state", ["wrong-object-id", "missing"])
def test_service_principal(box, app_token, state):
    box.set("service-principal", f"{box.client('app')['client_id']}={state}")
    with box.smtp() as client:
        refused(auth(client, app_token), 535, "5.7.3 Authentication unsuccessful")


def test_role_not_granted(box):
    box.set("client.roles", box.client("app")["client_id"] + "=missing")
    with box.smtp() as client:
        assert auth(client, box.app_token().json["access_token"])[0] == 535


def test_rbac(box):
    token = box.app_token("rbac").json["access_token"]
    with box.signed_in(token) as client:
        assert send(client)[0] == 250
    with box.smtp() as client:
        assert auth(client, token, BOB)[0] == 535
    box.set("rbac", f"{box.client('rbac')['client_id']}:{BOB}=in-scope")
    with box.signed_in(token, BOB):
        pass
    box.set("rbac", f"{box.client('rbac')['client_id']}:{SHOP}=out-of-scope")
    with box.smtp() as client:
        assert auth(client, token)[0] == 535


def test_app_cannot_enter_another_tenant(box, app_token):
    with box.smtp() as client:
        assert auth(client, app_token, "info@fabrikam.example")[0] == 535


# Send As

def test_send_as_denied_after_data(box, token):
    with box.signed_in(token) as client:
        for body, sender, named in ((LETTER, BOB, BOB), (LETTER.replace(b"From: shop@", b"From: bob@"), SHOP, BOB)):
            answer = send(client, body, sender)
            refused(answer, 554, f"5.2.252 SendAsDenied; {SHOP} not allowed to send as {named}; STOREDRV.Submission.Exception:"
                                 "SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message")
            assert len(answer[1]) > 400
    assert not box.messages()


@pytest.mark.parametrize("reply, code, text", [("5.2.0", 554, "5.2.0 STOREDRV.Submission.Exception:SendAsDenied"),
                                               ("5.7.60", 550, "5.7.60 SMTP; Client does not have permissions to send as this sender")])
def test_other_send_as_texts(box, token, reply, code, text):
    box.set("send-as.reply", reply)
    with box.signed_in(token) as client:
        refused(send(client, sender=BOB), code, text)


def test_shared_mailbox(box, token):
    shared = LETTER.replace(b"shop@", b"invoices@")
    with box.signed_in(token) as client:
        assert send(client, shared, INVOICES)[0] == 250
    with box.signed_in(token, INVOICES) as client:
        assert send(client, shared, INVOICES)[0] == 250
    box.set("smtp.shared-user", "refuse")
    with box.smtp() as client:
        assert auth(client, token, INVOICES)[0] == 535
    box.set("send-as", f"{SHOP}:{INVOICES}=off")
    with box.signed_in(token) as client:
        assert send(client, shared, INVOICES)[0] == 554
    box.set("send-as", f"{SHOP}:{BOB}=on")
    with box.signed_in(token) as client:
        assert send(client, LETTER.replace(b"shop@", b"bob@"), BOB)[0] == 250


def test_alias_becomes_the_primary_address(box, token):
    alias = LETTER.replace(b"From: shop@contoso.example", b"From: The Shop <orders@contoso.example>")
    with box.signed_in(token) as client:
        assert send(client, alias, "orders@contoso.example")[0] == 250
        box.set("send-from-alias", "on")
        assert send(client, alias, "orders@contoso.example")[0] == 250
    first, second = (box.raw(m) for m in box.messages())
    assert first == alias.replace(b"orders@", b"shop@") and second == alias


def test_personal_account_gets_another_message_id(box):
    token = box.sign_in("everyone", "dave@outlook.example", "common")["access_token"]
    mine = LETTER.replace(b"shop@contoso.example", b"dave@outlook.example")
    with box.signed_in(token, "dave@outlook.example") as client:
        assert send(client, mine, "dave@outlook.example")[0] == 250
    raw = box.raw(box.messages()[0])
    assert b"\r\nX-Microsoft-Original-Message-ID: <1@client.test>\r\n" in raw and b"\r\nMessage-ID: <1@" not in raw


# Limits and throttling

def test_connections(box, token):
    import contextlib
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(box.signed_in(token)) for _ in range(4)]
        refused(send(clients[3]), 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded")
        clients[0].quit()
        box.wait(lambda: send(clients[3])[0] == 250, "a place became free")
    box.set("smtp.connections-at", "login")
    box.set("smtp.connections", 1)
    with box.signed_in(token), box.smtp() as late:
        refused(auth(late, token), 432, "4.3.2 concurrent connection limit exceeded")


def test_messages_per_minute(box, token):
    box.set("smtp.messages-per-minute", 3)
    with box.signed_in(token) as client:
        assert [send(client)[0] for _ in range(3)] == [250] * 3
        refused(send(client), 421, "4.4.2 Message submission rate for this client has exceeded the configured limit")
    box.advance(60)
    token = box.sign_in()["access_token"]
    with box.signed_in(token) as client:
        assert send(client)[0] == 250


def test_recipients_per_message_and_day(box, token):
    box.set("smtp.recipients-per-message", 5)
    box.set("smtp.recipients-per-day", 8)
    with box.signed_in(token) as client:
        client.docmd("MAIL FROM:<shop@contoso.example>")
        codes = [client.docmd(f"RCPT TO:<u{i}@b.example>") for i in range(6)]
        assert [c[0] for c in codes] == [250] * 5 + [452]
        refused(codes[5], 452, "4.5.3 Too many recipients")
        client.docmd("DATA")
        client.send(LETTER + b".\r\n")
        assert client.getreply()[0] == 250
        many = [f"u{i}@b.example" for i in range(4)]
        refused(send(client, recipients=many), 554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException;")
        assert send(client, recipients=many[:3])[0] == 250
    box.advance(86400)
    with box.signed_in(box.sign_in()["access_token"]) as client:
        assert send(client, recipients=many)[0] == 250


def test_limits_off(box, token):
    box.set("smtp.limits", "off")
    with box.signed_in(token) as client:
        assert {send(client)[0] for _ in range(40)} == {250}


def test_size(box, token):
    box.set("mailbox.size", f"{SHOP}=2K")
    box.set("smtp.size", 5000)
    with box.signed_in(token) as client:
        refused(client.docmd("MAIL FROM:<shop@contoso.example> SIZE=5001"), 552, "5.3.4 Message size exceeds fixed maximum")
        refused(send(client, LETTER + b"x" * 3000 + b"\r\n"), 552, "5.3.4 Message size exceeds")
        refused(send(client, LETTER + b"x" * 9000 + b"\r\n"), 552, "5.3.4 Message size exceeds")
        assert send(client)[0] == 250


def test_large_message(box, token):
    body = LETTER + b"".join(b"%07d " % i * 9 + b"\r\n" for i in range(140000))
    with box.signed_in(token) as client:
        assert send(client, body)[0] == 250
    assert box.raw(box.messages()[0]) == body


def test_throttled_after_repeated_errors(box, token):
    box.set("throttle.after", 3)
    with box.signed_in(token) as client:
        assert [send(client, sender=BOB)[0] for _ in range(3)] == [554] * 3
        refused(send(client), 550, "5.2.252 Sender throttled due to continuous send as denied errors.")
    box.advance(3600)
    with box.signed_in(box.sign_in()["access_token"]) as client:
        assert send(client)[0] == 250


@pytest.mark.parametrize("kind, number", [("mailbox-full", 251), ("send-as", 252), ("license", 253), ("recipients", 254),
                                          ("invalid-recipients", 255)])
def test_throttled_by_switch(box, token, kind, number):
    box.set("throttle", f"{SHOP}={kind}")
    with box.signed_in(token) as client:
        refused(send(client), 550, f"5.2.{number} Sender throttled due to continuous")


@pytest.mark.parametrize("state, code, text", [
    ("full", 554, "5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException"),
    ("spam", 554, "5.2.0 STOREDRV.Submission.Exception:OutboundSpamException"), ("quota", 554, "5.2.0 STOREDRV"),
    ("restricted", 550, "5.1.8 Access denied, bad outbound sender"), ("busy", 432, "4.3.2 STOREDRV.Deliver"),
    ("logon-failure", 430, "4.2.0 STOREDRV; mailbox logon failure"), ("tenant-blocked", 550, "5.7.705 Access denied"),
    ("server-busy", 451, "4.7.500 Server busy"), ("unavailable", 451, "4.7.0 Temporary server error")])
def test_mailbox_states(box, token, state, code, text):
    box.set("mailbox.state", f"{SHOP}={state}")
    with box.signed_in(token) as client:
        refused(send(client), code, text)
    box.set("mailbox.state", f"{SHOP}=ok")
    with box.signed_in(token) as client:
        assert send(client)[0] == 250


# Bodies

@pytest.mark.parametrize("body", [b".\r\n", b"..\r\n.x\r\n", b"a\n.\nb\r\n", b"a\r.\r\nb\r\n", b"a\r\n.\rb\r\n", b"a\n.\r\nb\r\n",
                                  b"", b"x" * 70000 + b"\r\n", b"\x00\xff\r\n"])
def test_only_crlf_dot_crlf_ends_data(box, token, body):
    with box.signed_in(token) as client:
        for command in ("MAIL FROM:<shop@contoso.example>", "RCPT TO:<bob@contoso.example>", "DATA"):
            client.docmd(command)
        stuffed = re.sub(rb"(^|\r\n)\.", rb"\1..", body)
        client.send(LETTER + stuffed + b".\r\n")
        assert client.getreply()[0] == 250
    assert box.raw(box.messages()[0]) == LETTER + body


def test_dribbled_end(box, token):
    with box.signed_in(token) as client:
        for command in ("MAIL FROM:<shop@contoso.example>", "RCPT TO:<bob@contoso.example>", "DATA"):
            client.docmd(command)
        for byte in LETTER + b"..\r\n.\r\n":
            client.sock.sendall(bytes([byte]))
        assert client.getreply()[0] == 250
    assert box.raw(box.messages()[0]) == LETTER + b".\r\n"


def test_bare_lf_refused_by_switch(box, token):
    box.set("smtp.bare-lf", "refuse")
    with box.signed_in(token) as client:
        refused(send(client, LETTER + b"a\nb\r\n"), 550, "5.6.11")
        assert send(client)[0] == 250


def test_bdat(box, token):
    with box.signed_in(token) as client:
        client.docmd("MAIL FROM:<shop@contoso.example> BODY=BINARYMIME")
        client.docmd("RCPT TO:<bob@contoso.example>")
        assert client.docmd("DATA")[0] == 503
        client.send(b"BDAT %d\r\n" % len(LETTER) + LETTER)
        assert client.getreply()[0] == 250
        client.send(b"BDAT 7\r\n.\r\n\n\r\0x")
        assert client.getreply()[0] == 250
        client.send(b"BDAT 0 LAST\r\n")
        assert client.getreply()[0] == 250
    assert box.raw(box.messages()[0]) == LETTER + b".\r\n\n\r\0x"


def test_pipelining(box, token):
    with box.signed_in(token) as client:
        block = b"MAIL FROM:<shop@contoso.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n"
        client.send(block)
        assert [client.getreply()[0] for _ in range(3)] == [250, 250, 354]
        client.send(LETTER + b".\r\n" + block)
        assert [client.getreply()[0] for _ in range(4)] == [250, 250, 250, 354]
        client.send(LETTER + b".\r\nQUIT\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 221]
    assert len(box.messages()) == 2


def test_a_thousand_messages(box, token):
    box.set("smtp.limits", "off")
    before = time.monotonic()
    with box.signed_in(token) as client:
        for _ in range(1000):
            assert send(client)[0] == 250
    assert len(box.messages()) == 1000
    assert time.monotonic() - before < 30


# Failures by switch

@pytest.mark.parametrize("step, run", [
    ("ehlo", lambda c, t: c.docmd("EHLO x")), ("auth", lambda c, t: c.docmd("AUTH XOAUTH2")), ("token", auth),
    ("mail", lambda c, t: auth(c, t) and send(c)), ("rcpt", lambda c, t: auth(c, t) and send(c)),
    ("data", lambda c, t: auth(c, t) and send(c)), ("end", lambda c, t: auth(c, t) and send(c)), ("rset", lambda c, t: c.docmd("RSET")),
    ("quit", lambda c, t: c.docmd("QUIT"))])
def test_injected_replies(box, token, step, run):
    with box.smtp() as client:
        box.set("smtp.inject", f"{step}=421 4.3.2 Service not available", uses=1)
        refused(run(client, token), 421, "4.3.2 Service not available")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.docmd("NOOP")
    with box.signed_in(token) as client:
        assert send(client)[0] == 250


def test_injected_at_connect(box):
    box.set("smtp.inject", "connect=421 4.3.2 Service not active", uses=1)
    with pytest.raises(smtplib.SMTPConnectError, match="Service not active"):
        smtplib.SMTP("localhost", box.info["smtp"]["port"])


def test_injected_for_one_recipient(box, token):
    box.set("smtp.inject", "rcpt:carol=550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup")
    with box.signed_in(token) as client:
        client.docmd("MAIL FROM:<shop@contoso.example>")
        assert [client.docmd(f"RCPT TO:<{r}@b.example>")[0] for r in ("bob", "CAROL", "dave")] == [250, 550, 250]
    box.set("smtp.inject", "off")


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "end"])
def test_dropped_connections(box, token, step):
    box.set("smtp.inject", f"{step}=drop", uses=1)
    with box.signed_in(token) as client, pytest.raises(smtplib.SMTPServerDisconnected):
        send(client)
    assert not box.messages()


def test_dropped_after_taking(box, token):
    box.set("smtp.inject", "end=drop-after", uses=1)
    with box.signed_in(token) as client, pytest.raises(smtplib.SMTPServerDisconnected):
        send(client)
    assert len(box.messages()) == 1


def test_slow_and_stalled(box, token):
    box.set("smtp.inject", "mail=slow:150", uses=1)
    with box.signed_in(token) as client:
        before = time.monotonic()
        assert send(client)[0] == 250 and time.monotonic() - before >= 0.14
        box.set("smtp.inject", "mail=stall", uses=1)
        client.sock.settimeout(0.3)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            client.docmd("MAIL FROM:<shop@contoso.example>")


def test_no_starttls(box):
    box.set("smtp.starttls", "off")
    with box.smtp(tls=False) as client:
        assert not client.has_extn("starttls") and client.docmd("STARTTLS")[0] == 500
    box.set("smtp.starttls", "refuse")
    with box.smtp(tls=False) as client:
        assert client.has_extn("starttls") and client.docmd("STARTTLS")[0] == 454


@pytest.mark.parametrize("kind, text", [("wrong-name", "Hostname mismatch"), ("unknown-ca", "self-signed|unable to get|self signed"),
                                        ("expired", "expired")])
def test_wrong_certificates(box, kind, text):
    box.set("smtp.certificate", kind)
    with box.smtp(tls=False) as client, pytest.raises(ssl.SSLCertVerificationError, match=text):
        client.starttls(context=box.tls)


def test_bare_server(box, token):
    box.set("smtp.without", "all")
    with box.smtp() as client:
        assert set(client.esmtp_features) <= {"auth"}
        assert auth(client, token)[0] == 235
        assert client.docmd("MAIL FROM:<shop@contoso.example> SIZE=1")[0] == 501
        assert client.docmd("MAIL FROM:<shop@contoso.example> BODY=8BITMIME")[0] == 501
        assert send(client)[0] == 250
    box.set("smtp.without", "PIPELINING,SMTPUTF8")
    with box.smtp() as client:
        assert not client.has_extn("pipelining") and not client.has_extn("smtputf8") and client.has_extn("8bitmime")


def test_challenge_by_switch(box):
    box.set("smtp.challenge", "on")
    with box.smtp() as client:
        code, text = auth(client, "EwBad")
        assert code == 334 and b"Bearer" in base64.b64decode(text)
        refused(client.docmd(""), 535, "5.7.3 Authentication unsuccessful")


def test_propagation_of_permissions(box, token):
    box.set("propagation", "30m")
    box.set("smtp.auth-tenant", "off")
    with box.signed_in(token):
        pass
    box.advance(1801)
    with box.smtp() as client:
        refused(auth(client, box.sign_in()["access_token"]), 535, "5.7.139")


def test_idle_client_is_sent_away(box):
    box.set("smtp.idle", "1s")
    with Raw(box.info["smtp"]["port"]) as raw:
        raw.line()
        box.advance(2)
        assert raw.line().startswith(b"421 4.4.1 Connection timed out") and raw.line() == b""


# Google

def google_token(box, **fields):
    import urllib.parse
    c = box.client("google")
    box.set("auto-consent", "on")
    query = {"client_id": c["client_id"], "response_type": "code", "scope": "https://mail.google.com/ openid email",
             "redirect_uri": "http://127.0.0.1:5000/", "access_type": "offline", "prompt": "consent", "state": "g", **fields}
    back = box.request(f"{box.info['https']}/google/o/oauth2/v2/auth?" + urllib.parse.urlencode(query)).location[1]
    assert back["state"] == "g"
    return box.request(f"{box.info['https']}/google/token", {
        "client_id": c["client_id"], "client_secret": c["secret"], "grant_type": "authorization_code", "code": back["code"],
        "redirect_uri": "http://127.0.0.1:5000/"}).json


def google_refresh(box, token, **fields):
    c = box.client("google")
    return box.request(f"{box.info['https']}/google/token", {"client_id": c["client_id"], "client_secret": c["secret"],
                                                             "grant_type": "refresh_token", "refresh_token": token, **fields})


def test_google_grants(box):
    token = google_token(box)
    assert token["access_token"].startswith("ya29.") and token["refresh_token"].startswith("1//") and token["id_token"]
    assert "refresh_token" not in google_token(box, prompt="")
    fresh = google_refresh(box, token["refresh_token"]).json
    assert fresh["access_token"] != token["access_token"] and "refresh_token" not in fresh
    assert google_refresh(box, token["refresh_token"], client_secret="x").status == 401
    assert box.request(f"{box.info['https']}/google/revoke", {"token": token["refresh_token"]}).status == 200
    dead = google_refresh(box, token["refresh_token"])
    assert dead.status == 400 and dead.json == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}


@pytest.mark.parametrize("mechanism, end, reply", [("XOAUTH2", "", "status"), ("OAUTHBEARER", "AQ==", "invalid_token")])
def test_google_smtp(box, mechanism, end, reply):
    token = google_token(box)["access_token"]
    user = "erin@gmail.example"

    def blob(t):
        if mechanism == "XOAUTH2":
            return xoauth2(user, t)
        return base64.b64encode(f"n,a={user},\1host=localhost\1port=1\1auth=Bearer {t}\1\1".encode()).decode()
    with box.smtp(server="google_smtp") as client:
        assert client.esmtp_features["auth"].split() == ["LOGIN", "PLAIN", "XOAUTH2", "PLAIN-CLIENTTOKEN", "OAUTHBEARER", "XOAUTH"]
        assert client.docmd("AUTH", mechanism)[0] == 334
        code, text = client.docmd(blob("ya29.bad"))
        assert code == 334 and reply in base64.b64decode(text).decode()
        assert client.docmd(end)[0] == 535
        client.docmd("AUTH", mechanism)
        assert client.docmd(blob(token))[0] == 235
        assert send(client, LETTER.replace(b"shop@contoso", b"erin@gmail"), user)[0] == 250
    assert box.messages()[0]["server"] == "google"
