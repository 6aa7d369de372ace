"""Who may send as whom, how it is said, how it is split, paced and carried: one message's way from a program to the tenant."""
import quopri
import socket
import subprocess

import pytest

from harness import Tenant, letter, submit_on, without_received

SHOP, ORDERS, INVOICES, ALICE, BOB = (f"{name}@contoso.example" for name in ("shop", "orders", "invoices", "alice", "bob"))
MICROSOFT = {"connections": 3, "messages-per-minute": 25, "recipients-per-day": 10000, "recipients-per-message": 450, "size-mb": 150}


def wait_raw(tenant, count=1):
    return tenant.sandbox.raw(tenant.sandbox.wait_messages(count)[-1])


class Session:
    """Bytes by hand, as old and odd programs send them."""

    def __init__(self, tenant):
        tenant.gateway.cli("app", "set", "erp", "--from", "127.0.0.1/32")
        self.socket = socket.create_connection(("127.0.0.1", tenant.gateway.port), 30)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220")
        self.socket.sendall(b"EHLO client.test\r\n")
        assert self.reply().startswith("250")

    def reply(self):
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        return line.decode()

    def say(self, data, replies=1):
        self.socket.sendall(data)
        return [self.reply() for _ in range(replies)]

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def session(tenant):
    s = Session(tenant)
    s.tenant = tenant
    yield s
    s.close()


# Identities

def test_a_forced_sender(tenant):
    tenant.gateway.cli("mailbox", "set", SHOP, "--shared", INVOICES)
    tenant.gateway.cli("app", "set", "erp", "--force-sender", INVOICES)
    body = b"X-Odd:  kept \r\nFROM: \"Scanner 3\" <root@device.local>\r\nSender: cron@device.local\r\nSubject: scan\r\n\r\n" \
           b"From: inside\r\n..dots\r\n"
    message = tenant.submit(body, sender="root@device.local")
    tenant.gateway.wait_state(message, "delivered")
    [m] = tenant.sandbox.messages()
    assert m["envelope"]["from"] == INVOICES
    assert without_received(tenant.sandbox.raw(m)) == \
        b"X-Odd:  kept \r\nFrom: \"Scanner 3\" <" + INVOICES.encode() + b">\r\nSubject: scan\r\n" \
        b"Reply-To: \"Scanner 3\" <root@device.local>\r\n\r\nFrom: inside\r\n..dots\r\n"


def test_a_forced_sender_keeps_the_reply_to_that_is_there(tenant):
    tenant.gateway.cli("app", "set", "erp", "--force-sender", SHOP)
    tenant.submit(b"Reply-To: desk@contoso.example\r\nSubject: x\r\n\r\nx\r\n", sender="a@b.example")
    raw = without_received(wait_raw(tenant))
    assert raw == b"Reply-To: desk@contoso.example\r\nSubject: x\r\nFrom: shop@contoso.example\r\n\r\nx\r\n"


def test_a_device_known_by_its_address_alone(tenant):
    tenant.gateway.cli("app", "add", "printer", "--mailbox", SHOP, "--from", "127.0.0.0/8", "--no-password", "--force-sender", SHOP)
    with tenant.gateway.smtp() as client:
        client.helo()
        message = submit_on(client, "anything@printer.local", BOB, letter("no AUTH"))
    assert tenant.gateway.wait_state(message, "delivered")["app"] == "printer"


def test_an_address_outside_the_range_must_sign_in(tenant):
    tenant.gateway.cli("app", "add", "printer", "--mailbox", SHOP, "--from", "192.0.2.0/24", "--no-password")
    with tenant.gateway.smtp() as client:
        client.ehlo()
        assert client.mail(SHOP)[0] == 530


def test_aliases_and_a_shared_mailbox(tenant):
    tenant.gateway.cli("mailbox", "set", SHOP, "--alias", ORDERS, "--shared", INVOICES)
    tenant.sandbox.set("send-from-alias", "on")
    for sender in (ORDERS, INVOICES):
        message = tenant.submit(letter(f"as {sender}", sender=sender), sender=sender)
        assert tenant.gateway.wait_state(message, "delivered")["mailbox"] == SHOP
    assert [m["envelope"]["from"] for m in sorted(tenant.sandbox.messages(), key=lambda m: m["id"])] == [ORDERS, INVOICES]
    with tenant.gateway.smtp() as client:
        client.ehlo()
        client.login("erp", tenant.password)
        code, text = client.mail(BOB)
        assert code == 550 and b"5.7.1" in text and b"--shared" in text, "refused before DATA, with the fix"


def test_one_of_several_mailboxes_is_picked_by_the_sender(tenant):
    tenant.add_mailbox("printer@contoso.example")
    tenant.gateway.cli("app", "set", "erp", "--mailbox", SHOP, "--mailbox", "printer@contoso.example")
    message = tenant.submit(letter(sender="printer@contoso.example"), sender="printer@contoso.example")
    assert tenant.gateway.wait_state(message, "delivered")["mailbox"] == "printer@contoso.example"


# Limits

def test_600_recipients_go_in_two(world):
    tenant = Tenant(world, limits={**MICROSOFT, "messages-per-minute": 0})
    tenant.sandbox.set("throttle.after", "0")
    everybody = [f"r{n}@elsewhere.example" for n in range(600)]
    message = tenant.submit(letter("to all"), everybody)
    tenant.gateway.wait_state(message, "delivered")
    seen = [m["envelope"]["to"] for m in tenant.sandbox.messages()]
    assert sorted(len(to) for to in seen) == [150, 450] and sorted(sum(seen, [])) == sorted(everybody)


def test_a_server_that_takes_fewer_recipients_than_said(world):
    tenant = Tenant(world)
    tenant.sandbox.set("smtp.limits", "on")
    for switch in ("connections", "messages-per-minute", "recipients-per-day"):
        tenant.sandbox.set(f"smtp.{switch}", "0")
    tenant.sandbox.set("smtp.recipients-per-message", "40")
    everybody = [f"r{n}@elsewhere.example" for n in range(100)]
    tenant.gateway.wait_state(tenant.submit(letter(), everybody), "delivered")
    assert sorted(sum((m["envelope"]["to"] for m in tenant.sandbox.messages()), [])) == sorted(everybody)


def test_the_pace_never_offends_the_server(world):
    """70 messages at once, Microsoft's limits on both sides: three minutes of the clock, and not one 421 or 432."""
    tenant = Tenant(world, limits=MICROSOFT)
    for n in range(70):
        tenant.submit(letter(f"n{n}"))
    for count in (25, 50, 70):
        tenant.sandbox.wait_messages(count)
        assert len(tenant.sandbox.messages()) == count, "no more than its share of the minute"
        world.clock.advance(62)
    assert not tenant.gateway.events("mail.deferred") and not tenant.gateway.events("relay.refused")


# Bytes

@pytest.mark.parametrize("body, without, finding", [
    ("Grüße\r\n".encode(), "8BITMIME", "smtp.no-8bit"),
    (b"plain\r\n", "8BITMIME", None),
])
def test_a_server_without_8bitmime(tenant, body, without, finding):
    tenant.sandbox.set("smtp.without", without)
    message = tenant.submit(letter() + body, options=["BODY=8BITMIME"])
    if finding:
        done = tenant.gateway.wait_state(message, "bounced")
        assert done["recipients"][0]["finding"] == finding
        report = wait_raw(tenant)
        assert b"multipart/report" in report and report.isascii(), "the sender is told, in a way that such a server takes"
    else:
        tenant.gateway.wait_state(message, "delivered")
        assert without_received(wait_raw(tenant)) == letter() + body


def test_a_server_without_smtputf8(tenant):
    tenant.sandbox.set("smtp.without", "SMTPUTF8")
    with tenant.gateway.smtp() as client:
        client.ehlo()
        client.login("erp", tenant.password)
        client.command_encoding = "utf-8"
        assert client.mail(SHOP, ["SMTPUTF8", "BODY=8BITMIME"])[0] == 250
        assert client.rcpt("grüße@elsewhere.example")[0] == 250
        code, text = client.data(letter())
        assert code == 250
    done = tenant.gateway.wait_state(text.decode().rsplit(" ", 1)[-1], "bounced")
    assert done["recipients"][0]["finding"] == "smtp.no-smtputf8"
    report = wait_raw(tenant)
    assert b"message/global-delivery-status" in report and report.isascii(), "such a server must be able to take the report"
    assert "\r\nFinal-Recipient: utf-8;grüße@elsewhere.example\r\n".encode() in quopri.decodestring(report)


def test_smtputf8_all_the_way(tenant):
    with tenant.gateway.smtp() as client:
        client.ehlo()
        client.login("erp", tenant.password)
        client.command_encoding = "utf-8"
        assert client.mail(SHOP, ["SMTPUTF8", "BODY=8BITMIME"])[0] == 250
        assert client.rcpt("grüße@elsewhere.example")[0] == 250
        assert client.data(letter("ü"))[0] == 250
    [m] = tenant.sandbox.wait_messages(1)
    assert m["envelope"]["to"] == ["grüße@elsewhere.example"] and m["envelope"]["smtputf8"]


# Ways to speak

def test_chunks(session):
    first, rest = letter("in chunks")[:50], letter("in chunks")[50:] + b".\r\nno stuffing\r\n.\r\n"
    envelope = f"MAIL FROM:<{SHOP}> BODY=8BITMIME\r\nRCPT TO:<{ALICE}>\r\n".encode()
    answers = session.say(envelope + b"BDAT %d\r\n" % len(first) + first + b"BDAT %d\r\n" % len(rest) + rest + b"BDAT 0 LAST\r\n", 5)
    assert all(a.startswith("250") for a in answers), answers
    session.tenant.gateway.wait_state(answers[-1].split()[-1], "delivered")
    assert without_received(wait_raw(session.tenant)) == first + rest


def test_bdat_without_recipients_is_refused_and_the_octets_are_swallowed(session):
    assert session.say(b"BDAT 30 LAST\r\n" + b"MAIL FROM:<shop@contoso.ex>\r\nX", 1)[0].startswith("503")
    assert session.say(b"NOOP\r\n")[0].startswith("250")


def test_pipelining(session):
    batch = f"MAIL FROM:<{SHOP}>\r\nRCPT TO:<{ALICE}>\r\nRCPT TO:<nobody>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode()
    answers = session.say(batch, 5)
    assert [a[:3] for a in answers] == ["250", "250", "501", "250", "354"]
    answers = session.say(letter("one") + b".\r\n" + batch, 6)
    assert [a[:3] for a in answers] == ["250", "250", "250", "501", "250", "354"]
    answers = session.say(letter("two") + b".\r\nQUIT\r\n", 2)
    assert [a[:3] for a in answers] == ["250", "221"]
    assert {m["subject"] for m in session.tenant.sandbox.wait_messages(2)} == {"one", "two"}


def test_twenty_sessions_of_smtp_source(tenant):
    tenant.gateway.cli("app", "set", "erp", "--from", "127.0.0.1/32")
    done = subprocess.run(["/usr/sbin/smtp-source", "-s", "20", "-m", "200", "-l", "4000", "-f", SHOP, "-t", ALICE,
                           f"127.0.0.1:{tenant.gateway.port}"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(tenant.sandbox.wait_messages(200)) == 200
    assert tenant.gateway.json("queue", "stats")["delivered_total"] == 200


def test_sendmail_reads_recipients_and_takes_bcc_out(tenant):
    text = f"From: {SHOP}\nTo: Alice <{ALICE}>\nBcc: {BOB},\n hidden@elsewhere.example\nSubject: t\n\nbody\n.\nmore\n"
    done = tenant.gateway.cli("sendmail", "-t", "-i", "-f", SHOP, stdin=text)
    assert done.returncode == 0
    [m] = tenant.sandbox.wait_messages(1)
    assert m["envelope"]["to"] == [ALICE, BOB, "hidden@elsewhere.example"]
    raw = tenant.sandbox.raw(m)
    assert b"Bcc" not in raw and b"hidden" not in raw and raw.endswith(b"\r\n\r\nbody\r\n.\r\nmore\r\n")


# The queue's commands

def test_list_show_hold_release_retry_remove(tenant):
    queue = lambda *args, **kw: tenant.gateway.cli("queue", *args, **kw)  # noqa: E731
    tenant.gateway.cli("mailbox", "pause", SHOP)
    first, second = tenant.submit(letter("first")), tenant.submit(letter("second"))
    listed = tenant.gateway.json("queue", "list")["items"]
    assert {m["id"]: m["state"] for m in listed} == {first: "held", second: "held"}
    assert [m["id"] for m in tenant.gateway.json("queue", "list", "--limit", "1")["items"]] == [second]
    assert first in queue("list", "--recipient", ALICE).stdout and not tenant.gateway.json("queue", "list", "--sender", BOB)["items"]
    assert tenant.gateway.json("queue", "hold", first) == {"done": [first], "refused": []}
    refused = queue("retry", first, second, check=False)
    assert refused.returncode == 1 and f"postern queue release {first}" in refused.stderr
    tenant.gateway.cli("mailbox", "resume", SHOP)
    tenant.gateway.wait_state(second, "delivered")
    assert tenant.gateway.message(first)["state"] == "held"
    queue("release", first)
    tenant.gateway.wait_state(first, "delivered")
    assert queue("release", first, check=False).returncode == 1
    assert queue("show", "0000000000000001", check=False).returncode == 1
    assert queue("show", "nonsense", check=False).returncode == 1 and queue("hold", check=False).returncode == 2
    tenant.gateway.cli("mailbox", "pause", SHOP)
    third = tenant.submit(letter("third"))
    queue("remove", third)
    assert tenant.gateway.message(third)["state"] == "removed"
    shown = queue("show", second).stdout
    assert second in shown and "250 2.0.0 OK" in shown
    assert len(tenant.sandbox.messages()) == 2
